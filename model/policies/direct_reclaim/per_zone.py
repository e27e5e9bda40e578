"""Direct and limit reclaim of 3.1: zone by zone at each priority, 12 down to 0, until 32 pages are reclaimed.

A zone marked unreclaimable is skipped except at the first priority. Once more than 48 pages were scanned the flushers
are woken. A task that falls asleep between two passes (`reclaim_throttle`) gives up, and goes on from there when it
calls again. An allocation is out of memory once reclaim freed nothing and kswapd has given up every zone.
"""

from model.jit import caller, hook, kernel
from model.mm.state import DEF_PRIORITY, SWAP_CLUSTER_MAX
from model.mm.suspend import resume, suspend
from model.mm.victims import next_node
from model.mm.vmscan import DIRECT, begin, shrink_node, soft_limits_first
from model.mm.writeback import wakeup_flushers
from model.mm.zones import HIGHEST
from model.policies.direct_reclaim.per_node import first_zone

SOURCE = "mm/vmscan.c: do_try_to_free_pages, shrink_zones, all_unreclaimable; mm/page_alloc.c: should_alloc_retry, 3.1"
SCOPE = "zone"
end_reclaim = caller("end_reclaim")
shrink_slab_pass = caller("shrink_slab_pass")
throttle_node = caller("throttle_node")
throttle_pass = caller("throttle_pass")


@kernel
def zones_pass(m, nid, highest_zoneidx):
    """One priority over the zonelist of node `nid`, from position `sc.at` on."""
    home, sc = m.nodes[nid], m.sc[DIRECT]
    for i in range(sc.at, home.nr_zonelist):
        z = home.zonelist[i]
        zone = m.zones[z]
        if zone.kind > highest_zoneidx or not m.clock.mask >> zone.node & 1:
            continue
        if sc.memcg == 0 and zone.all_unreclaimable and sc.priority != DEF_PRIORITY:
            continue
        sc.node, sc.zone, sc.at = zone.node, z, i + 1
        soft_limits_first(m, DIRECT)
        shrink_node(m, DIRECT)
        if m.clock.blocked_until:
            return


@kernel
def try_to_free(m, nid, highest_zoneidx):
    """Reclaim as the scan control says, from its priority on, until the task falls asleep; pages reclaimed."""
    sc = m.sc[DIRECT]
    while True:
        if sc.at == 0:
            sc.nr_scanned = 0
        zones_pass(m, nid, highest_zoneidx)
        if m.clock.blocked_until:
            return sc.nr_reclaimed
        sc.total_scanned += sc.nr_scanned
        shrink_slab_pass(m, DIRECT)
        if sc.nr_reclaimed >= sc.nr_to_reclaim or sc.priority == 0:
            break
        if sc.total_scanned > sc.nr_to_reclaim + sc.nr_to_reclaim // 2:
            wakeup_flushers(m, sc.total_scanned)
        throttle_pass(m, DIRECT, first_zone(m, nid, highest_zoneidx))
        sc.priority, sc.at = sc.priority - 1, 0
        if m.clock.blocked_until:
            return sc.nr_reclaimed
    end_reclaim(m, DIRECT)
    return sc.nr_reclaimed


@kernel
def hopeless(m, nid, highest_zoneidx):
    """Whether kswapd has given up every zone the caller may use (all_unreclaimable)."""
    home = m.nodes[nid]
    for i in range(home.nr_zonelist):
        zone = m.zones[home.zonelist[i]]
        if zone.kind <= highest_zoneidx and m.clock.mask >> zone.node & 1 and not zone.all_unreclaimable:
            return False
    return True


@hook
def direct_reclaim(m, nid, highest_zoneidx, task):
    begin(m, DIRECT, 0, DEF_PRIORITY, SWAP_CLUSTER_MAX, highest_zoneidx)
    resume(m, DIRECT, task)
    if m.sc[DIRECT].writeout:
        throttle_node(m, DIRECT)  # it has slept over too much writeback, and looks again
    got = 0 if m.clock.blocked_until else try_to_free(m, nid, highest_zoneidx)
    if m.clock.blocked_until:
        suspend(m, DIRECT, task)
    elif got == 0 and not hopeless(m, nid, highest_zoneidx):
        return 1  # nobody is killed as long as there is a zone left to try
    return got


@hook
def retry_zone(m, nid, fruitless):
    return 0 if fruitless else first_zone(m, nid, HIGHEST) + 1


@hook
def memcg_reclaim(m, memcg, want, swappiness, proactive):
    may_block, m.clock.may_block = m.clock.may_block, 0
    begin(m, DIRECT, memcg, DEF_PRIORITY, max(want, SWAP_CLUSTER_MAX), HIGHEST)
    m.sc[DIRECT].given_swappiness, m.sc[DIRECT].proactive = swappiness, proactive
    got = try_to_free(m, next_node(m, memcg), HIGHEST)
    m.clock.may_block = may_block
    return got
