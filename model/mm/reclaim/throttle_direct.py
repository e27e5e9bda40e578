"""Direct reclaimers wait while less than half of the reserves is free (throttle_direct_reclaim, 3.6).

They reclaim with PF_MEMALLOC, so that many of them at once could take what a swap device over the network needs to
write a page at all. kswapd works on meanwhile, and wakes them when enough is free, or before it rests: then they look
again, wake it again, and wait again.
"""

from mmrun.model.core.accounting import PFMEMALLOC, begins, ends
from mmrun.model.core.jit import kernel, rare
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import ALL, FOREVER, wait, wake
from mmrun.model.core.state import turn
from mmrun.model.machine.state import costs, geometry, node_count, nodes
from mmrun.model.machine.timers import timeout_ends
from mmrun.model.mm.page.gfp import FS, ZONE_NORMAL, gfp_zone
from mmrun.model.mm.page.state import zones
from mmrun.model.mm.page.zones import MAX_RECLAIM_RETRIES
from mmrun.model.mm.reclaim.state import pfmemalloc_wait, reclaim_count, throttle_settings
from mmrun.model.mm.reclaim.vmscan import reclaimable_pages
from mmrun.model.mm.swap.swap import nr_swap_pages
from mmrun.model.mm.task.state import tasks
from mmrun.model.mm.writeback.plug import unplug

EVERY_ZONE, RECLAIMABLE_ZONES, RECLAIMABLE_NODE, NOT_EMPTY, NOT_FREE_ALONE = range(5)  # throttle_skips


@kernel
def _counts(m, nid, z):
    """Whether the marks and free pages of a zone of the node count, by what of it can be reclaimed."""
    rule, swap = throttle_settings(m).throttle_skips, nr_swap_pages(m)
    if zones(m)[z].kind > ZONE_NORMAL or zones(m)[z].managed == 0:
        return False
    if rule == EVERY_ZONE or reclaimable_pages(m, z, swap):
        return True
    if rule == RECLAIMABLE_NODE:
        for other in range(nodes(m)[nid].first_zone, nodes(m)[nid].first_zone + nodes(m)[nid].nr_zones):
            if reclaimable_pages(m, other, swap):
                return True
        return False
    if rule == RECLAIMABLE_ZONES:
        return False
    return (zones(m)[z].nr_free > 0) == (rule == NOT_EMPTY)


@kernel
def reserve_of(m, nid):
    """(free pages, pages of the min marks) of the node's zones up to Normal, as far as they count."""
    free = reserve = 0
    for z in range(nodes(m)[nid].first_zone, nodes(m)[nid].first_zone + nodes(m)[nid].nr_zones):
        if _counts(m, nid, z):
            free += zones(m)[z].nr_free
            reserve += zones(m)[z].wmark_min
    return free, reserve


@kernel
def allow_direct_reclaim(m, nid):
    """Whether more than half of the node's reserves is free; else its daemon has to be awake.

    In the kernel: allow_direct_reclaim, to 4.11 pfmemalloc_watermark_ok.
    """
    node, rules = nodes(m)[nid], throttle_settings(m)
    if rules.throttle_ends_in_vain and node.kswapd_failures >= MAX_RECLAIM_RETRIES:
        return True
    free, reserve = reserve_of(m, nid)
    if free > reserve // 2 or (rules.throttle_by_usable_node and reserve == 0):
        return True
    if node.kswapd_wait.first:
        node.highest_zoneidx = min(node.highest_zoneidx, ZONE_NORMAL)
        wake(m, node.kswapd_wait, 1, m.now + costs(m).kswapd_wake)
        node_count(m)[nid].kswapd_wake += 1
    return False


@kernel
def _throttling_node(m, nid, gfp, nodemask):
    """The node whose reserves decide: that of the first zone in the zonelist that the caller may use, or NONE.

    To 3.15 of the first zone whatever nodes the caller is bound to, and also if it is above Normal.
    """
    home, usable = nodes(m)[nid], throttle_settings(m).throttle_by_usable_node
    highest = min(gfp_zone(gfp), ZONE_NORMAL) if usable else gfp_zone(gfp)
    for i in range(home.nr_zonelist):
        zone = zones(m)[home.zonelist[i]]
        if zone.kind <= highest and (not usable or nodemask >> zone.node & 1):
            return zone.node
    return NONE


@rare
@kernel
def _wait_for_reserves(m, nid, gfp):
    """Sleep until the node's reserves allow it or the task is killed; without __GFP_FS a second at most."""
    task, queue = tasks(m)[turn(m).task], pfmemalloc_wait(m)[nid]
    reclaim_count(m).pgscan_direct_throttle += 1
    unplug(m)
    begins(m, PFMEMALLOC)
    last = FOREVER if gfp & FS else timeout_ends(m, geometry(m).hz)
    while not task.killed and m.now < last and not allow_direct_reclaim(m, nid):
        wait(m, queue, FOREVER if last >= FOREVER else last - m.now)
    ends(m, PFMEMALLOC)


@kernel
def throttle_direct_reclaim(m, nid, gfp, nodemask):
    """Wait, if a task is to reclaim directly, for the reserves; whether it was killed meanwhile and shall not reclaim.

    Daemons are spared: pages may depend on them to be cleaned.
    """
    t = turn(m).task
    if t == NONE or not throttle_settings(m).throttles_direct_reclaim or tasks(m)[t].killed:
        return False
    node = _throttling_node(m, nid, gfp, nodemask)
    if node == NONE or allow_direct_reclaim(m, node):
        return False
    _wait_for_reserves(m, node, gfp)
    return tasks(m)[t].killed > 0


@kernel
def wake_throttled(m, nid):
    """kswapd has made a pass: who waits for the node's reserves goes on if they allow it (balance_pgdat)."""
    if pfmemalloc_wait(m)[nid].first and allow_direct_reclaim(m, nid):
        wake(m, pfmemalloc_wait(m)[nid], ALL, m.now)


@kernel
def nobody_throttled(m, nid):
    """kswapd is about to rest: who waits for the node's reserves looks again; whether it may rest.

    To 3.18 not if it had to wake somebody (prepare_kswapd_sleep).
    """
    if not pfmemalloc_wait(m)[nid].first:
        return True
    m.now += costs(m).kswapd_wake  # it may go round so for ever
    wake(m, pfmemalloc_wait(m)[nid], ALL, m.now)
    return not throttle_settings(m).awake_while_throttled
