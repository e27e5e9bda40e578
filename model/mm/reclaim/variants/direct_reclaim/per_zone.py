"""Direct and limit reclaim of 3.1: zone by zone at each priority, 12 down to 0, until 32 pages are reclaimed.

A zone marked unreclaimable is skipped except at the first priority. Once more than 48 pages were scanned the flushers
are woken. An allocation is out of memory once reclaim freed nothing and every zone is given up; in 4.7
(`sixteen_rounds`) as later, whatever kswapd does. Since 4.0 (`again_below_low`) a call that freed nothing goes through
all priorities a second time and ignores memory.low.
"""

from mmrun.model.core.jit import caller, hook, kernel
from mmrun.model.core.parameters import parameters
from mmrun.model.machine.state import nodes
from mmrun.model.mm.lru.scan_balance import zone_given_up
from mmrun.model.mm.lru.state import DEF_PRIORITY
from mmrun.model.mm.memcg.victims import next_node
from mmrun.model.mm.page.gfp import GFP_HIGHUSER_MOVABLE, HIGHEST
from mmrun.model.mm.page.state import zones
from mmrun.model.mm.reclaim.state import scans
from mmrun.model.mm.reclaim.tracepoints import mm_vmscan_memcg_reclaim_begin, mm_vmscan_memcg_reclaim_end
from mmrun.model.mm.reclaim.variants.direct_reclaim.per_node import (
    allowed,
    begin_direct,
    begin_for_group,
    first_zone,
    worth_a_retry,
)
from mmrun.model.mm.reclaim.vmscan import shrink_node, soft_limits_first
from mmrun.model.mm.swap.swap import nr_swap_pages
from mmrun.model.mm.writeback.writeback import wakeup_flushers

SOURCE = "mm/vmscan.c: do_try_to_free_pages, shrink_zones, all_unreclaimable; mm/page_alloc.c: should_alloc_retry, 3.1"
SCOPE = "zone"
PARAMS = {
    "sixteen_rounds": (False, "", "sixteen rounds without progress are enough to be out of memory, none while there is "
                       "any (4.7)", "mm/page_alloc.c: should_reclaim_retry, 4.7"),
    "again_below_low": (False, "", "a fruitless call is made a second time, which ignores memory.low (4.0)",
                        "mm/vmscan.c: do_try_to_free_pages, 4.0"),
}  # fmt: skip
params = parameters("direct_reclaim", PARAMS, 362)
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
        if sc.memcg == 0 and sc.priority != DEF_PRIORITY and zone_given_up(m, z, nr_swap_pages(m)):
            continue
        sc.node, sc.zone = zones(m)[z].node, z
        soft_limits_first(m, s)
        shrink_node(m, s)


@kernel
def all_priorities(m, s, nid):
    """From priority 12 down to 0 until the target is met; pages reclaimed."""
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
def do_try_to_free_pages(m, s, nid):
    """Reclaim as the scan control says, since 4.0 twice if nothing comes of it; pages reclaimed."""
    sc = scans(m)[s]
    if all_priorities(m, s, nid) == 0 and params(m).again_below_low:
        sc.low_reclaim, sc.priority = 1, DEF_PRIORITY
        all_priorities(m, s, nid)
    return sc.nr_reclaimed


@kernel
def all_unreclaimable(m, s, nid):
    """Whether every zone the caller may use is given up."""
    home = nodes(m)[nid]
    for i in range(home.nr_zonelist):
        if allowed(m, s, home.zonelist[i]) and not zone_given_up(m, home.zonelist[i], nr_swap_pages(m)):
            return False
    return True


# In the kernel: try_to_free_pages.
@hook
def direct_reclaim(m, nid, gfp, nodemask):
    s = begin_direct(m, gfp, nodemask)
    got = do_try_to_free_pages(m, s, nid)
    if params(m).sixteen_rounds:
        return got
    return got if got or all_unreclaimable(m, s, nid) else 1  # nobody is killed while there is a zone left to try


# In the kernel: should_alloc_retry.
@hook
def retry_zone(m, nid, order, fruitless, nodemask, alloc_flags):
    if params(m).sixteen_rounds:
        return worth_a_retry(m, nid, order, fruitless, nodemask, alloc_flags, True)
    return 0 if fruitless else first_zone(m, nid, HIGHEST, nodemask) + 1


# In the kernel: try_to_free_mem_cgroup_pages.
@hook
def memcg_reclaim(m, memcg, want, swappiness, proactive):
    s = begin_for_group(m, memcg, want, swappiness, proactive)
    mm_vmscan_memcg_reclaim_begin(m, 0, 1, GFP_HIGHUSER_MOVABLE, HIGHEST)
    got = do_try_to_free_pages(m, s, next_node(m, memcg))
    mm_vmscan_memcg_reclaim_end(m, got)
    return got
