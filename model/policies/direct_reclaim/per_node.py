"""Direct and limit reclaim since 4.8: one pass per node and priority, 12 down to 0, until 32 pages are reclaimed.

Without any progress all priorities are repeated: over all groups if the walks were partial, then with deactivation
forced if it was refused, then ignoring memory.low if that held reclaim back. A task that falls asleep on the way
(`reclaim_throttle`) gives up, and goes on from there when it calls again. An allocation is out of memory after sixteen
rounds without progress, or at once when reclaiming all there is would leave every zone at its min watermark.
"""

from model.jit import caller, hook, kernel
from model.mm.state import DEF_PRIORITY, SWAP_CLUSTER_MAX
from model.mm.suspend import resume, suspend
from model.mm.swap import nr_swap_pages
from model.mm.vmscan import DIRECT, begin, reclaimable_pages, shrink_node, soft_limits_first
from model.mm.zones import HIGHEST, MAX_RECLAIM_RETRIES

SOURCE = "mm/vmscan.c: do_try_to_free_pages, shrink_zones; mm/page_alloc.c: should_reclaim_retry, 6.18"
SCOPE = "node"
end_reclaim = caller("end_reclaim")
shrink_slab_pass = caller("shrink_slab_pass")
throttle_pass = caller("throttle_pass")


@kernel
def first_zone(m, nid, highest_zoneidx):
    """The zone the caller prefers: the first of its zonelist it may use."""
    home = m.nodes[nid]
    for i in range(home.nr_zonelist):
        if m.zones[home.zonelist[i]].kind <= highest_zoneidx and m.clock.mask >> m.zones[home.zonelist[i]].node & 1:
            return home.zonelist[i]
    return home.zonelist[0]


@kernel
def nodes_pass(m, nid, highest_zoneidx):
    """One priority: shrink each node of the zonelist once, in its order, from position `sc.at` on."""
    seen, home, sc = 0, m.nodes[nid], m.sc[DIRECT]
    for i in range(home.nr_zonelist):
        z = home.zonelist[i]
        node = m.zones[z].node
        if m.zones[z].kind > highest_zoneidx or seen >> node & 1 or not m.clock.mask >> node & 1:
            continue
        seen |= 1 << node
        if i < sc.at:
            continue
        sc.at = i + 1
        sc.node, sc.zone = node, m.nodes[node].first_zone
        soft_limits_first(m, DIRECT)
        shrink_node(m, DIRECT)
        if m.clock.blocked_until:
            return


@kernel
def all_priorities(m, nid, highest_zoneidx):
    """From the present priority down to 0 until the target is met, or until the task falls asleep; pages reclaimed."""
    sc = m.sc[DIRECT]
    while True:
        if sc.at == 0:
            sc.nr_scanned = 0
        nodes_pass(m, nid, highest_zoneidx)
        if m.clock.blocked_until:
            return sc.nr_reclaimed
        shrink_slab_pass(m, DIRECT)
        throttle_pass(m, DIRECT, first_zone(m, nid, highest_zoneidx))
        if sc.nr_reclaimed >= sc.nr_to_reclaim or sc.priority == 0:
            break
        sc.priority, sc.at = sc.priority - 1, 0
        if m.clock.blocked_until:
            return sc.nr_reclaimed
    seen, home = 0, m.nodes[nid]
    for i in range(home.nr_zonelist):
        sc.node, sc.zone = m.zones[home.zonelist[i]].node, home.zonelist[i]
        if not seen >> sc.node & 1:
            seen |= 1 << sc.node
            end_reclaim(m, DIRECT)
    return sc.nr_reclaimed


@kernel
def try_to_free(m, nid, highest_zoneidx):
    """Reclaim as the scan control says, and again with fewer scruples while nothing comes of it; pages reclaimed."""
    sc = m.sc[DIRECT]
    while True:
        got = all_priorities(m, nid, highest_zoneidx)
        if got or m.clock.blocked_until:
            return got
        if sc.partial and not sc.full_walk:
            sc.full_walk, sc.partial = 1, 0
        elif sc.skipped_deactivate:
            sc.force_deactivate, sc.skipped_deactivate = 1, 0
        elif sc.low_skipped:
            sc.force_deactivate, sc.low_reclaim, sc.low_skipped = 0, 1, 0
        else:
            return 0
        sc.priority, sc.at = DEF_PRIORITY, 0


@hook
def direct_reclaim(m, nid, highest_zoneidx, task):
    begin(m, DIRECT, 0, DEF_PRIORITY, SWAP_CLUSTER_MAX, highest_zoneidx)
    resume(m, DIRECT, task)
    got = try_to_free(m, nid, highest_zoneidx)
    if m.clock.blocked_until:
        suspend(m, DIRECT, task)
    return got


@hook
def retry_zone(m, nid, fruitless):
    home = m.nodes[nid]
    for i in range(home.nr_zonelist if fruitless <= MAX_RECLAIM_RETRIES else 0):
        z = home.zonelist[i]
        zone = m.zones[z]
        available = zone.nr_free + reclaimable_pages(m, z, nr_swap_pages(m))
        if m.clock.mask >> zone.node & 1 and available > zone.wmark_min + zone.reserve[HIGHEST]:
            return z + 1
    return 0


@hook
def memcg_reclaim(m, memcg, want, swappiness, proactive):
    may_block, m.clock.may_block = m.clock.may_block, 0
    begin(m, DIRECT, memcg, DEF_PRIORITY, max(want, SWAP_CLUSTER_MAX), HIGHEST)
    m.sc[DIRECT].given_swappiness, m.sc[DIRECT].proactive = swappiness, proactive
    got = try_to_free(m, m.cpus[m.clock.cpu].node, HIGHEST)
    m.clock.may_block = may_block
    return got
