"""Direct and limit reclaim since 4.8: one pass per node and priority, 12 down to 0, until 32 pages are reclaimed.

Without any progress all priorities are repeated: over all groups if the walks were partial, then with deactivation
forced if it was refused, then ignoring memory.low if that held reclaim back.
"""

from model.block.completions import next_completion
from model.jit import caller, hook, kernel
from model.mm.page_wait import wait_for_next
from model.mm.state import DEF_PRIORITY, SWAP_CLUSTER_MAX
from model.mm.vmscan import DIRECT, begin, shrink_node, soft_limits_first
from model.mm.zones import HIGHEST

SOURCE = "mm/vmscan.c: do_try_to_free_pages, shrink_zones, 6.18"
SCOPE = "node"
end_reclaim = caller("end_reclaim")
shrink_slab_pass = caller("shrink_slab_pass")
THROTTLE_NS = 100_000_000  # HZ/10
TICKS_NS = 1_000_000_000  # divided by HZ: one tick


@kernel
def nodes_pass(m, nid, highest_zoneidx):
    """One priority: shrink each node of the zonelist once, in its order."""
    seen, home = 0, m.nodes[nid]
    for i in range(home.nr_zonelist):
        z = home.zonelist[i]
        node = m.zones[z].node
        if m.zones[z].kind > highest_zoneidx or seen >> node & 1 or not m.clock.mask >> node & 1:
            continue
        seen |= 1 << node
        m.sc[DIRECT].node, m.sc[DIRECT].zone = node, z
        soft_limits_first(m, DIRECT)
        shrink_node(m, DIRECT)


@kernel
def throttle(m):
    """What was scanned is being written: sleep until a write ends, at most 100 ms (VMSCAN_THROTTLE_WRITEBACK)."""
    if next_completion(m) - m.clock.now <= THROTTLE_NS:
        wait_for_next(m)
    else:
        m.clock.now += THROTTLE_NS


@kernel
def all_priorities(m, nid, highest_zoneidx):
    """Priorities 12 to 0 until the target is met; pages reclaimed in this walk."""
    sc = m.sc[DIRECT]
    sc.priority = DEF_PRIORITY
    while True:
        sc.nr_scanned = sc.nr_writeback = 0
        nodes_pass(m, nid, highest_zoneidx)
        shrink_slab_pass(m, DIRECT)
        if sc.nr_reclaimed >= sc.nr_to_reclaim or sc.priority == 0:
            break
        if sc.nr_writeback and sc.nr_reclaimed == 0:
            throttle(m)
        elif sc.priority == 1 and sc.nr_reclaimed == 0 and sc.memcg == 0:
            m.clock.now += TICKS_NS // m.cfg.hz  # VMSCAN_THROTTLE_NOPROGRESS: one tick
        sc.priority -= 1
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
    got = all_priorities(m, nid, highest_zoneidx)
    if got == 0 and sc.partial:
        sc.full_walk, sc.partial = 1, 0
        got = all_priorities(m, nid, highest_zoneidx)
    if got == 0 and sc.skipped_deactivate:
        sc.force_deactivate, sc.skipped_deactivate = 1, 0
        got = all_priorities(m, nid, highest_zoneidx)
    if got == 0 and sc.low_skipped:
        sc.force_deactivate, sc.low_reclaim, sc.low_skipped = 0, 1, 0
        got = all_priorities(m, nid, highest_zoneidx)
    return got


@hook
def direct_reclaim(m, nid, highest_zoneidx, task):
    begin(m, DIRECT, 0, DEF_PRIORITY, SWAP_CLUSTER_MAX, highest_zoneidx)
    return try_to_free(m, nid, highest_zoneidx)


@hook
def memcg_reclaim(m, memcg, want, swappiness, proactive):
    begin(m, DIRECT, memcg, DEF_PRIORITY, max(want, SWAP_CLUSTER_MAX), HIGHEST)
    m.sc[DIRECT].given_swappiness, m.sc[DIRECT].proactive = swappiness, proactive
    return try_to_free(m, m.cpus[m.clock.cpu].node, HIGHEST)
