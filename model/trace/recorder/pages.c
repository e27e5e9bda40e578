/* A tool for valgrind that tells which pages a program touches, in order: compiled on first use by build.py.

   An access to the page of the one before costs a subtraction and a compare in the translated code. Any other is
   folded as mmrun.model.trace.fold does it, with a window a thread, and what is left goes in chunks to a named pipe:
   a chunk is of one thread, and short enough for the kernel to write it whole.

     chunk   process, thread, number of records, kind (u32 each), then the records
     record  page << 1 | writes (u64); kind 1: a process begins, its records are its name in bytes */

#include "pub_tool_basics.h"
#include "pub_tool_clientstate.h"
#include "pub_tool_libcassert.h"
#include "pub_tool_libcbase.h"
#include "pub_tool_libcfile.h"
#include "pub_tool_libcprint.h"
#include "pub_tool_libcproc.h"
#include "pub_tool_machine.h"
#include "pub_tool_mallocfree.h"
#include "pub_tool_options.h"
#include "pub_tool_threadstate.h"
#include "pub_tool_tooliface.h"
#include "pub_tool_vki.h"
#include "pub_tool_vkiscnums.h"

/* Of valgrind's core, which every tool is linked with; not in its headers for tools. */
extern Int VG_(safe_fd)(Int fd);
extern Int VG_(fcntl)(Int fd, Int command, Addr argument);

#define PAGE 4096UL
#define NOWHERE (~(Addr)(PAGE - 1)) /* the last page there could be, which no program has */
#define RECORDS 510                 /* a chunk of 4096 bytes, what a pipe takes at once (PIPE_BUF) */
#define THREADS 512
#define MOST_WINDOW 1024
enum { ACCESSES, BEGINS };

typedef struct {
   Addr page;
   Bool dirty;         /* whether a write to it has been recorded */
   ULong used, noted;  /* its latest access and record, by number of access */
} Recent;

typedef struct {
   ULong time, record;
} Held;

typedef struct {
   Recent recent[MOST_WINDOW];   /* the latest first */
   Held held[4 * MOST_WINDOW + 4]; /* records that others may still come before, in order of time */
   Int count;
   ULong accesses;
} Window;

static struct {
   UInt process, thread, count, kind;
   ULong records[RECORDS];
} chunk;

static Addr hit_read = NOWHERE, hit_write = NOWHERE; /* pages that need no call; translated code reads them */
static Window *windows[THREADS], *window;
static Int pipe_fd = -1;
static const HChar *clo_out;
static Int clo_fold = 1;
static Bool clo_instructions, clo_kernel = True;

/* ---- chunks ---- */

static void put_chunk(UInt bytes)
{
   const HChar *at = (const HChar *)&chunk;
   Int written = 0;

   while (pipe_fd >= 0 && bytes > 0) {
      written = VG_(write)(pipe_fd, at, bytes);
      if (written == -VKI_EINTR)
         continue;
      if (written <= 0) {
         pipe_fd = -1; /* nobody listens any more: the program goes on unrecorded */
         return;
      }
      at += written;
      bytes -= written;
   }
}

static void flush(void)
{
   if (chunk.count)
      put_chunk(16 + 8 * chunk.count);
   chunk.count = 0;
}

static void put(ULong record)
{
   chunk.records[chunk.count++] = record;
   if (chunk.count == RECORDS)
      flush();
}

static void begin_process(void)
{
   const HChar *name = VG_(args_the_exename) ? VG_(args_the_exename) : "?";

   chunk.process = VG_(getpid)();
   chunk.thread = 0;
   chunk.kind = BEGINS;
   chunk.count = VG_(strlen)(name);
   if (chunk.count > 1024)
      chunk.count = 1024;
   VG_(memcpy)(chunk.records, name, chunk.count);
   put_chunk(16 + chunk.count);
   chunk.kind = ACCESSES;
   chunk.count = 0;
}

/* ---- folding ---- */

static void hold(ULong time, Addr page, Bool write)
{
   Int at = window->count++;

   for (; at > 0 && window->held[at - 1].time > time; at--)
      window->held[at] = window->held[at - 1];
   window->held[at].time = time;
   window->held[at].record = (ULong)(page / PAGE) << 1 | write;
}

static void release_before(ULong time)
{
   Int first = 0, at;

   while (first < window->count && window->held[first].time < time)
      put(window->held[first++].record);
   for (at = first; first && at < window->count; at++)
      window->held[at - first] = window->held[at];
   window->count -= first;
}

static void release(void)
{
   if (window)
      release_before(~0UL);
}

static void run_as(ThreadId tid)
{
   Int i;

   if (window == windows[tid] && window)
      return;
   release();
   flush();
   if (!windows[tid]) {
      windows[tid] = VG_(calloc)("pages.window", 1, sizeof(Window));
      for (i = 0; i < clo_fold; i++)
         windows[tid]->recent[i].page = NOWHERE;
   }
   window = windows[tid];
   chunk.thread = tid;
   hit_read = window->recent[0].page;
   hit_write = window->recent[0].dirty ? hit_read : NOWHERE;
}

static void leave(Recent *last)
{
   Recent *each;

   for (each = window->recent; each < last; each++)
      if (each->noted < last->noted) {
         hold(each->used, each->page, False);
         each->noted = each->used;
      }
}

static void touch_page(Addr page, Bool write)
{
   Recent *first = window->recent, *last = first + clo_fold - 1, entry;
   Bool found;
   Int at = 0;

   while (at < clo_fold && first[at].page != page)
      at++;
   found = at < clo_fold;
   if (!found && last->page != NOWHERE)
      leave(last);
   if (found)
      entry = first[at];
   else
      entry = (Recent){.page = page};
   entry.used = ++window->accesses;
   for (at = found ? at : clo_fold - 1; at > 0; at--)
      first[at] = first[at - 1];
   *first = entry;
   if (!found && last->page != NOWHERE)
      release_before(last->used);
   hit_read = page;
   hit_write = first->dirty || write ? page : NOWHERE;
   if (found && (first->dirty || !write))
      return;
   first->dirty = write;
   if (found && window->count && window->held[window->count - 1].record >> 1 == page / PAGE) {
      window->held[window->count - 1].record |= 1;
      return;
   }
   hold(window->accesses, page, write);
   first->noted = window->accesses;
}

static VG_REGPARM(2) void touch(Addr address, UWord how)
{
   Addr page = address & ~(PAGE - 1), last = (address + (how >> 1) - 1) & ~(PAGE - 1);

   for (; page <= last; page += PAGE)
      touch_page(page, how & 1);
}

/* ---- what the program does ---- */

static void add_access(IRSB *out, IRExpr *address, Int size, Bool write, IRExpr *guard)
{
   Addr *hit = write ? &hit_write : &hit_read;
   IRTemp base = newIRTemp(out->tyenv, Ity_I64), offset = newIRTemp(out->tyenv, Ity_I64);
   IRTemp outside = newIRTemp(out->tyenv, Ity_I1);
   IRDirty *call = unsafeIRDirty_0_N(2, "touch", VG_(fnptr_to_fnentry)(&touch),
                                     mkIRExprVec_2(address, mkIRExpr_HWord((UWord)size << 1 | write)));

   if (!guard) {
      addStmtToIRSB(out, IRStmt_WrTmp(base, IRExpr_Load(Iend_LE, Ity_I64, mkIRExpr_HWord((HWord)hit))));
      addStmtToIRSB(out, IRStmt_WrTmp(offset, IRExpr_Binop(Iop_Sub64, address, IRExpr_RdTmp(base))));
      addStmtToIRSB(out, IRStmt_WrTmp(outside, IRExpr_Binop(Iop_CmpLT64U, mkIRExpr_HWord(PAGE - size),
                                                            IRExpr_RdTmp(offset))));
      guard = IRExpr_RdTmp(outside);
   }
   call->guard = guard;
   addStmtToIRSB(out, IRStmt_Dirty(call));
}

static void add_accesses_of(IRSB *out, IRStmt *st, IRTypeEnv *types)
{
   IRType wide, narrow;
   Int size;

   switch (st->tag) {
   case Ist_IMark:
      if (clo_instructions)
         add_access(out, mkIRExpr_HWord(st->Ist.IMark.addr), st->Ist.IMark.len, False, NULL);
      break;
   case Ist_WrTmp:
      if (st->Ist.WrTmp.data->tag == Iex_Load)
         add_access(out, st->Ist.WrTmp.data->Iex.Load.addr, sizeofIRType(st->Ist.WrTmp.data->Iex.Load.ty), False, NULL);
      break;
   case Ist_Store:
      add_access(out, st->Ist.Store.addr, sizeofIRType(typeOfIRExpr(types, st->Ist.Store.data)), True, NULL);
      break;
   case Ist_LoadG:
      typeOfIRLoadGOp(st->Ist.LoadG.details->cvt, &wide, &narrow);
      add_access(out, st->Ist.LoadG.details->addr, sizeofIRType(narrow), False, st->Ist.LoadG.details->guard);
      break;
   case Ist_StoreG:
      size = sizeofIRType(typeOfIRExpr(types, st->Ist.StoreG.details->data));
      add_access(out, st->Ist.StoreG.details->addr, size, True, st->Ist.StoreG.details->guard);
      break;
   case Ist_Dirty:
      size = st->Ist.Dirty.details->mSize;
      if (st->Ist.Dirty.details->mFx == Ifx_Read || st->Ist.Dirty.details->mFx == Ifx_Modify)
         add_access(out, st->Ist.Dirty.details->mAddr, size, False, NULL);
      if (st->Ist.Dirty.details->mFx == Ifx_Write || st->Ist.Dirty.details->mFx == Ifx_Modify)
         add_access(out, st->Ist.Dirty.details->mAddr, size, True, NULL);
      break;
   case Ist_CAS:
      size = sizeofIRType(typeOfIRExpr(types, st->Ist.CAS.details->dataLo));
      size *= st->Ist.CAS.details->dataHi ? 2 : 1;
      add_access(out, st->Ist.CAS.details->addr, size, True, NULL);
      break;
   case Ist_LLSC:
      if (st->Ist.LLSC.storedata)
         add_access(out, st->Ist.LLSC.addr, sizeofIRType(typeOfIRExpr(types, st->Ist.LLSC.storedata)), True, NULL);
      else
         add_access(out, st->Ist.LLSC.addr, sizeofIRType(typeOfIRTemp(types, st->Ist.LLSC.result)), False, NULL);
      break;
   default:
      break;
   }
}

static IRSB *instrument(VgCallbackClosure *closure, IRSB *in, const VexGuestLayout *layout,
                        const VexGuestExtents *extents, const VexArchInfo *arch, IRType guest_word, IRType host_word)
{
   IRSB *out = deepCopyIRSBExceptStmts(in);
   Bool begun = False;
   Int i;

   if (guest_word != Ity_I64 || host_word != Ity_I64)
      VG_(tool_panic)("programs of 64 bits only");
   for (i = 0; i < in->stmts_used; i++) {
      begun |= in->stmts[i]->tag == Ist_IMark; /* before, valgrind's own preamble stands */
      if (begun)
         add_accesses_of(out, in->stmts[i], in->tyenv);
      addStmtToIRSB(out, in->stmts[i]);
   }
   return out;
}

static void kernel_touches(CorePart part, ThreadId tid, Addr address, SizeT size, Bool write)
{
   if (!clo_kernel || part != Vg_CoreSysCall || size == 0 || size >= 1UL << 40)
      return;
   run_as(tid);
   touch(address, size << 1 | write);
}

static void kernel_reads(CorePart part, ThreadId tid, const HChar *what, Addr address, SizeT size)
{
   kernel_touches(part, tid, address, size, False);
}

static void kernel_reads_text(CorePart part, ThreadId tid, const HChar *what, Addr address)
{
   kernel_touches(part, tid, address, 1, False); /* its first page; how long it is, is not told */
}

static void kernel_wrote(CorePart part, ThreadId tid, Addr address, SizeT size)
{
   kernel_touches(part, tid, address, size, True);
}

static void thread_runs(ThreadId tid, ULong blocks)
{
   run_as(tid);
}

static void before_syscall(ThreadId tid, UInt number, UWord *args, UInt count)
{
   if (number == __NR_execve || number == __NR_execveat) { /* nothing of this program runs after it */
      release();
      flush();
   }
}

static void after_syscall(ThreadId tid, UInt number, UWord *args, UInt count, SysRes result)
{
}

static void before_fork(ThreadId tid)
{
   release();
   flush();
}

static void in_child(ThreadId tid)
{
   begin_process();
   window = NULL;
   run_as(tid);
}

/* ---- beginning and end ---- */

static Bool option(const HChar *arg)
{
   return VG_STR_CLO(arg, "--pages-out", clo_out) || VG_BINT_CLO(arg, "--fold", clo_fold, 1, MOST_WINDOW) ||
          VG_BOOL_CLO(arg, "--instructions", clo_instructions) || VG_BOOL_CLO(arg, "--kernel", clo_kernel);
}

static void usage(void)
{
   VG_(printf)("    --pages-out=PIPE --fold=PAGES --instructions=no|yes --kernel=no|yes\n");
}

static void debug_usage(void)
{
}

static void begin(void)
{
   SysRes opened;

   if (!clo_out)
      VG_(fmsg_bad_option)("--pages-out", "name a pipe\n");
   opened = VG_(open)(clo_out, VKI_O_WRONLY | VKI_O_NONBLOCK, 0); /* fails where nobody reads */
   if (!sr_isError(opened)) {
      pipe_fd = VG_(safe_fd)(sr_Res(opened));
      VG_(fcntl)(pipe_fd, VKI_F_SETFL, 0);
   }
   begin_process();
   run_as(1);
}

static void end(Int status)
{
   release();
   flush();
}

static void before_options(void)
{
   VG_(details_name)("pages");
   VG_(details_version)(NULL);
   VG_(details_description)("the pages a program touches");
   VG_(details_copyright_author)("mmrun");
   VG_(details_bug_reports_to)("mmrun");
   VG_(details_avg_translation_sizeB)(400);
   VG_(basic_tool_funcs)(begin, instrument, end);
   VG_(needs_command_line_options)(option, usage, debug_usage);
   VG_(needs_syscall_wrapper)(before_syscall, after_syscall);
   VG_(track_start_client_code)(thread_runs);
   VG_(track_pre_mem_read)(kernel_reads);
   VG_(track_pre_mem_read_asciiz)(kernel_reads_text);
   VG_(track_post_mem_write)(kernel_wrote);
   VG_(atfork)(before_fork, NULL, in_child);
}

VG_DETERMINE_INTERFACE_VERSION(before_options)
