"""Fallback of 2.6.39 to 3.4: the largest block of another type is taken, and its pageblock's free pages with it.

From the highest order down, in the order of the table, the head of the first list that is not empty. A block of 16
pages or more, or any for a reclaimable request, brings all free pages of its pageblock to the requested type, and the
pageblock becomes of that type if they are half of it; what remains of a block that brings none stays of the old type.
When no other type has a block, the reserve is touched.
"""

from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.record import NONE
from mmrun.model.mm.page.buddy import PAGEBLOCK_ORDER, page_del_and_expand, rmqueue_smallest, set_pageblocks
from mmrun.model.mm.page.flags import MOVABLE, RECLAIMABLE, RESERVE, UNMOVABLE
from mmrun.model.mm.page.pageblock import (
    HALF,
    may_claim,
    move_freepages_block,
    note_extfrag,
    set_pageblock_migratetype,
)
from mmrun.model.mm.page.state import MAX_ORDER, alloc_settings, zones

SOURCE = "mm/page_alloc.c: __rmqueue_fallback, 3.1"


@kernel
def fallback_type(mt, place):
    """The other type at this place, 0 or 1, of the table of fallbacks."""
    if mt == UNMOVABLE:
        return RECLAIMABLE if place == 0 else MOVABLE
    if mt == RECLAIMABLE:
        return UNMOVABLE if place == 0 else MOVABLE
    return RECLAIMABLE if place == 0 else UNMOVABLE


@kernel
def find_fallback(m, z, order, mt):
    """The first type of the table with a free block of exactly this order, or NONE."""
    for place in range(2):
        other = fallback_type(mt, place)
        if zones(m)[z].areas[order, other].head != NONE:
            return other
    return NONE


@kernel
def from_reserve(m, z, order):
    """A block of the zone's fixed reserve, which there is to 4.3, or NONE."""
    return rmqueue_smallest(m, z, order, RESERVE) if alloc_settings(m).reserve_cap == 0 else NONE


@kernel
def _take(m, z, order, found, mt, other):
    """Take the head of list `other` of order `found`."""
    pfn, rest = zones(m)[z].areas[found, other].head, other
    if may_claim(found, mt, False):
        if move_freepages_block(m, z, pfn, mt) >= HALF:
            set_pageblock_migratetype(m, pfn, mt)
        rest = mt
    if found >= PAGEBLOCK_ORDER:
        set_pageblocks(m, pfn, found, mt)
    page_del_and_expand(m, z, pfn, order, found, rest)
    note_extfrag(m, pfn, order, found, mt, other)
    return pfn


@hook
def rmqueue_fallback(m, z, order, mt, alloc_flags):
    for found in range(MAX_ORDER - 1, order - 1, -1):
        other = find_fallback(m, z, found, mt)
        if other != NONE:
            return _take(m, z, order, found, mt, other)
    return from_reserve(m, z, order)
