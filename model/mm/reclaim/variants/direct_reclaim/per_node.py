"""Direct and limit reclaim since 4.8: one pass per node and priority, 12 down to 0, until 32 pages are reclaimed.

Without any progress all priorities are repeated: over all groups if the walks were partial, then with deactivation
forced if it was refused, then ignoring memory.low if that held reclaim back. An allocation is out of memory after
sixteen rounds without progress, or at once when reclaiming all there is would leave every zone at its min watermark.
To 4.11 (`to_4_11`) a node of which six times what it holds was scanned for nothing is looked at at the first priority
only, memory.low is ignored in a second round whether or not it held reclaim back, and each fruitless round makes a
sixteenth less of what is reclaimable count. To 4.10 (`wakes_flushers`) the flushers are woken once more than half as
many pages again were scanned as are wanted.
"""

from mmrun.model.core.codes import SWAP_CLUSTER_MAX
from mmrun.model.core.jit import caller, hook, kernel
from mmrun.model.core.parameters import parameters
from mmrun.model.core.sleep import current
from mmrun.model.core.state import turn
from mmrun.model.machine.state import cpus, nodes
from mmrun.model.mm.lru.scan_balance import given_up
from mmrun.model.mm.lru.state import DEF_PRIORITY, lruvecs
from mmrun.model.mm.page.gfp import FS, GFP_HIGHUSER_MOVABLE, HIGHEST, IO, gfp_zone
from mmrun.model.mm.page.state import zones
from mmrun.model.mm.page.zones import MAX_RECLAIM_RETRIES, enough, lruvec_of
from mmrun.model.mm.reclaim.state import scans
from mmrun.model.mm.reclaim.tracepoints import (
    mm_vmscan_memcg_reclaim_begin,
    mm_vmscan_memcg_reclaim_end,
    reclaim_retry_zone,
)
from mmrun.model.mm.reclaim.vmscan import begin, own_scan, reclaimable_pages, shrink_node, soft_limits_first
from mmrun.model.mm.swap.swap import nr_swap_pages
from mmrun.model.mm.writeback.writeback import wakeup_flushers

SOURCE = "mm/vmscan.c: do_try_to_free_pages, shrink_zones; mm/page_alloc.c: should_reclaim_retry, 6.18"
SCOPE = "node"
PARAMS = {
    "to_4_11": (False, "", "nodes that gave nothing are skipped, and retries become fewer", "mm/vmscan.c, 4.9"),
    "wakes_flushers": (False, "", "who scans much has the flushers write as many pages (to 4.10)",
                       "mm/vmscan.c: do_try_to_free_pages, 4.9"),
}  # fmt: skip
params = parameters("direct_reclaim", PARAMS, 361)
end_reclaim = caller("end_reclaim")
shrink_slab_pass = caller("shrink_slab_pass")
throttle_pass = caller("throttle_pass")


@kernel
def allowed(m, s, z):
    """Whether the caller of the reclaim may use the zone."""
    zone, sc = zones(m)[z], scans(m)[s]
    return zone.kind <= sc.highest_zoneidx and sc.nodemask >> zone.node & 1


@kernel
def first_zone(m, nid, highest_zoneidx, nodemask):
    """The zone a caller prefers: the first of node `nid`'s zonelist it may use."""
    home = nodes(m)[nid]
    for i in range(home.nr_zonelist):
        zone = zones(m)[home.zonelist[i]]
        if zone.kind <= highest_zoneidx and nodemask >> zone.node & 1:
            return home.zonelist[i]
    return home.zonelist[0]


@kernel
def shrink_zones(m, s, nid):
    """One priority: shrink each node of the zonelist once, in its order."""
    seen, home, sc = 0, nodes(m)[nid], scans(m)[s]
    for i in range(home.nr_zonelist):
        node = zones(m)[home.zonelist[i]].node
        if seen >> node & 1 or not allowed(m, s, home.zonelist[i]):
            continue
        seen |= 1 << node
        if params(m).to_4_11 and sc.memcg == 0 and sc.priority != DEF_PRIORITY and given_up(m, node, sc.swap_available):
            continue
        sc.node, sc.zone = node, nodes(m)[node].first_zone
        soft_limits_first(m, s)
        shrink_node(m, s)


@kernel
def end_on_every_node(m, s, nid):
    """A round of priorities is over on every node of the zonelist."""
    seen, home, sc = 0, nodes(m)[nid], scans(m)[s]
    for i in range(home.nr_zonelist):
        sc.node, sc.zone = zones(m)[home.zonelist[i]].node, home.zonelist[i]
        if not seen >> sc.node & 1:
            seen |= 1 << sc.node
            end_reclaim(m, s)
            if sc.memcg:
                lruvecs(m)[lruvec_of(m, sc.memcg, sc.node, nodes(m)[sc.node].first_zone)].congested = 0


@kernel
def all_priorities(m, s, nid, total_scanned):
    """From priority 12 down to 0 until the target is met; pages scanned, `total_scanned` of them before."""
    sc = scans(m)[s]
    while True:
        sc.nr_scanned = 0
        shrink_zones(m, s, nid)
        shrink_slab_pass(m, s)
        total_scanned += sc.nr_scanned
        wanted = sc.nr_to_reclaim
        if params(m).wakes_flushers and sc.nr_reclaimed < wanted and total_scanned > wanted + wanted // 2:
            wakeup_flushers(m, total_scanned)
        throttle_pass(m, s, first_zone(m, nid, sc.highest_zoneidx, sc.nodemask))
        if sc.nr_reclaimed >= sc.nr_to_reclaim or sc.priority == 0:
            break
        sc.priority -= 1
    end_on_every_node(m, s, nid)
    return total_scanned


@kernel
def do_try_to_free_pages(m, s, nid):
    """Reclaim as the scan control says, and again with fewer scruples while nothing comes of it; pages reclaimed."""
    sc, total_scanned = scans(m)[s], 0
    while True:
        total_scanned = all_priorities(m, s, nid, total_scanned)
        if sc.nr_reclaimed:
            return sc.nr_reclaimed
        if sc.partial and not sc.full_walk:
            sc.full_walk, sc.partial = 1, 0
        elif sc.skipped_deactivate:
            sc.force_deactivate, sc.skipped_deactivate = 1, 0
        elif sc.low_skipped or (params(m).to_4_11 and not sc.low_reclaim):
            sc.force_deactivate, sc.low_reclaim, sc.low_skipped = 0, 1, 0
        else:
            return 0
        sc.priority = DEF_PRIORITY


@kernel
def begin_direct(m, gfp, nodemask):
    """A reclaim call by the running task for the whole machine; its scan control."""
    s = own_scan(m)
    begin(m, s, 0, DEF_PRIORITY, SWAP_CLUSTER_MAX, gfp_zone(gfp))
    scans(m)[s].nodemask = nodemask
    if not gfp & FS:
        scans(m)[s].may_enter_fs = 0
    scans(m)[s].may_io = 1 if gfp & IO else 0
    return s


@kernel
def begin_for_group(m, memcg, want, swappiness, proactive):
    """A reclaim call by the running task or controller for a group; its scan control."""
    s = own_scan(m)
    begin(m, s, memcg, DEF_PRIORITY, max(want, SWAP_CLUSTER_MAX), HIGHEST)
    scans(m)[s].given_swappiness, scans(m)[s].proactive = swappiness, proactive
    return s


# In the kernel: try_to_free_pages.
@hook
def direct_reclaim(m, nid, gfp, nodemask):
    return do_try_to_free_pages(m, begin_direct(m, gfp, nodemask), nid)


@kernel
def worth_a_retry(m, nid, order, fruitless, nodemask, alloc_flags, backs_off):
    """The first allowed zone, plus 1, that is above min once all it holds is reclaimed; 0: none (should_reclaim_retry).

    `backs_off`: each fruitless round makes a sixteenth less of that count.
    """
    home = nodes(m)[nid]
    for i in range(home.nr_zonelist if fruitless <= MAX_RECLAIM_RETRIES else 0):
        z = home.zonelist[i]
        zone, available = zones(m)[z], reclaimable_pages(m, z, nr_swap_pages(m))
        if not nodemask >> zone.node & 1:
            continue
        if backs_off:
            available -= (fruitless * available + MAX_RECLAIM_RETRIES - 1) // MAX_RECLAIM_RETRIES
        there = enough(m, z, order, zone.wmark_min, HIGHEST, alloc_flags, available + zone.nr_free)
        reclaim_retry_zone(
            m, zone.node, zone.kind, order, available, available + zone.nr_free, zone.wmark_min, fruitless, there
        )
        if there:
            return z + 1
    return 0


# In the kernel: should_reclaim_retry.
@hook
def retry_zone(m, nid, order, fruitless, nodemask, alloc_flags):
    return worth_a_retry(m, nid, order, fruitless, nodemask, alloc_flags, params(m).to_4_11)


# In the kernel: try_to_free_mem_cgroup_pages.
@hook
def memcg_reclaim(m, memcg, want, swappiness, proactive):
    s = begin_for_group(m, memcg, want, swappiness, proactive)
    current(m).memalloc += 1  # mm: memcontrol: do not recurse in direct reclaim, 4.9
    mm_vmscan_memcg_reclaim_begin(m, 0, 1, GFP_HIGHUSER_MOVABLE, HIGHEST)
    got = do_try_to_free_pages(m, s, cpus(m)[turn(m).cpu].node)
    mm_vmscan_memcg_reclaim_end(m, got)
    current(m).memalloc -= 1
    return got
