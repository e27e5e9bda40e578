"""The loop: the actor whose clock is earliest does a bounded piece of work.

Actors are tasks, one kswapd a node, one flusher a disk. A task consumes events from its stream buffer: accesses that
its page table can serve only set bits and cost latency (`hits`); the first one it cannot serve enters the kernel
(`fault.access`). The loop returns to Python when a stream buffer is empty, a sample is due, or everything has ended.
"""

from model.actors import NEVER, earliest, schedule
from model.block.completions import next_completion
from model.block.server import serve
from model.events import ARG_MASK, COMPUTE, EXIT, FSYNC, OP_SHIFT, REGISTER, WRITE
from model.jit import caller, files, kernel, last_touch, memcgs, pte, regions, section, stream, tasks, tlb
from model.layout import NONE
from model.mm.balance_dirty import after_access, go_on, leave_to_others
from model.mm.calls import CALL_FSYNC, call_begins, call_ends
from model.mm.exit import exit_mm
from model.mm.filemap import file_at
from model.mm.fsync import fsync
from model.mm.lists import panic
from model.mm.memcontrol import fold_periodically, read_stat
from model.mm.oom import oom_kill
from model.mm.pageout import still_waits, unplug_now
from model.mm.pressure import stalled_ns
from model.mm.state import (
    BLOCKED,
    DONE,
    KILLED,
    NEED_EVENTS,
    OUT_OF_MEMORY,
    PTE_DIRTY,
    PTE_FRAME,
    PTE_PRESENT,
    PTE_SHIFT,
    PTE_YOUNG,
    RUNNABLE,
    STUCK,
)
from model.mm.throttle import awake
from model.mm.truth import note_access, stamp
from model.mm.writeback import flusher_step

kswapd_step = caller("kswapd_step")
access = caller("access")
idle_step = caller("idle_step")
proactive_step = caller("proactive_step")
over_high = caller("over_high")
finish_writes = caller("finish_writes")
FINISHED, WANT_EVENTS, SAMPLE_DUE, BROKEN, TIME_UP, PASS_OVER = 0, 1, 2, 3, 4, 5


def _hit_path(watched: bool, cached: bool):
    """The kernel below, three times: `watched` also notes when each frame was touched, for the truth about idle pages.

    `cached`: through a TLB, whose entries let accesses go by without marking the page-table word.
    """

    @kernel
    def hits(m, t, until, limit):
        """Run task `t`'s events up to buffer position `limit` while its page table serves them, until time `until`."""
        task, table, events, where, entries = tasks(m)[t], pte(m), stream(m), section(m), tlb(m)
        node, now, pos, base, think = m.nodes[task.node], m.clock.now, task.pos, t * m.cfg.chunk, task.think
        while pos < limit and now < until:
            event = events[base + pos]
            op = event >> OP_SHIFT
            if op > WRITE:
                break
            # Shifts, not ARG_MASK: as compiled for x86, the mask makes every look-up wait for the one before.
            at = task.pte_start + ((event << 64 - OP_SHIFT) >> 64 - OP_SHIFT)
            word = table[at]
            if not word & PTE_PRESENT or (op and word < 0):
                break
            wanted = word | PTE_YOUNG | (PTE_DIRTY if op else 0)
            if cached:
                if entries[at] and not (op and not word & PTE_DIRTY):
                    wanted = word
                entries[at] = 1
            if wanted != word:
                table[at] = wanted
            pfn = (word >> PTE_SHIFT) & PTE_FRAME
            if watched or (cached and m.cfg.idle_tracking):
                last_touch(m)[pfn] = stamp(now)
            nid = where[pfn >> m.cfg.section_shift]
            task.touched[nid] += 1
            now += node.cost[nid] + think
            pos += 1
        done = pos - task.pos
        task.pos = pos
        task.stat.accesses += done
        task.stat.hit_ns += now - m.clock.now - done * think
        m.clock.accesses += done
        m.clock.now = now

    return hits


hits, hits_watched, hits_cached = _hit_path(False, False), _hit_path(True, False), _hit_path(False, True)


@kernel
def flush_tlb(m, t):
    """Task `t`'s CPU has turned to another address space and back."""
    task, entries = tasks(m)[t], tlb(m)
    task.tlb_until = m.clock.now + m.cfg.tlb_flush
    for at in range(task.pte_start, task.pte_start + task.npages):
        entries[at] = 0


@kernel
def book_channels(m, t):
    """Let the memory channels serve the cache lines touched since the last call; the task waits for the slowest."""
    task, start = tasks(m)[t], m.clock.now
    done = start
    for nid in range(m.cfg.nr_nodes):
        fresh = task.touched[nid] - task.booked[nid]
        if fresh:
            task.booked[nid] = task.touched[nid]
            if nid != task.node:
                task.stat.remote_touches += fresh
            end = serve(m, m.nodes[nid].channel, start, fresh * m.nodes[nid].line_ps // 1000)
            # The lines' own transfer time is part of the load latency already; only queueing delays the task.
            done = max(done, end - fresh * m.nodes[nid].line_ps // 1000)
    task.stat.stall_channel_ns += done - start
    m.clock.now = done


@kernel
def enter_kernel(m, t):
    """Serve the event at the task's position that its page table could not; 0 when the task was killed or rests."""
    task = tasks(m)[t]
    event = stream(m)[t * m.cfg.chunk + task.pos]
    op, argument = event >> OP_SHIFT, event & ARG_MASK
    if m.cfg.tlb_flush and m.clock.now >= task.tlb_until:
        flush_tlb(m, t)
    if op == COMPUTE:
        m.clock.now += argument
        task.pos += 1
        return 1
    if op == EXIT:
        exit_mm(m, t)
        leave_to_others(m, t)
        task.pos += 1
        return 1
    if op == REGISTER:
        m.clock.now += argument
        m.clock.shrinkers_busy_until = m.clock.now
        task.pos += 1
        return 1
    region = task.first_region
    last = region + task.nr_regions - 1
    while region < last and argument >= regions(m)[region + 1].first:
        region += 1
    if op == FSYNC:
        return sync_file(m, t, region, argument)
    entered, stalls = m.clock.now, stalled_ns(m, t)
    m.clock.may_block = 1
    served = access(m, t, region, argument, op)
    m.clock.may_block = 0
    if served == OUT_OF_MEMORY and m.clock.blocked_until:
        task.stat.fault_ns += m.clock.now - entered - (stalled_ns(m, t) - stalls)
        return 0
    task.suspended.active = 0
    if served == OUT_OF_MEMORY:
        oom_kill(m, t)
        return 0
    if m.cfg.tlb_flush and op <= WRITE and pte(m)[task.pte_start + argument] & PTE_PRESENT:
        tlb(m)[task.pte_start + argument] = 1  # the access is tried again
    if m.cfg.idle_tracking:
        note_access(m, region, argument)
    if task.over_high:
        over_high(m, t, 0)
    after_access(m, t)
    task.stat.fault_ns += m.clock.now - entered - (stalled_ns(m, t) - stalls)
    if task.throttled and task.state == RUNNABLE:
        task.wake_at += task.think
    else:
        m.clock.now += task.think
    task.pos += 1
    task.stat.accesses += 1
    m.clock.accesses += 1
    return 1


@kernel
def sync_file(m, t, region, page):
    """fsync of the file that the region has at `page`; 0 while the task rests."""
    r = regions(m)[region]
    index = files(m)[r.file].start + r.file_offset + page - r.first
    call_begins(m, t, CALL_FSYNC)
    if not fsync(m, t, file_at(m, region, index)):
        return 0
    call_ends(m, t)
    tasks(m)[t].pos += 1
    return 1


@kernel
def event_limit(m, t):
    """Buffer position at which the task must stop for a sample or a reader of its group's memory.stat."""
    task, limit = tasks(m)[t], tasks(m)[t].filled
    if m.cfg.sample_accesses:
        limit = min(limit, task.pos + m.clock.next_sample - m.clock.accesses)
    group = memcgs(m)[task.memcg]
    if group.stat_every:
        limit = min(limit, task.pos + group.stat_every - group.accesses % group.stat_every)
    return limit


@kernel
def run_task(m, t, until):
    """Task `t` works until its clock reaches `until`, its buffer is empty, or a sample is due."""
    task = tasks(m)[t]
    group = memcgs(m)[task.memcg]
    m.clock.cpu, m.clock.task, m.clock.now, m.clock.nofs = task.cpu, t, task.time, task.nofs
    awake(m, t)
    if task.throttled:
        go_on(m, t)
    while not task.throttled and m.clock.now < until and task.pos < task.filled and m.clock.broken == 0:
        if group.stat_every and group.accesses % group.stat_every == 0:
            read_stat(m, task.memcg)
        limit, before = event_limit(m, t), task.stat.accesses
        if m.cfg.tlb_flush:
            hits_cached(m, t, until, limit)
        elif m.cfg.idle_tracking:
            hits_watched(m, t, until, limit)
        else:
            hits(m, t, until, limit)
        if task.pos < limit and m.clock.now < until and not enter_kernel(m, t):
            break
        group.accesses += task.stat.accesses - before
        if m.cfg.sample_accesses and m.clock.accesses >= m.clock.next_sample:
            break
        if next_completion(m) <= m.clock.now or m.clock.wake or m.clock.blocked_until:
            break
    book_channels(m, t)
    asleep = task.throttled and task.state == RUNNABLE
    task.time = max(m.clock.now, m.clock.blocked_until, task.wake_at if asleep else 0)
    if task.state == RUNNABLE and task.pos >= task.filled and not task.throttled:
        task.state = DONE if task.exhausted else NEED_EVENTS
    if task.state == DONE or task.state == KILLED:
        m.clock.tasks_left -= 1
        leave_to_others(m, t)
        schedule(m, t, NEVER)
    elif task.state != BLOCKED:
        schedule(m, t, task.time)


@kernel
def run_kswapd(m, nid):
    """One bounded piece of work of the node's kswapd, on its own clock."""
    node = m.nodes[nid]
    m.clock.cpu, m.clock.task, m.clock.now = node.daemon_cpu, NONE, node.kswapd_at
    started = m.clock.now
    awake(m, m.cfg.kswapd_slot + nid)
    m.clock.may_block = 1
    if not still_waits(m, nid):
        kswapd_step(m, nid)
    if node.kswapd_run != 1 and m.sc[nid].plug_waits:
        unplug_now(m, nid)
    m.clock.may_block = 0
    if node.kswapd_run == 1:
        node.vm.kswapd_ns += m.clock.now - started
        node.kswapd_at = max(m.clock.now, m.clock.blocked_until)
    schedule(m, m.cfg.kswapd_slot + nid, node.kswapd_at if node.kswapd_run else NEVER)


@kernel
def run_flusher(m, w):
    """One request of a flusher, on its own clock."""
    m.clock.cpu, m.clock.task = 0, NONE
    flusher_step(m, w)


@kernel
def run_idle(m, slot):
    """One bounded piece of work of an idle page scanner, on its own clock."""
    m.clock.cpu, m.clock.task = 0, NONE
    started, resume = m.clock.now, idle_step(m, slot - m.cfg.idle_slot)
    m.vm.idle_scan_ns += m.clock.now - started
    schedule(m, slot, max(resume, m.clock.now))


@kernel
def run_proactive(m, slot):
    """One decision of a proactive reclaimer in user space, and the reclaim it asks for."""
    m.clock.cpu, m.clock.task = 0, NONE
    started, resume = m.clock.now, proactive_step(m, slot - m.cfg.proactive_slot)
    m.vm.proactive_ns += m.clock.now - started
    schedule(m, slot, max(resume, m.clock.now))


@kernel
def run(m):
    """Run actors until Python is needed; one of FINISHED .. PASS_OVER, with `clock.actor` the task that wants events.

    PASS_OVER comes after every kswapd run when the cell is checked.
    """
    idle = 0
    while m.clock.broken == 0:
        who, first, second = earliest(m)
        if m.clock.tasks_left == 0:
            return FINISHED
        if min(first, next_completion(m)) >= m.cfg.duration:
            return TIME_UP
        if m.cfg.sample_ns and min(first, next_completion(m)) >= m.clock.next_sample:
            return SAMPLE_DUE
        if m.cfg.sample_accesses and m.clock.accesses >= m.clock.next_sample:
            return SAMPLE_DUE
        if next_completion(m) < first:  # it may wake somebody who is to run before
            m.clock.now = next_completion(m)
            finish_writes(m)
            continue
        m.clock.actor, m.clock.now, m.clock.wake, m.clock.nofs, m.clock.blocked_until = who, first, 0, 0, 0
        finish_writes(m)
        fold_periodically(m)
        if who >= m.cfg.proactive_slot:
            run_proactive(m, who)
        elif who >= m.cfg.idle_slot:
            run_idle(m, who)
        elif who >= m.cfg.flusher_slot:
            run_flusher(m, who - m.cfg.flusher_slot)
        elif who >= m.cfg.kswapd_slot:
            run_kswapd(m, who - m.cfg.kswapd_slot)
            if m.cfg.check and m.nodes[who - m.cfg.kswapd_slot].kswapd_run != 1:
                return PASS_OVER
        elif tasks(m)[who].state == NEED_EVENTS:
            return WANT_EVENTS
        else:
            run_task(m, who, min(second + m.cfg.quantum, m.clock.next_flush, m.cfg.duration))
        idle = idle + 1 if m.clock.now == first else 0
        if idle > 1_000_000:
            panic(m, STUCK, who)
    return BROKEN
