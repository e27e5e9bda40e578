"""Watermark tests and waking the daemons (zone_watermark_ok, wakeup_kswapd)."""

from mmrun.model.core.jit import caller, kernel, rare
from mmrun.model.core.sleep import wake
from mmrun.model.machine.state import costs, geometry, node_count, nodes
from mmrun.model.mm.lru.state import lru_settings
from mmrun.model.mm.page.alloc_flags import ALLOC_CMA, ALLOC_HIGHATOMIC, MIN_RESERVE, NON_BLOCK, OOM
from mmrun.model.mm.page.flags import CMA, HIGHATOMIC
from mmrun.model.mm.page.state import MAX_ORDER, MIGRATETYPES, alloc_settings, pcp_settings, zones
from mmrun.model.mm.page.tracepoints import mm_vmscan_wakeup_kswapd

kswapd_needed = caller("kswapd_needed")
MAX_RECLAIM_RETRIES = 16
HARDER_ALONE, HARDER_GETS_RESERVE, RESERVE_RIGHTS = 0, 1, 2  # alloc_settings.urgent_rights


@rare
@kernel
def _set_aside(m, zone, alloc_flags):
    """What there is of a reserve and of areas that the request may not have.

    Of the high-atomic reserve (4.4) the whole size counts, used or not; since 6.13 what is free of it.
    """
    rights, unusable = alloc_settings(m).urgent_rights, 0
    if rights == HARDER_GETS_RESERVE and not alloc_flags & (NON_BLOCK | OOM):
        unusable += zone.nr_reserved_highatomic
    elif rights == RESERVE_RIGHTS and not alloc_flags & (NON_BLOCK | MIN_RESERVE | ALLOC_HIGHATOMIC | OOM):
        unusable += zone.nr_free_highatomic if alloc_settings(m).free_reserve_counts else zone.nr_reserved_highatomic
    return unusable if alloc_flags & ALLOC_CMA else unusable + zone.nr_free_cma


@kernel
def unusable_free(m, z, alloc_flags):
    """Free pages that the request may not have: the reserve of others, and areas it cannot use.

    In the kernel: __zone_watermark_unusable_free.
    """
    zone = zones(m)[z]
    if zone.nr_reserved_highatomic | zone.nr_free_highatomic | zone.nr_free_cma == 0:
        return 0
    return _set_aside(m, zone, alloc_flags)


@rare
@kernel
def _lowered_by_rights(m, mark, alloc_flags):
    """The mark by half, then a quarter of the rest, half for the OOM killer's victim.

    Since 6.4 who may not sleep has the quarter only beside __GFP_HIGH.
    """
    rights = alloc_settings(m).urgent_rights
    if alloc_flags & MIN_RESERVE:
        mark -= mark // 2
    if rights != RESERVE_RIGHTS and alloc_flags & (NON_BLOCK | OOM):
        return mark - mark // 2 if alloc_flags & OOM else mark - mark // 4
    if alloc_flags & MIN_RESERVE and alloc_flags & NON_BLOCK:
        mark -= mark // 4
    return mark - mark // 2 if alloc_flags & OOM else mark


@kernel
def lowered(m, mark, alloc_flags):
    """The mark for a request with these rights."""
    return _lowered_by_rights(m, mark, alloc_flags) if alloc_flags & (MIN_RESERVE | NON_BLOCK | OOM) else mark


@kernel
def blocks_of_order(m, z, order):
    """Free blocks of exactly this order, of all types."""
    nr = 0
    for mt in range(MIGRATETYPES):
        nr += zones(m)[z].areas[order, mt].nr_free
    return nr


@rare
@kernel
def _has_block(m, z, order, alloc_flags):
    """Whether there is a block large enough on a list that the request may use (4.4)."""
    zone = zones(m)[z]
    reserve = alloc_flags & (ALLOC_HIGHATOMIC | OOM)
    any_list = alloc_settings(m).urgent_rights == HARDER_GETS_RESERVE and alloc_flags & (NON_BLOCK | OOM)
    for larger in range(order, MAX_ORDER):
        for mt in range(MIGRATETYPES):
            if not zone.areas[larger, mt].nr_free:
                continue
            if any_list or mt < HIGHATOMIC or (mt == HIGHATOMIC and reserve) or (mt == CMA and alloc_flags & ALLOC_CMA):
                return True
    return False


@rare
@kernel
def _enough_in_large_blocks(m, z, order, mark, free):
    """Whether each order below the wanted one leaves half as much in the larger ones (to 4.3)."""
    for smaller in range(order):
        free -= blocks_of_order(m, z, smaller) << smaller
        mark >>= 1
        if free <= mark:
            return False
    return True


@kernel
def enough(m, z, order, mark, highest_zoneidx, alloc_flags, free):
    """Whether `free` pages of zone `z` suffice for an allocation that leaves `mark` (__zone_watermark_ok).

    To 4.3 each order below the wanted one must leave half as much in the larger ones; since 4.4 one block must exist.
    """
    free -= (1 << order) - 1 + alloc_settings(m).watermark_slack + unusable_free(m, z, alloc_flags)
    mark = lowered(m, mark, alloc_flags)
    if free <= mark + zones(m)[z].reserve[highest_zoneidx]:
        return False
    if order == 0:
        return True
    if alloc_settings(m).high_order_blocks:
        return _has_block(m, z, order, alloc_flags)
    return _enough_in_large_blocks(m, z, order, mark, free)


@kernel
def watermark_ok(m, z, order, mark, highest_zoneidx, alloc_flags):
    """Whether an allocation of 2^order pages leaves zone `z` above `mark` plus what it keeps for lower callers.

    In the kernel: zone_watermark_ok.
    """
    return enough(m, z, order, mark, highest_zoneidx, alloc_flags, zones(m)[z].nr_free)


@rare
@kernel
def boost_of(m, nid, highest_zoneidx):
    """Pages by which the watermarks of the node's zones are boosted, up to a kind (pgdat_watermark_boosted, 5.0)."""
    node, boost = nodes(m)[nid], 0
    for z in range(node.first_zone, node.first_zone + node.nr_zones):
        if zones(m)[z].kind <= highest_zoneidx:
            boost += zones(m)[z].boost
    return boost


@kernel
def wake_kswapd(m, z, gfp, order, highest_zoneidx):
    """Wake the daemon of the zone's node unless it runs, has given up, or is not needed (wakeup_kswapd).

    1: it sleeps on, as there is memory enough, or none to be had.
    """
    nid = zones(m)[z].node
    node = nodes(m)[nid]
    if node.kswapd_failures >= MAX_RECLAIM_RETRIES:
        return 1
    node.highest_zoneidx = max(node.highest_zoneidx, highest_zoneidx)
    node.kswapd_order = max(node.kswapd_order, order)
    if not node.kswapd_wait.first:
        return 0
    if not kswapd_needed(m, z, order, highest_zoneidx) and not boost_of(m, nid, highest_zoneidx):
        return 1
    mm_vmscan_wakeup_kswapd(m, nid, zones(m)[z].kind, order, gfp)
    wake(m, node.kswapd_wait, 1, m.now + costs(m).kswapd_wake)
    node_count(m)[nid].kswapd_wake += 1
    return 0


@kernel
def set_reclaim_active(m, nid):
    """From 5.14 on, per-CPU lists of the zones that kswapd is to balance hold little (set_reclaim_active)."""
    node = nodes(m)[nid]
    for z in range(node.first_zone, node.first_zone + node.nr_zones):
        zones(m)[z].reclaim_active = int(pcp_settings(m).high_orders and zones(m)[z].kind <= node.highest_zoneidx)


@kernel
def clear_reclaim_active(m, nid):
    """kswapd is done with the node."""
    for z in range(nodes(m)[nid].first_zone, nodes(m)[nid].first_zone + nodes(m)[nid].nr_zones):
        zones(m)[z].reclaim_active = 0


@kernel
def lruvec_of(m, memcg, node, zone):
    """Number of the lruvec of a group's pages on a node (or in a zone, while lists are per zone)."""
    return memcg * geometry(m).nr_zones + (zone if lru_settings(m).zone_lruvecs else nodes(m)[node].first_zone)
