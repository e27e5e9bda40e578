"""Fallback of 4.12 to 4.20: pages change lists, and the smallest that suffices of the requested type is used then.

The largest block of another type decides. It brings its pageblock's free pages if the request may claim it, and the
pageblock's type if they, with the pages in use that suit the request, are half of it; else it alone changes lists.
Since 4.13 (`smallest_for_movable`) a movable request that may claim nothing takes the smallest block, not the largest.
"""

from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.parameters import parameters
from mmrun.model.core.record import NONE
from mmrun.model.mm.page.buddy import (
    PAGEBLOCK_ORDER,
    move_to_free_list,
    rmqueue_smallest,
    set_pageblocks,
)
from mmrun.model.mm.page.flags import HIGHATOMIC, MOVABLE
from mmrun.model.mm.page.pageblock import (
    HALF,
    alike_pages,
    block_type,
    count_block,
    may_claim,
    move_freepages_block,
    note_extfrag,
    set_pageblock_migratetype,
)
from mmrun.model.mm.page.state import MAX_ORDER, alloc_settings, zones
from mmrun.model.mm.page.variants.fallback.moves_half_free import find_fallback

SOURCE = "mm/page_alloc.c: __rmqueue_fallback, steal_suitable_fallback, 4.12 (3bc48f96)"
PARAMS = {
    "smallest_for_movable": (True, "flag", "movable requests that may not claim take the smallest block (4.13)",
                             "mm/page_alloc.c: __rmqueue_fallback, find_smallest, 5.0"),
}  # fmt: skip
params = parameters("fallback", PARAMS, 28)


@kernel
def bring(m, z, pfn, mt):
    """Move the free pages of the block's pageblock to type `mt`, its type with them if half of it suits; how many."""
    block = block_type(m, pfn)
    _, movable = count_block(m, pfn)
    moved = move_freepages_block(m, z, pfn, mt)
    if moved and moved + alike_pages(mt, block, moved, movable) >= HALF:
        set_pageblock_migratetype(m, pfn, mt)
    return moved


@kernel
def steal_suitable_fallback(m, z, pfn, found, mt):
    """Bring what the block at the head of its list may bring, or it alone, to the lists of type `mt`."""
    if found >= PAGEBLOCK_ORDER and block_type(m, pfn) != HIGHATOMIC:
        set_pageblocks(m, pfn, found, mt)
    elif block_type(m, pfn) != HIGHATOMIC and may_claim(found, mt, True) and bring(m, z, pfn, mt):
        return
    move_to_free_list(m, z, pfn, found, mt, alloc_settings(m).moved_to_tail)


@kernel
def largest(m, z, least, order, mt, smallest_for_movable):
    """The order of the block to fall back to: the largest from `least` up, or the smallest that suffices; -1: none."""
    for found in range(MAX_ORDER - 1, least - 1, -1):
        if find_fallback(m, z, found, mt) == NONE:
            continue
        if smallest_for_movable and mt == MOVABLE and found > order and not may_claim(found, mt, True):
            while find_fallback(m, z, order, mt) == NONE:
                order += 1
            return order
        return found
    return -1


@hook
def rmqueue_fallback(m, z, order, mt, alloc_flags):
    found = largest(m, z, order, order, mt, params(m).smallest_for_movable)
    if found < 0:
        return NONE
    other = find_fallback(m, z, found, mt)
    pfn = zones(m)[z].areas[found, other].head
    steal_suitable_fallback(m, z, pfn, found, mt)
    note_extfrag(m, pfn, order, found, mt, other)
    return rmqueue_smallest(m, z, order, mt)
