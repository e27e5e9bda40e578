"""Fallback of 6.10 to 6.14: pages stand on the list of their pageblock's type; they move only if it is claimed.

The same block is found as before, and boosts. If half of its pageblock suits the request, all its free pages and its
type change, and the smallest that suffices is taken; else the block found is split and the rest keeps its type.
"""

from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.record import NONE
from mmrun.model.mm.page.boost import boost_watermark
from mmrun.model.mm.page.buddy import PAGEBLOCK_ORDER, page_del_and_expand, rmqueue_smallest, set_pageblocks
from mmrun.model.mm.page.flags import HIGHATOMIC
from mmrun.model.mm.page.pageblock import (
    HALF,
    alike_pages,
    block_type,
    count_block,
    crosses_zone,
    may_claim,
    move_freepages_block,
    note_extfrag,
    set_pageblock_migratetype,
)
from mmrun.model.mm.page.state import zones
from mmrun.model.mm.page.variants.fallback.boosting import least_order
from mmrun.model.mm.page.variants.fallback.compatible_pages import largest
from mmrun.model.mm.page.variants.fallback.moves_half_free import find_fallback

SOURCE = "mm/page_alloc.c: __rmqueue_fallback, steal_suitable_fallback, 6.10 (e0932b6c)"


@kernel
def claim_pageblocks(m, z, pfn, order, found, mt):
    """Take a block of whole pageblocks; they are of type `mt` from now on, and so is what remains."""
    set_pageblocks(m, pfn, found, mt)
    return page_del_and_expand(m, z, pfn, order, found, mt)


@kernel
def claim_half(m, z, pfn, order, mt):
    """If half of the block's pageblock is free or suits, claim it and take the smallest block; else NONE."""
    if crosses_zone(m, z, pfn):
        return NONE
    free, movable = count_block(m, pfn)
    if free + alike_pages(mt, block_type(m, pfn), free, movable) < HALF:
        return NONE
    move_freepages_block(m, z, pfn, mt)
    set_pageblock_migratetype(m, pfn, mt)
    return rmqueue_smallest(m, z, order, mt)


@kernel
def _take(m, z, pfn, order, found, mt, other, alloc_flags):
    """Claim the pageblock of the block found, or take the block alone."""
    if block_type(m, pfn) == HIGHATOMIC:
        return page_del_and_expand(m, z, pfn, order, found, other)
    if found >= PAGEBLOCK_ORDER:
        return claim_pageblocks(m, z, pfn, order, found, mt)
    boost_watermark(m, z, alloc_flags)
    got = claim_half(m, z, pfn, order, mt) if may_claim(found, mt, True) else NONE
    return got if got != NONE else page_del_and_expand(m, z, pfn, order, found, other)


@hook
def rmqueue_fallback(m, z, order, mt, alloc_flags):
    found = largest(m, z, least_order(order, alloc_flags), order, mt, True)
    if found < 0:
        return NONE
    other = find_fallback(m, z, found, mt)
    pfn = _take(m, z, zones(m)[z].areas[found, other].head, order, found, mt, other, alloc_flags)
    note_extfrag(m, pfn, order, found, mt, other)
    return pfn
