"""Marks on a zone or node say what reclaim found: dirty pages in full queues, at the tail unqueued, or written (3.11).

kswapd sleeps when it meets pages that it had marked to be freed once written, still being written, while all else was
too: pages come round faster than disks clean them. To 3.15 whoever met a batch of dirty pages that no flusher has
queued sleeps so. Direct reclaimers sleep only while a queue is full and the mark of
full queues is set; blk-mq marks no queue, so since 5.0 they hardly ever do. An allocation that came to nothing waits a
tenth of a second before it tries again while more than half of what is reclaimable waits to be written (4.7); before,
everybody slept after a zone while too much was under writeback (`writeout`).
"""

from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.parameters import parameters
from mmrun.model.mm.page.state import zones
from mmrun.model.mm.reclaim.state import scans
from mmrun.model.mm.reclaim.throttle import (
    FIFTIETH_NS,
    TAIL_LRU_DIRTY,
    TENTH_NS,
    UNDER_WRITEBACK,
    ZONE_CONGESTED,
    congestion_wait,
    throttle_vm_writeout,
    wait_iff_any_congested,
    wait_iff_congested,
)
from mmrun.model.mm.reclaim.vmscan import mark_group_congested, reclaimable_pages
from mmrun.model.mm.swap.swap import nr_swap_pages

SOURCE = (
    "mm/vmscan.c: shrink_inactive_list, 3.15; shrink_node, 4.19 and 5.15; mm/page_alloc.c: should_reclaim_retry, 4.19; "
    "mm/page-writeback.c: throttle_vm_writeout, 3.15"
)
PARAMS = {
    "by_batch": (False, "", "marks and sleeps follow each batch of 32 pages, not a whole node's lists (to 4.16)",
                 "mm/vmscan.c: shrink_inactive_list, 3.15"),
    "writeout": (False, "", "reclaimers sleep after a zone while more is under writeback than 1.1 times the dirty "
                 "threshold (to 4.8)", "mm/page-writeback.c: throttle_vm_writeout, 3.15"),
    "waits_to_retry": (True, "", "an allocation that came to nothing waits a tenth of a second before it tries again "
                       "while more than half of what is reclaimable waits to be written; else only for full queues "
                       "(4.7)", "mm/page_alloc.c: should_reclaim_retry, 4.7"),
    "own_mark": (True, "", "a limited group's reclaimer goes by its group's mark of full queues alone (5.5)",
                 "mm/vmscan.c: shrink_node, 5.8"),
}  # fmt: skip
params = parameters("reclaim_throttle", PARAMS, 314)


@kernel
def mark_zone(m, s):
    """Mark the zone by a batch, whoever scanned it, and sleep if that says so (shrink_inactive_list)."""
    sc, stat, zone = scans(m)[s], scans(m)[s].batch_stat, zones(m)[scans(m)[s].zone]
    if stat.writeback and stat.writeback == stat.taken:
        zone.reclaim_flags |= UNDER_WRITEBACK
    if sc.memcg == 0:
        if stat.dirty and stat.dirty == stat.congested:
            zone.reclaim_flags |= ZONE_CONGESTED
        if stat.unqueued_dirty == stat.taken:
            zone.reclaim_flags |= TAIL_LRU_DIRTY
        if stat.unqueued_dirty == stat.taken or stat.immediate:
            congestion_wait(m, TENTH_NS)
    if not sc.kswapd:
        wait_iff_congested(m, sc.zone, TENTH_NS)


@kernel
def mark_node(m, s):
    """kswapd marks its node by what it scanned, of its file pages all taken off lists; then sleep (shrink_node).

    A limited group's reclaimer marks the group. A pass that took no file page at all finds them all dirty.
    """
    sc, stat, zone = scans(m)[s], scans(m)[s].node_stat, zones(m)[scans(m)[s].zone]
    if not sc.kswapd:
        congested = mark_group_congested(m, s)
        if sc.memcg == 0 or not params(m).own_mark:
            congested |= zone.reclaim_flags & ZONE_CONGESTED > 0
        if congested:
            wait_iff_any_congested(m, TENTH_NS)
        return
    if stat.writeback and stat.writeback == stat.taken:
        zone.reclaim_flags |= UNDER_WRITEBACK
    if stat.dirty and stat.dirty == stat.congested:
        zone.reclaim_flags |= ZONE_CONGESTED
    if stat.unqueued_dirty == stat.file:
        zone.reclaim_flags |= TAIL_LRU_DIRTY
    if stat.immediate:
        congestion_wait(m, TENTH_NS)


@hook
def throttle_batch(m, s):
    if params(m).by_batch:
        mark_zone(m, s)
    return 0


@hook
def throttle_node(m, s):
    if not params(m).by_batch:
        mark_node(m, s)
    if params(m).writeout:
        throttle_vm_writeout(m, scans(m)[s].may_enter_fs, True)
    return 0


@hook
def throttle_pass(m, s, zone):
    return 0


@hook
def throttle_kswapd(m, nid, below_min):
    return 0


@hook
def throttle_retry(m, zone, fruitless):
    if not params(m).waits_to_retry:
        wait_iff_congested(m, zone, FIFTIETH_NS)
        return 0
    pending = zones(m)[zone].nr_file_dirty + zones(m)[zone].nr_writeback
    if fruitless and 2 * pending > reclaimable_pages(m, zone, nr_swap_pages(m)):
        congestion_wait(m, TENTH_NS)
    return 0
