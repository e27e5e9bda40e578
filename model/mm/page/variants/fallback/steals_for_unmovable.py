"""Fallback of 4.1 to 4.11: unmovable requests take whole pageblocks, too, and what remains is always theirs.

The largest block of another type. One of 16 pages or more, or any for an unmovable or reclaimable request, brings all
free pages of its pageblock, and the pageblock's type if they are half of it. The reserve is touched last, to 4.3.
"""

from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.record import NONE
from mmrun.model.mm.page.buddy import PAGEBLOCK_ORDER, page_del_and_expand, set_pageblocks
from mmrun.model.mm.page.pageblock import (
    HALF,
    may_claim,
    move_freepages_block,
    note_extfrag,
    set_pageblock_migratetype,
)
from mmrun.model.mm.page.state import MAX_ORDER, zones
from mmrun.model.mm.page.variants.fallback.moves_half_free import find_fallback, from_reserve

SOURCE = "mm/page_alloc.c: __rmqueue_fallback, steal_suitable_fallback, 4.4"


@kernel
def _take(m, z, order, found, mt, other):
    """Take the head of list `other` of order `found` with what it brings."""
    pfn = zones(m)[z].areas[found, other].head
    if found >= PAGEBLOCK_ORDER:
        set_pageblocks(m, pfn, found, mt)
    elif may_claim(found, mt, True) and move_freepages_block(m, z, pfn, mt) >= HALF:
        set_pageblock_migratetype(m, pfn, mt)
    page_del_and_expand(m, z, pfn, order, found, mt)
    note_extfrag(m, pfn, order, found, mt, other)
    return pfn


@hook
def rmqueue_fallback(m, z, order, mt, alloc_flags):
    for found in range(MAX_ORDER - 1, order - 1, -1):
        other = find_fallback(m, z, found, mt)
        if other != NONE:
            return _take(m, z, order, found, mt, other)
    return from_reserve(m, z, order)
