"""reclaim_throttle: a sleep has a reason, a wait queue of its own, and an event that ends it early (5.16).

`writeback`: kswapd met pages it had marked, still being written; ends when 32 pages a sleeper were written on the node,
after a tenth of a second at most. `congested`: a direct reclaimer found all dirty pages so; `noprogress`: it freed
nothing down to priority 1. Both take one tick, and are skipped while little of what is reclaimable waits to be written.

`as_posted`, until its repair before the release: half a second without progress, from priority 9 down, whatever waits
to be written; and a direct reclaimer that found all dirty pages being written waits for them as kswapd does.
"""

from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.parameters import parameters
from mmrun.model.core.sleep import ALL, wake
from mmrun.model.machine.state import geometry, nodes
from mmrun.model.mm.lru.state import DEF_PRIORITY
from mmrun.model.mm.page.state import zones
from mmrun.model.mm.page.zones import MAX_RECLAIM_RETRIES
from mmrun.model.mm.reclaim.state import reclaim_count, scans
from mmrun.model.mm.reclaim.throttle import TAIL_LRU_DIRTY, TENTH_NS, UNDER_WRITEBACK, ZONE_CONGESTED, throttled
from mmrun.model.mm.reclaim.vmscan import mark_group_congested, reclaimable_pages
from mmrun.model.mm.swap.swap import nr_swap_pages
from mmrun.model.mm.writeback.wait_queue import CONGESTED, NOPROGRESS, WRITEBACK

SOURCE = "mm/vmscan.c: reclaim_throttle, skip_throttle_noprogress, consider_reclaim_throttle, shrink_node, 6.18"
PARAMS = {
    "as_posted": (False, "", "sleep half a second for want of progress, from priority 9 down; no reason `congested`",
                  "Gorman, Remove dependency on congestion_wait in mm/ v4, October 2021"),
}  # fmt: skip
params = parameters("reclaim_throttle", PARAMS, 315)
SECOND_NS = 1_000_000_000


@kernel
def skipped(m, nid):
    """Whether a sleep would be in vain: kswapd has given up, or less than half of what is reclaimable is in the way."""
    node = nodes(m)[nid]
    if node.kswapd_failures >= MAX_RECLAIM_RETRIES:
        return True
    reclaimable = pending = 0
    for z in range(node.first_zone, node.first_zone + node.nr_zones):
        reclaimable += reclaimable_pages(m, z, nr_swap_pages(m))
        pending += zones(m)[z].nr_file_dirty + zones(m)[z].nr_writeback
    return 2 * pending <= reclaimable


@kernel
def throttle(m, nid, reason):
    """Sleep for a reason on a node (reclaim_throttle)."""
    if reason != WRITEBACK and not params(m).as_posted and skipped(m, nid):
        return
    reclaim_count(m).mm_vmscan_throttled += 1
    brief = SECOND_NS // 2 if params(m).as_posted else SECOND_NS // geometry(m).hz
    throttled(m, nid, reason, TENTH_NS if reason == WRITEBACK else brief)


@hook
def throttle_batch(m, s):
    return 0


@hook
def throttle_node(m, s):
    sc, stat = scans(m)[s], scans(m)[s].node_stat
    zone = zones(m)[nodes(m)[sc.node].first_zone]
    if sc.kswapd:
        if stat.writeback and stat.writeback == stat.taken:
            zone.reclaim_flags |= UNDER_WRITEBACK
        if stat.unqueued_dirty == stat.file:
            zone.reclaim_flags |= TAIL_LRU_DIRTY
        if stat.dirty and stat.dirty == stat.congested:
            zone.reclaim_flags |= ZONE_CONGESTED
        if stat.immediate:
            throttle(m, sc.node, WRITEBACK)
    elif mark_group_congested(m, s) or (sc.memcg == 0 and zone.reclaim_flags & ZONE_CONGESTED):
        throttle(m, sc.node, WRITEBACK if params(m).as_posted else CONGESTED)
    return 0


@hook
def throttle_pass(m, s, zone):
    sc, nid = scans(m)[s], zones(m)[zone].node
    if sc.nr_reclaimed > sc.nr_scanned >> 3:
        wake(m, nodes(m)[nid].reclaim_wait[NOPROGRESS], ALL, m.now)
    elif params(m).as_posted:
        if sc.priority < DEF_PRIORITY - 2:
            throttle(m, nid, NOPROGRESS)
    elif sc.memcg == 0 and sc.priority == 1 and sc.nr_reclaimed == 0:
        throttle(m, nid, NOPROGRESS)
    return 0


@hook
def throttle_kswapd(m, nid, below_min):
    return 0


@hook
def throttle_retry(m, zone, fruitless):
    return 0
