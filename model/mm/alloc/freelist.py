"""The zonelist walk: which zone a block comes from, and what is asked of the zone before (get_page_from_freelist)."""

from mmrun.model.core.accounting import ALLOC, IN_MEMSTALL, begins, ends
from mmrun.model.core.jit import caller, kernel, rare
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import current
from mmrun.model.core.state import turn
from mmrun.model.machine.state import geometry, nodes
from mmrun.model.mm.alloc.node_reclaim import RECLAIM_DISTANCE, node_reclaim
from mmrun.model.mm.page import flags
from mmrun.model.mm.page.alloc_flags import (
    ALLOC_CMA,
    ALLOC_HIGHATOMIC,
    ALLOC_KSWAPD,
    FAIR,
    MIN_RESERVE,
    NO_WATERMARKS,
    NOFRAGMENT,
    NON_BLOCK,
    WMARK_HIGH,
    WMARK_LOW,
    WMARK_MASK,
    WMARK_MIN,
)
from mmrun.model.mm.page.gfp import (
    ATOMIC,
    DIRECT_RECLAIM,
    HIGH,
    KSWAPD_RECLAIM,
    MEMALLOC,
    NOMEMALLOC,
    WRITE,
    ZONE_DMA32,
    ZONE_NORMAL,
    gfp_migratetype,
    gfp_zone,
)
from mmrun.model.mm.page.highatomic import reserve_highatomic_pageblock
from mmrun.model.mm.page.pcp import rmqueue
from mmrun.model.mm.page.state import alloc_settings, frames, pcp_settings, zones
from mmrun.model.mm.page.zones import HARDER_ALONE, RESERVE_RIGHTS, wake_kswapd, watermark_ok
from mmrun.model.psi.state import psi_settings

dirty_ok = caller("dirty_ok")


@kernel
def fragments_never(m):
    """Whether no request may mix types within pageblocks (defrag_mode, 6.15)."""
    return alloc_settings(m).defrag_mode > 0


@kernel
def slowpath_flags(m, gfp, order):
    """What the slow path grants a request (gfp_to_alloc_flags): half of min for __GFP_HIGH, more for who cannot sleep.

    To 4.3 everybody who may not sleep tries harder, to 6.3 only atomic requests, and since 6.4 again all, but only
    those of __GFP_HIGH among them go further below min. Blocks of the reserve are for atomic ones (4.4).
    Who frees memory (PF_MEMALLOC), or asks on behalf of such (__GFP_MEMALLOC), may take what there is.
    """
    rights = alloc_settings(m).urgent_rights
    granted = WMARK_MIN | (MIN_RESERVE if gfp & HIGH else 0) | (ALLOC_KSWAPD if gfp & KSWAPD_RECLAIM else 0)
    if gfp_migratetype(gfp) == flags.MOVABLE:
        granted |= ALLOC_CMA
    if fragments_never(m):
        granted |= NOFRAGMENT
    if gfp & NOMEMALLOC:
        return granted
    if current(m).memalloc or (gfp & MEMALLOC and alloc_settings(m).gfp_memalloc):
        granted |= NO_WATERMARKS
    if rights in (HARDER_ALONE, RESERVE_RIGHTS):
        urgent = not gfp & DIRECT_RECLAIM
    else:
        urgent = gfp & ATOMIC
    if urgent:
        granted |= NON_BLOCK
        if order and rights != HARDER_ALONE and (rights != RESERVE_RIGHTS or granted & MIN_RESERVE):
            granted |= ALLOC_HIGHATOMIC
    return granted


@kernel
def _nofragment(m, nid, nodemask, highest):
    """Whether the request shall not mix types within a pageblock while other zones have room.

    Only where the preferred zone is a Normal one with another zone below it (alloc_flags_nofragment, 5.0).
    """
    home = nodes(m)[nid]
    for i in range(home.nr_zonelist):
        z = home.zonelist[i]
        zone = zones(m)[z]
        if zone.kind <= highest and nodemask >> zone.node & 1:
            below = z > nodes(m)[zone.node].first_zone and zones(m)[z - 1].kind == ZONE_DMA32
            return zone.kind == ZONE_NORMAL and (below or geometry(m).nr_nodes == 1)
    return False


@kernel
def fast_flags(m, gfp, nid, nodemask):
    """What a request has before anything is done for it: everything above the low watermarks."""
    granted = WMARK_LOW | (ALLOC_KSWAPD if gfp & KSWAPD_RECLAIM else 0)
    if fragments_never(m) or (alloc_settings(m).nofragment and _nofragment(m, nid, nodemask, gfp_zone(gfp))):
        granted |= NOFRAGMENT
    return granted | ALLOC_CMA if gfp_migratetype(gfp) == flags.MOVABLE else granted


@kernel
def mark_of(zone, alloc_flags):
    """The watermark that a request must leave before its rights are counted."""
    level = alloc_flags & WMARK_MASK
    if level == WMARK_LOW:
        return zone.wmark_low
    return zone.wmark_high if level == WMARK_HIGH else zone.wmark_min


@rare
@kernel
def _ok_after_reclaim(m, z, gfp, order, alloc_flags):
    """Whether reclaim on a zone's node, close to home, before memory is taken from farther away, frees enough."""
    what = ALLOC | psi_settings(m).psi_node_reclaim * IN_MEMSTALL
    begins(m, what)
    freed = node_reclaim(m, z, order, gfp)
    ends(m, what)
    return freed != 0 and watermark_ok(m, z, order, mark_of(zones(m)[z], alloc_flags), gfp_zone(gfp), alloc_flags)


@rare
@kernel
def _above_unboosted(m, z, highest, alloc_flags):
    """Whether the zone stays above min; of a boost a single urgent page need not know (zone_watermark_fast)."""
    zone = zones(m)[z]
    return watermark_ok(m, z, 0, zone.wmark_min - zone.boost, highest, alloc_flags)


@kernel
def _zone_ok(m, z, gfp, order, home, alloc_flags):
    """Whether zone `z` may serve the request, if need be after reclaim on its node (zone_reclaim_mode)."""
    zone, highest = zones(m)[z], gfp_zone(gfp)
    if pcp_settings(m).tuned and not zone.below_high:  # until it is, the zone is tested against the higher mark alone
        if watermark_ok(m, z, order, zone.wmark_high, highest, alloc_flags):
            return True
        zone.below_high = 1
    if alloc_flags & NO_WATERMARKS or watermark_ok(m, z, order, mark_of(zone, alloc_flags), highest, alloc_flags):
        return True
    urgent = order == 0 and alloc_flags & MIN_RESERVE and alloc_flags & WMARK_MASK == WMARK_MIN
    if urgent and zone.boost and _above_unboosted(m, z, highest, alloc_flags):
        return True
    if not alloc_settings(m).zone_reclaim_mode or home.distance[zone.node] > RECLAIM_DISTANCE:
        return False
    if not gfp & DIRECT_RECLAIM:
        return False
    return _ok_after_reclaim(m, z, gfp, order, alloc_flags)


@kernel
def _take_from(m, z, gfp, order, alloc_flags):
    """A block of zone `z`, which may serve the request; wakes kswapd for a boost, feeds the reserve (rmqueue)."""
    zone, mt = zones(m)[z], gfp_migratetype(gfp)
    pfn = rmqueue(m, turn(m).cpu, z, order, mt, alloc_flags)
    if zone.boosted and alloc_flags & ALLOC_KSWAPD:
        zone.boosted = 0
        wake_kswapd(m, z, 0, 0, zone.kind)
    if pfn == NONE:
        return NONE
    frames(m)[pfn].zone, frames(m)[pfn].node = z, zone.node
    zone.alloc_batch -= 1 << order
    if order and alloc_flags & ALLOC_HIGHATOMIC:
        reserve_highatomic_pageblock(m, z, pfn, order)
    return pfn


@kernel
def _too_dirty(m, z, alloc_flags):
    """Whether a page for write() to a disk is to come from another zone (node_dirty_ok, at the low watermark)."""
    if not alloc_flags & WMARK_LOW or alloc_flags & NO_WATERMARKS:
        return False
    return current(m).backing_dev != 0 and dirty_ok(m, z) == 0


@kernel
def _walk(m, gfp, order, nid, nodemask, alloc_flags):
    """Once along the zonelist: the first frame of a block, or NONE; a request that is not to fragment stays at home."""
    home, highest, preferred = nodes(m)[nid], gfp_zone(gfp), NONE
    for i in range(home.nr_zonelist):
        z = home.zonelist[i]
        zone = zones(m)[z]
        if zone.kind > highest or not nodemask >> zone.node & 1:
            continue
        preferred = zone.node if preferred == NONE else preferred
        if alloc_flags & (FAIR | NOFRAGMENT):
            if zone.node != preferred and (alloc_flags & FAIR or not fragments_never(m)):
                break
            if alloc_flags & FAIR and zone.alloc_batch <= 0:
                continue
        if gfp & WRITE and _too_dirty(m, z, alloc_flags):
            continue
        if _zone_ok(m, z, gfp, order, home, alloc_flags):
            pfn = _take_from(m, z, gfp, order, alloc_flags)
            if pfn != NONE:
                return pfn
    return NONE


@kernel
def get_page_from_freelist(m, gfp, order, nid, nodemask, alloc_flags):
    """A block from the first allowed zone of node `nid`'s zonelist that stays above its mark; its first frame, or NONE.

    At the low watermark a page for write() (__GFP_WRITE) to a disk comes from a zone within its dirty limit only.
    `FAIR`: at the low watermark, from a zone of the preferred node that has not yet given its share (ALLOC_FAIR).
    Before a request that shall not mix types leaves its node, or the list ends, it looks again and may.
    """
    pfn = _walk(m, gfp, order, nid, nodemask, alloc_flags)
    if pfn == NONE and alloc_flags & NOFRAGMENT and not fragments_never(m):
        pfn = _walk(m, gfp, order, nid, nodemask, alloc_flags & ~NOFRAGMENT)
    return pfn
