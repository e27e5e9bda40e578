"""Direct and limit reclaim of 3.1: zone by zone at each priority, 12 down to 0, until 32 pages are reclaimed.

A zone marked unreclaimable is skipped except at the first priority. Once more than 48 pages were scanned the flushers
are woken. From priority 10 on the task sleeps up to a tenth
of a second for writeback between two passes (wait_iff_congested).
"""

from model.block.completions import next_completion
from model.jit import caller, hook, kernel
from model.mm.page_wait import wait_for_next
from model.mm.state import DEF_PRIORITY, SWAP_CLUSTER_MAX
from model.mm.victims import next_node
from model.mm.vmscan import DIRECT, begin, shrink_node, soft_limits_first
from model.mm.writeback import wakeup_flushers
from model.mm.zones import HIGHEST

SOURCE = "mm/vmscan.c: do_try_to_free_pages, shrink_zones, 3.1"
SCOPE = "zone"
CONGESTION_NS = 100_000_000  # HZ/10
end_reclaim = caller("end_reclaim")
shrink_slab_pass = caller("shrink_slab_pass")


@kernel
def zones_pass(m, nid, highest_zoneidx):
    """One priority over the zonelist of node `nid`."""
    home, sc = m.nodes[nid], m.sc[DIRECT]
    for i in range(home.nr_zonelist):
        z = home.zonelist[i]
        zone = m.zones[z]
        if zone.kind > highest_zoneidx or not m.clock.mask >> zone.node & 1:
            continue
        if sc.memcg == 0 and zone.all_unreclaimable and sc.priority != DEF_PRIORITY:
            continue
        sc.node, sc.zone = zone.node, z
        soft_limits_first(m, DIRECT)
        scanned = sc.nr_scanned
        shrink_node(m, DIRECT)
        zone.pages_scanned += sc.nr_scanned - scanned


@kernel
def try_to_free(m, nid, highest_zoneidx):
    """Reclaim as the scan control says; pages reclaimed."""
    sc, scanned = m.sc[DIRECT], 0
    while True:
        sc.nr_scanned = sc.nr_writeback = 0
        zones_pass(m, nid, highest_zoneidx)
        scanned += sc.nr_scanned
        shrink_slab_pass(m, DIRECT)
        if sc.nr_reclaimed >= sc.nr_to_reclaim or sc.priority == 0:
            break
        if scanned > sc.nr_to_reclaim + sc.nr_to_reclaim // 2:
            wakeup_flushers(m, scanned)
        if sc.nr_writeback and sc.nr_scanned and sc.priority < DEF_PRIORITY - 2:
            if next_completion(m) - m.clock.now <= CONGESTION_NS:
                wait_for_next(m)
            else:
                m.clock.now += CONGESTION_NS
        sc.priority -= 1
    end_reclaim(m, DIRECT)
    return sc.nr_reclaimed


@hook
def direct_reclaim(m, nid, highest_zoneidx, task):
    begin(m, DIRECT, 0, DEF_PRIORITY, SWAP_CLUSTER_MAX, highest_zoneidx)
    return try_to_free(m, nid, highest_zoneidx)


@hook
def memcg_reclaim(m, memcg, want, swappiness, proactive):
    begin(m, DIRECT, memcg, DEF_PRIORITY, max(want, SWAP_CLUSTER_MAX), HIGHEST)
    m.sc[DIRECT].given_swappiness, m.sc[DIRECT].proactive = swappiness, proactive
    return try_to_free(m, next_node(m, memcg), HIGHEST)
