"""Fallback since 6.15 (and in 6.12's stable releases): claim a pageblock from the largest down, else steal a block.

A claim goes on with the next smaller block where half of the pageblock does not suit, and every such attempt boosts
the watermarks. A theft takes the smallest block that suffices; what remains and the pageblock keep their type. A
refill of a per-CPU list that had to steal goes on stealing, one that found an area goes on with areas.
"""

from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.record import NONE
from mmrun.model.mm.page.alloc_flags import NOFRAGMENT
from mmrun.model.mm.page.boost import boost_watermark
from mmrun.model.mm.page.buddy import CLAIM, NORMAL, PAGEBLOCK_ORDER, STEAL, page_del_and_expand
from mmrun.model.mm.page.pageblock import may_claim, note_extfrag
from mmrun.model.mm.page.state import MAX_ORDER, zones
from mmrun.model.mm.page.variants.fallback.boosting import least_order
from mmrun.model.mm.page.variants.fallback.list_hygiene import claim_half, claim_pageblocks
from mmrun.model.mm.page.variants.fallback.moves_half_free import find_fallback

SOURCE = "mm/page_alloc.c: __rmqueue_claim, __rmqueue_steal, 6.15 (c2f6ea38), 6.12.117"


@kernel
def rmqueue_claim(m, z, order, mt, alloc_flags):
    """A block out of a pageblock that becomes of type `mt`, or NONE."""
    for found in range(MAX_ORDER - 1, least_order(order, alloc_flags) - 1, -1):
        other = find_fallback(m, z, found, mt)
        if other == NONE:
            continue
        if not may_claim(found, mt, True):
            return NONE
        head = zones(m)[z].areas[found, other].head
        if found >= PAGEBLOCK_ORDER:
            pfn = claim_pageblocks(m, z, head, order, found, mt)
        else:
            boost_watermark(m, z, alloc_flags)
            pfn = claim_half(m, z, head, order, mt)
        if pfn != NONE:
            note_extfrag(m, pfn, order, found, mt, other)
            return pfn
    return NONE


@kernel
def rmqueue_steal(m, z, order, mt):
    """The smallest block of another type that suffices, out of a pageblock that keeps its type, or NONE."""
    for found in range(order, MAX_ORDER):
        other = find_fallback(m, z, found, mt)
        if other != NONE:
            pfn = page_del_and_expand(m, z, zones(m)[z].areas[found, other].head, order, found, other)
            note_extfrag(m, pfn, order, found, mt, other)
            return pfn
    return NONE


@hook
def rmqueue_fallback(m, z, order, mt, alloc_flags):
    zone = zones(m)[z]
    if zone.rmqueue_mode <= CLAIM:
        pfn = rmqueue_claim(m, z, order, mt, alloc_flags)
        if pfn != NONE:
            zone.rmqueue_mode = NORMAL
            return pfn
    if alloc_flags & NOFRAGMENT:
        return NONE
    pfn = rmqueue_steal(m, z, order, mt)
    if pfn != NONE:
        zone.rmqueue_mode = STEAL
    return pfn
