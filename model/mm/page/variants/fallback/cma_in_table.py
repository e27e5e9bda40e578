"""Fallback of 3.5 to 4.0: as before, with contiguous memory areas first in the table of movable requests.

An area keeps its type, and what remains of its block stays in it. What remains of any other block goes to the
requested type; from 3.13 to 3.19 (`rest_if_claimed`) only if the pageblock became of that type.
"""

from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.parameters import parameters
from mmrun.model.core.record import NONE
from mmrun.model.mm.page.alloc_flags import ALLOC_CMA
from mmrun.model.mm.page.buddy import PAGEBLOCK_ORDER, page_del_and_expand, set_pageblocks
from mmrun.model.mm.page.flags import CMA
from mmrun.model.mm.page.pageblock import (
    HALF,
    block_type,
    may_claim,
    move_freepages_block,
    note_extfrag,
    set_pageblock_migratetype,
)
from mmrun.model.mm.page.state import MAX_ORDER, zones
from mmrun.model.mm.page.variants.fallback.moves_half_free import find_fallback, from_reserve

SOURCE = "mm/page_alloc.c: __rmqueue_fallback, 3.5 (47118af0), 4.0 (3a1086fb)"
PARAMS = {
    "rest_if_claimed": (False, "flag", "the remainder of a block changes its type only with the pageblock",
                        "mm/page_alloc.c: try_to_steal_freepages, 3.13, until 3a1086fb"),
}  # fmt: skip
params = parameters("fallback", PARAMS, 27)


@kernel
def _take(m, z, order, found, mt, other):
    """Take the head of list `other` of order `found`, an area's, or with what it brings."""
    pfn, rest = zones(m)[z].areas[found, other].head, other
    if other != CMA:
        if may_claim(found, mt, False) and move_freepages_block(m, z, pfn, mt) >= HALF:
            set_pageblock_migratetype(m, pfn, mt)
        if found >= PAGEBLOCK_ORDER:
            set_pageblocks(m, pfn, found, mt)
        rest = mt if not params(m).rest_if_claimed or block_type(m, pfn) == mt else other
    page_del_and_expand(m, z, pfn, order, found, rest)
    note_extfrag(m, pfn, order, found, mt, other)
    return pfn


@hook
def rmqueue_fallback(m, z, order, mt, alloc_flags):
    for found in range(MAX_ORDER - 1, order - 1, -1):
        if alloc_flags & ALLOC_CMA and zones(m)[z].areas[found, CMA].head != NONE:
            return _take(m, z, order, found, mt, CMA)
        other = find_fallback(m, z, found, mt)
        if other != NONE:
            return _take(m, z, order, found, mt, other)
    return from_reserve(m, z, order)
