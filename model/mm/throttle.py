"""Reclaimers that sleep because what they want to free is still being written (mm/vmscan.c, mm/backing-dev.c).

When and for how long is a variant's business (`policies/reclaim_throttle`); here is how. A reclaimer sleeps at most a
tenth of a second on a wait queue; disks, flushers and everybody else go on meanwhile.
"""

from model.actors import NEVER
from model.block.completions import next_completion
from model.jit import actors, caller, kernel, sleepers, tasks, wb_domains
from model.layout import MAX_NODES, NONE
from model.mm.page_writeback import global_dirtyable, limits_of
from model.mm.pageout import unplug_all
from model.mm.wait_queue import CONGESTED, CONGESTION, REASONS, WRITEBACK, finish_wait, sleep_on
from model.mm.writeback import flusher_step

finish_writes = caller("finish_writes")

TENTH_NS, FIFTIETH_NS = 100_000_000, 20_000_000  # HZ/10, HZ/50
ZONE_CONGESTED, TAIL_LRU_DIRTY, UNDER_WRITEBACK = 1, 2, 4  # zone.reclaim_flags, of a node on its first zone
ANY_NUMBER = 1 << 62


@kernel
def next_flusher(m):
    """(the flusher whose next step is earliest, when), or (NONE, a time beyond every other)."""
    found, at = NONE, NEVER
    for w in range(m.cfg.nr_wbs):
        due = actors(m)[m.cfg.actor_leaves + m.cfg.flusher_slot + w]
        if due < at:
            found, at = w, due
    return found, at


@kernel
def let_disks_work(m, deadline, pages):
    """Time passes on the spot until `deadline`, or until more than `pages` were written; flushers and disks go on."""
    written = 0
    while written <= pages:
        w, step = next_flusher(m)
        at = min(step, next_completion(m))
        if at > deadline:
            m.clock.now = deadline
            return
        m.clock.now = max(m.clock.now, at)
        if step <= at:
            flusher_step(m, w)
        written += finish_writes(m)


@kernel
def catch_up(m):
    """A reclaimer is ahead of the flushers' clocks: they do what they have done by its time, and writes end."""
    now = m.clock.now
    while True:
        w, step = next_flusher(m)
        if step > now:
            break
        m.clock.now = step
        flusher_step(m, w)
    m.clock.now = now
    finish_writes(m)


@kernel
def sleep(m, queue, ns):
    """The reclaimer sleeps for `ns` or until its queue is woken; a task gives its event up and comes back to it."""
    row = sleepers(m)[m.clock.actor]
    row.why = queue
    if m.clock.may_block:
        unplug_all(m)
        if m.clock.blocked_until == 0:
            sleep_on(m, queue, m.clock.now + ns)
        return
    let_disks_work(m, m.clock.now + ns, ANY_NUMBER)


@kernel
def any_congested(m):
    """Whether some disk's queue is full of writes (nr_bdi_congested)."""
    congested = False
    for disk in range(m.cfg.nr_disks):
        congested |= m.disks[disk].congested > 0
    return congested


@kernel
def congestion_wait(m, ns):
    """Sleep for `ns`, or until some disk's queue is no longer full; on blk-mq none ever says so."""
    m.vm.congestion_wait += 1
    sleep(m, CONGESTION, ns)


@kernel
def wait_iff_congested(m, zone, ns):
    """The same, if there is a full queue and the zone's dirty pages were found waiting for one; else go on."""
    m.vm.wait_iff_congested += 1
    if any_congested(m) and m.zones[zone].reclaim_flags & ZONE_CONGESTED:
        congestion_wait(m, ns)


@kernel
def writeout_limit(m, smoothed):
    """Pages under writeback from which on reclaimers wait: a tenth more than the dirty threshold.

    `smoothed`: the threshold as it falls slowly (since 3.5).
    """
    thresh, _ = limits_of(m, global_dirtyable(m))
    if smoothed:
        thresh = max(thresh, wb_domains(m)[0].dirty_limit)
    return thresh + thresh // 10


@kernel
def throttle_vm_writeout(m, s, smoothed):
    """A reclaimer is done with a lruvec (a zone): it sleeps while too much is under writeback, swap included.

    Until 4.8 this is what keeps reclaimers from putting all memory under writeback and finding nothing to reclaim.
    Who sleeps looks again when it runs on (`sc.writeout`), unless it holds file system locks.
    """
    sc = m.sc[s]
    sc.writeout = 0
    while m.vm.nr_unstable + m.vm.nr_writeback > writeout_limit(m, smoothed) and m.clock.now < m.cfg.duration:
        congestion_wait(m, TENTH_NS)
        if m.clock.blocked_until:
            sc.writeout = sc.may_enter_fs
            return
        if not sc.may_enter_fs:
            return


@kernel
def clear_flags(m, nid):
    """The node is balanced: what was found out about its zones' dirty pages no longer holds."""
    node = m.nodes[nid]
    for z in range(node.first_zone, node.first_zone + node.nr_zones):
        m.zones[z].reclaim_flags = 0


@kernel
def awake(m, slot):
    """An actor runs again: book how long it slept, and why. The time (ns)."""
    row = sleepers(m)[slot]
    why, slept = row.why, finish_wait(m, slot)
    if slept == 0:
        return 0
    reason, nid = (why - REASONS) // MAX_NODES, (why - REASONS) % MAX_NODES
    if why > CONGESTION and reason == WRITEBACK:
        m.nodes[nid].nr_throttled -= 1
    if slot >= m.cfg.nr_tasks:
        m.nodes[slot - m.cfg.kswapd_slot].vm.kswapd_asleep_ns += slept
        return slept
    if tasks(m)[slot].throttled:
        return slept  # a dirtier in congestion_wait, which books its sleeps itself
    stat = tasks(m)[slot].stat
    stat.stall_alloc_ns += slept
    if why == CONGESTION:
        stat.stall_congestion_ns += slept
    elif reason == WRITEBACK:
        stat.stall_writeback_ns += slept
    elif reason == CONGESTED:
        stat.stall_congested_ns += slept
    else:
        stat.stall_noprogress_ns += slept
    return slept
