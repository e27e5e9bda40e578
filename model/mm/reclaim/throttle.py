"""Reclaimers that sleep because what they want to free is still being written (mm/vmscan.c, mm/backing-dev.c).

When and for how long is a variant's business (`variants/reclaim_throttle`); here is how. A reclaimer sleeps at most a
tenth of a second on a wait queue; disks, flushers and everybody else go on meanwhile.
"""

from mmrun.model.block.state import disks
from mmrun.model.core.accounting import CONGESTION, OVER_WRITEBACK, begins, ends
from mmrun.model.core.jit import kernel
from mmrun.model.core.sleep import io_wait, wait
from mmrun.model.machine.state import nodes
from mmrun.model.machine.timers import timeout_ns
from mmrun.model.mm.page.state import zones
from mmrun.model.mm.reclaim.state import congestion, reclaim_count
from mmrun.model.mm.reclaim.tracepoints import mm_vmscan_throttled, writeback_congestion_wait
from mmrun.model.mm.writeback.page_writeback import global_dirtyable, limits_of
from mmrun.model.mm.writeback.plug import unplug
from mmrun.model.mm.writeback.state import wb_domains, writeback_count
from mmrun.model.mm.writeback.wait_queue import WRITEBACK

TENTH_NS, FIFTIETH_NS, USEC = 100_000_000, 20_000_000, 1_000  # HZ/10, HZ/50
ZONE_CONGESTED, TAIL_LRU_DIRTY, UNDER_WRITEBACK = 1, 2, 4  # zone.reclaim_flags, of a node on its first zone


@kernel
def sleep(m, queue, stall, ns):
    """The running reclaimer sleeps for `ns` or until its queue is woken, with nothing in its plug.

    Sleeps end with a tick: one of a jiffy lasts one to two of them.
    """
    unplug(m)
    begins(m, stall)
    if stall == CONGESTION:  # congestion_wait sleeps in io_schedule, reclaim_throttle does not
        io_wait(m, queue, timeout_ns(m, ns))
    else:
        wait(m, queue, timeout_ns(m, ns))
    ends(m, stall)


@kernel
def any_congested(m):
    """Whether some disk's queue is full of writes (nr_bdi_congested)."""
    congested = False
    for disk in range(len(disks(m))):
        congested |= disks(m)[disk].congested > 0
    return congested


@kernel
def congestion_wait(m, ns):
    """Sleep for `ns`, or until some disk's queue is no longer full; on blk-mq none ever says so."""
    reclaim_count(m).congestion_wait += 1
    began = m.now
    sleep(m, congestion(m), CONGESTION, ns)
    writeback_congestion_wait(m, ns // USEC, (m.now - began) // USEC)


@kernel
def wait_iff_congested(m, zone, ns):
    """The same, if there is a full queue and the zone's dirty pages were found waiting for one; else go on."""
    reclaim_count(m).wait_iff_congested += 1
    if any_congested(m) and zones(m)[zone].reclaim_flags & ZONE_CONGESTED:
        congestion_wait(m, ns)


@kernel
def wait_iff_any_congested(m, ns):
    """The same for a reclaimer whose node or group was found so: since 4.17 that is asked before."""
    reclaim_count(m).wait_iff_congested += 1
    if any_congested(m):
        congestion_wait(m, ns)


@kernel
def throttled(m, nid, reason, ns):
    """Sleep on a node for a reason, `ns` at most (reclaim_throttle)."""
    node = nodes(m)[nid]
    if reason == WRITEBACK:
        node.nr_throttled += 1
        if node.nr_throttled == 1:
            node.reclaim_start = node.throttled_written
    began = m.now
    sleep(m, node.reclaim_wait[reason], OVER_WRITEBACK << reason, ns)
    mm_vmscan_throttled(m, nid, ns // USEC, (m.now - began) // USEC, reason)
    if reason == WRITEBACK:
        node.nr_throttled -= 1


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
def throttle_vm_writeout(m, may_enter_fs, smoothed):
    """A reclaimer is done with a zone: it sleeps while too much is under writeback, swap included.

    Until 4.8 this is what keeps reclaimers from putting all memory under writeback and finding nothing to reclaim.
    Who may not enter file systems, since it holds their locks, sleeps once.
    """
    while writeback_count(m).nr_unstable + writeback_count(m).nr_writeback > writeout_limit(m, smoothed):
        congestion_wait(m, TENTH_NS)
        if not may_enter_fs:
            return


@kernel
def clear_flags(m, nid):
    """The node is balanced: what was found out about its zones' dirty pages no longer holds."""
    node = nodes(m)[nid]
    for z in range(node.first_zone, node.first_zone + node.nr_zones):
        zones(m)[z].reclaim_flags = 0
