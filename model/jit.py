"""How kernels are compiled, how they reach the big tables, how they call policy hooks.

No allocation and no reference counting inside kernels; every kernel is cached under the stamp of its import closure
(`model.cache`). A hook is a C function pointer kept in the machine record, like a member of a kernel `*_operations`
struct: swapping a policy changes an address and recompiles nothing. Exceptions do not cross such a call, so kernels
report broken invariants through `panic` and the engine stops at its next step.
"""

import ctypes
from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import config, from_dtype, types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array, populate_array

from model.layout import BIG, MACHINE, MAX_HOOKS
from model.lean import Kernel, callback, name_type, short_names

short_names()
M = name_type(from_dtype(MACHINE), "M")


def kernel(fn: Callable[..., object]) -> Callable[..., Any]:
    """Compile `fn(m, ...)` when it is first called or another kernel that calls it is compiled."""
    return fn if config.DISABLE_JIT else Kernel(fn)


# The hook table: name -> number of integer arguments after the machine. Every hook answers with an integer.
HOOKS = {
    # core: bound once, called through the table so that numba compiles each of them once and not into every caller
    "shrink_inactive": 4,  # (sc, lruvec, list, pages to scan): pages reclaimed
    "shrink_active": 4,  # (sc, lruvec, list, pages to scan): 0
    "shrink_batch": 1,  # (sc): pages freed of those isolated in sc.batch
    "charged_frame": 2,  # (task, GFP flags): a frame, or NONE
    "kernel_frame": 2,  # (task, GFP flags): a frame, or NONE
    "access": 4,  # (task, region, page, operation): OK or OUT_OF_MEMORY
    "finish_writes": 0,  # (): pages whose writes have ended by now
    "soft_limit_reclaim": 1,  # (sc): groups over their soft limits give first, into sc.nr_reclaimed, nr_scanned; 0
    "slab_frame": 2,  # (task, group to charge, NO_GROUP for none): a frame for slab objects, or NONE
    "slab_access": 4,  # (task, region, object, operation): OK or OUT_OF_MEMORY
    # core: what actors do on stacks of their own; 0
    "actor_life": 1,  # (actor): what it does, once
    "task_turn": 1,  # (task): runs until its turn ends
    "flusher": 1,  # (wb): writes what is dirty, for ever
    "scanner": 1,  # (scanner): idle_step, for ever
    "controller": 1,  # (controller): proactive_step, for ever
    # axis lru; the first four have defaults for lruvecs with an active and an inactive list
    "lruvec_begin": 1,  # (sc): start on sc.lruvec; 1 = there is something to do
    "lruvec_round": 1,  # (sc): one bounded piece of work on it, adding to sc.round_reclaimed; 1 = there is more
    "lruvec_end": 1,  # (sc): done with it for this pass
    "page_referenced": 2,  # (frame, sc): young words that map it, cleared; plus 1 << 16 for an executable mapping
    "new_anon_active": 0,  # 1 = a fresh anonymous page starts on the active list
    "prepare_scan": 1,  # (sc): what may be deactivated, cache_trim and costs, before a node or zone is shrunk
    "scan_count": 1,  # (sc): how much of each list to scan, into sc.nr
    "after_round": 1,  # (sc): 1 = enough, stop shrinking this lruvec
    "age_anon": 1,  # (sc): 1 = shrink one batch of active anon after the lruvec
    "may_shrink_active": 2,  # (sc, file): 1 = the active list may be scanned
    "check_references": 3,  # (frame, young page-table words, executable mapping): RECLAIM .. ACTIVATE
    "note_inactive": 5,  # (lruvec, file, scanned, reclaimed, paged out): after a batch from an inactive list
    "note_active": 4,  # (lruvec, file, young, rotated): after a batch from an active list
    "refault": 2,  # (frame, shadow): a page comes back that was evicted before
    "evict": 2,  # (frame, sc): the shadow to leave behind, 0 = none
    "age_nonresident": 1,  # (lruvec): a page was activated
    "end_reclaim": 1,  # (sc): a direct or memcg reclaim call ends
    # axis kswapd
    "kswapd": 1,  # (node): the daemon: sleeps, balances the node, for ever
    "kswapd_needed": 2,  # (zone, highest zone index): 1 = an allocation that left the zone low should wake the daemon
    # axis direct_reclaim
    "direct_reclaim": 3,  # (node, GFP flags, allowed nodes): pages reclaimed
    "retry_zone": 3,  # (node, fruitless rounds, allowed nodes): zone + 1 for whose sake to try again, 0: out of memory
    "memcg_reclaim": 4,  # (memcg, pages wanted, swappiness or -1, 1 = user space asks): pages reclaimed
    # axis reclaim_writeback
    "pageout_file": 2,  # (frame, sc): what reclaim does with a dirty file page: KEEP or ACTIVATE
    "meet_writeback": 2,  # (frame, sc): and with one that is being written: KEEP, ACTIVATE, or RECLAIM_PAGE: waited for
    "all_dirty": 1,  # (sc): every page of a batch was dirty and none was being written
    # axis reclaim_throttle: may sleep; 0
    "throttle_batch": 1,  # (sc): after a batch from an inactive list
    "throttle_node": 1,  # (sc): after the lruvecs of a node (or zone) were shrunk at one priority
    "throttle_pass": 2,  # (sc, zone the caller prefers): after a direct reclaimer's pass at one priority
    "throttle_kswapd": 1,  # (node): between two passes of kswapd in trouble
    "throttle_retry": 2,  # (zone, fruitless rounds): before an allocation tries again
    # axis memcg
    "first_group": 1,  # (sc): the group whose lruvec is shrunk first, -1 = none
    "next_group": 2,  # (sc, group): the one after it, -1 = the walk is over
    "may_shrink": 2,  # (sc, group): 0 = it is protected, pass it over; how much of it is protected into sc.protection
    "over_high": 2,  # (task, 1 = still inside the kernel): what follows from charges beyond memory.high; 0
    "limit_reclaim": 2,  # (memcg, pages wanted): pages reclaimed because a charge found the group at its limit
    # axis dirty_throttling
    "balance_dirty_pages_ratelimited": 1,  # (task): it dirtied a page of task.balance_wb; it may sleep; 0
    "update_bandwidth": 2,  # (wb, jiffy the flusher's work began): some was submitted; 0
    # axis dirty_limits
    "dirty_ok": 1,  # (zone): 1 = dirty pages are within its limit, a page for write() may come from it
    # axis shrinker
    "shrink_slab": 2,  # (sc, group): objects freed, after the group's lruvec on the node (or zone) was shrunk
    "shrink_slab_pass": 1,  # (sc): the same, after one priority: of a task's zonelist, of kswapd's zone or node
    # axis idle
    "idle_step": 1,  # (scanner): the next bounded piece of work, time passing on clock.now; when to go on (ns)
    # axis proactive
    "proactive_step": 1,  # (controller): the same for a controller in user space
    # axis swap_readahead
    "swap_window": 3,  # (region, page, slot): where to read around a swap-in, and how many pages (swap.window)
}
HOOK_INDEX = {name: index for index, name in enumerate(HOOKS)}
assert len(HOOKS) <= MAX_HOOKS
_python_hooks: dict[int, Callable[..., int]] = {}


class Hook:
    """A function that can stand in the hook table; compiled when its address is first asked for."""

    def __init__(self, fn: Callable[..., int]) -> None:
        self.fn, self.name = fn, fn.__name__

    @cached_property
    def _compiled(self):
        return callback(types.int64(M, *[types.int64] * HOOKS[self.name]), self.fn)

    @property
    def address(self) -> int:
        """What the hook table holds for it."""
        if config.DISABLE_JIT:
            _python_hooks[id(self.fn)] = self.fn
            return id(self.fn)
        return self._compiled.address


def python_hook(address: int) -> Callable[..., int]:
    """The function whose address a hook gave, where kernels run as plain Python."""
    return _python_hooks[address]


def hook(fn: Callable[..., int]) -> Hook:
    """Mark `fn(m, ...)` as an implementation of the hook of the same name; KeyError if there is no such hook."""
    if fn.__name__ not in HOOKS:
        raise KeyError(f"{fn.__name__} is not a hook: {', '.join(HOOKS)}")
    return Hook(fn)


def bind(record: np.recarray, implementation: Hook) -> None:
    """Enter a hook in the table of the machine in `record`."""
    record.hooks[0, HOOK_INDEX[implementation.name]] = implementation.address


def _field(builder, record, *path: str):
    """LLVM pointer to the 64-bit field at `path` of the machine record."""
    offset, dtype = 0, MACHINE
    for name in path:
        assert dtype.fields is not None
        dtype, shift = dtype.fields[name][:2]
        offset += shift
    base = builder.bitcast(record, cgutils.voidptr_t)
    return builder.bitcast(builder.gep(base, [cgutils.intp_t(offset)]), cgutils.int64_t.as_pointer()
                           if hasattr(cgutils, "int64_t") else ir.IntType(64).as_pointer())  # fmt: skip


def caller(name: str):
    """The kernel-side function `name(m, ...)` that calls the hook through the machine's table."""
    arity = HOOKS[name]
    if config.DISABLE_JIT:

        def call_python(m, *args):
            return _python_hooks[int(m.hooks[HOOK_INDEX[name]])](m, *args)

        return call_python

    i64 = ir.IntType(64)

    def codegen(context, builder, sig, args):
        record = builder.bitcast(args[0], cgutils.voidptr_t)
        base = _field(builder, args[0], "hooks")
        address = builder.load(builder.gep(base, [ir.IntType(32)(HOOK_INDEX[name])]))
        kind = ir.FunctionType(i64, [cgutils.voidptr_t] + [i64] * arity)
        return builder.call(builder.inttoptr(address, kind.as_pointer()), [record, *args[1:]])

    # An intrinsic's arity is read from its definition, so there is one definition an arity.
    if arity == 0:

        @intrinsic
        def call0(typingctx, m):
            return types.int64(M), codegen

        return call0
    if arity == 1:

        @intrinsic
        def call1(typingctx, m, a):
            return types.int64(M, types.int64), codegen

        return call1
    if arity == 2:

        @intrinsic
        def call2(typingctx, m, a, b):
            return types.int64(M, types.int64, types.int64), codegen

        return call2
    if arity == 3:

        @intrinsic
        def call3(typingctx, m, a, b, c):
            return types.int64(M, *[types.int64] * 3), codegen

        return call3
    if arity == 4:

        @intrinsic
        def call4(typingctx, m, a, b, c, d):
            return types.int64(M, *[types.int64] * 4), codegen

        return call4

    @intrinsic
    def call5(typingctx, m, a, b, c, d, e):
        return types.int64(M, *[types.int64] * 5), codegen

    return call5


def accessor(name: str):
    """The function `table(m)` that gives the big table `name` as an array, inside kernels and in plain Python."""
    dtype = BIG[name]
    if config.DISABLE_JIT:

        @lru_cache(16)
        def at(address, rows):
            buffer = (ctypes.c_ubyte * (rows * dtype.itemsize)).from_address(address)
            raw = np.frombuffer(buffer, dtype=dtype)
            return raw.view(np.recarray) if dtype.names else raw

        return lambda m: at(int(m.table[name]), int(m.rows[name]))

    array_type = types.Array(from_dtype(dtype), 1, "C")

    @intrinsic
    def view(typingctx, m):
        def codegen(context, builder, sig, args):
            address = builder.load(_field(builder, args[0], "table", name))
            count = builder.load(_field(builder, args[0], "rows", name))
            array = make_array(array_type)(context, builder)
            size = cgutils.intp_t(dtype.itemsize)
            data = builder.inttoptr(address, array.data.type)
            populate_array(array, data=data, shape=[count], strides=[size], itemsize=size, meminfo=None)
            return array._getvalue()

        return array_type(M), codegen

    return view


frames = accessor("frames")
pte = accessor("pte")
cache = accessor("cache")
swapcache = accessor("swapcache")
swapmap = accessor("swapmap")
stream = accessor("stream")
missed = accessor("missed")
section = accessor("section")
ptpage = accessor("ptpage")
xanode = accessor("xanode")
on_disk = accessor("on_disk")
io_heap = accessor("io")
requests = accessor("requests")
lruvecs = accessor("lruvecs")
memcgs = accessor("memcgs")
tasks = accessor("tasks")
regions = accessor("regions")
files = accessor("files")
servers = accessor("servers")
stat_pending = accessor("stat_pending")
runqueue = accessor("runqueue")
actors = accessor("actors")
spare_stacks = accessor("spare_stacks")
scans = accessor("scans")
plugs = accessor("plugs")
dtcs = accessor("dtcs")
jobs = accessor("jobs")
idle_age = accessor("idle_age")
last_touch = accessor("last_touch")
idle_stats = accessor("idle_stats")
iters = accessor("iters")
lrugens = accessor("lrugens")
bloom = accessor("bloom")
damon_regions = accessor("damon_regions")
page_cgroup = accessor("page_cgroup")
soft_nodes = accessor("soft_nodes")
page_events = accessor("page_events")
objects = accessor("objects")
spaces = accessor("spaces")
slab_caches = accessor("slab_caches")
slab_unused = accessor("slab_unused")
slab_partial = accessor("slab_partial")
shrinkers = accessor("shrinkers")
deferred = accessor("deferred")
slot_used = accessor("slot_used")
tried = accessor("tried")
far = accessor("far")
stalled_before = accessor("stalled_before")
dirty_tags = accessor("dirty_tags")
page_waits = accessor("page_waits")
batches = accessor("batches")
wbs = accessor("wbs")
wb_domains = accessor("wb_domains")
latencies = accessor("latencies")
tlb = accessor("tlb")
