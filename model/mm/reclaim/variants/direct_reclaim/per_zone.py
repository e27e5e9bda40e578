"""Direct and limit reclaim of 3.1: zone by zone at each priority, 12 down to 0, until 32 pages are reclaimed.

A zone marked unreclaimable is skipped except at the first priority. Once more than 48 pages were scanned the flushers
are woken. An allocation is out of memory once reclaim freed nothing and kswapd has given up every zone.
"""

from mmrun.model.core.jit import caller, hook, kernel
from mmrun.model.machine.state import nodes
from mmrun.model.mm.lru.state import DEF_PRIORITY
from mmrun.model.mm.memcg.victims import next_node
from mmrun.model.mm.page.state import zones
from mmrun.model.mm.page.zones import HIGHEST
from mmrun.model.mm.reclaim.state import scans
from mmrun.model.mm.reclaim.variants.direct_reclaim.per_node import allowed, begin_direct, begin_for_group, first_zone
from mmrun.model.mm.reclaim.vmscan import shrink_node, soft_limits_first
from mmrun.model.mm.writeback.writeback import wakeup_flushers

SOURCE = "mm/vmscan.c: do_try_to_free_pages, shrink_zones, all_unreclaimable; mm/page_alloc.c: should_alloc_retry, 3.1"
SCOPE = "zone"
end_reclaim = caller("end_reclaim")
shrink_slab_pass = caller("shrink_slab_pass")
throttle_pass = caller("throttle_pass")


@kernel
def shrink_zones(m, s, nid):
    """One priority over the zonelist of node `nid`."""
    home, sc = nodes(m)[nid], scans(m)[s]
    for i in range(home.nr_zonelist):
        z = home.zonelist[i]
        if not allowed(m, s, z):
            continue
        if sc.memcg == 0 and zones(m)[z].all_unreclaimable and sc.priority != DEF_PRIORITY:
            continue
        sc.node, sc.zone = zones(m)[z].node, z
        soft_limits_first(m, s)
        shrink_node(m, s)


@kernel
def do_try_to_free_pages(m, s, nid):
    """Reclaim as the scan control says, from its priority on; pages reclaimed."""
    sc, total_scanned = scans(m)[s], 0
    while True:
        sc.nr_scanned = 0
        shrink_zones(m, s, nid)
        total_scanned += sc.nr_scanned
        shrink_slab_pass(m, s)
        if sc.nr_reclaimed >= sc.nr_to_reclaim:
            break
        if total_scanned > sc.nr_to_reclaim + sc.nr_to_reclaim // 2:
            wakeup_flushers(m, total_scanned)
        throttle_pass(m, s, first_zone(m, nid, sc.highest_zoneidx, sc.nodemask))
        if sc.priority == 0:
            break
        sc.priority -= 1
    end_reclaim(m, s)
    return sc.nr_reclaimed


@kernel
def all_unreclaimable(m, s, nid):
    """Whether kswapd has given up every zone the caller may use."""
    home = nodes(m)[nid]
    for i in range(home.nr_zonelist):
        if allowed(m, s, home.zonelist[i]) and not zones(m)[home.zonelist[i]].all_unreclaimable:
            return False
    return True


# In the kernel: try_to_free_pages.
@hook
def direct_reclaim(m, nid, gfp, nodemask):
    s = begin_direct(m, gfp, nodemask)
    got = do_try_to_free_pages(m, s, nid)
    return got if got or all_unreclaimable(m, s, nid) else 1  # nobody is killed while there is a zone left to try


# In the kernel: should_alloc_retry.
@hook
def retry_zone(m, nid, fruitless, nodemask):
    return 0 if fruitless else first_zone(m, nid, HIGHEST, nodemask) + 1


# In the kernel: try_to_free_mem_cgroup_pages.
@hook
def memcg_reclaim(m, memcg, want, swappiness, proactive):
    s = begin_for_group(m, memcg, want, swappiness, proactive)
    return do_try_to_free_pages(m, s, next_node(m, memcg))
