"""Fallback of 5.0 to 6.9: as before, and every fallback below a whole pageblock boosts the zone's watermarks.

A request that must not fragment (ALLOC_NOFRAGMENT) is given whole pageblocks only.
"""

from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.record import NONE
from mmrun.model.mm.page.alloc_flags import NOFRAGMENT
from mmrun.model.mm.page.boost import boost_watermark
from mmrun.model.mm.page.buddy import PAGEBLOCK_ORDER, rmqueue_smallest
from mmrun.model.mm.page.flags import HIGHATOMIC
from mmrun.model.mm.page.pageblock import block_type, note_extfrag
from mmrun.model.mm.page.state import zones
from mmrun.model.mm.page.variants.fallback.compatible_pages import largest, steal_suitable_fallback
from mmrun.model.mm.page.variants.fallback.moves_half_free import find_fallback

SOURCE = "mm/page_alloc.c: __rmqueue_fallback, steal_suitable_fallback, 5.0 (1c30844d), 6.1"


@kernel
def least_order(order, alloc_flags):
    """The smallest block that a request may fall back to."""
    return max(order, PAGEBLOCK_ORDER) if alloc_flags & NOFRAGMENT else order


@hook
def rmqueue_fallback(m, z, order, mt, alloc_flags):
    found = largest(m, z, least_order(order, alloc_flags), order, mt, True)
    if found < 0:
        return NONE
    other = find_fallback(m, z, found, mt)
    pfn = zones(m)[z].areas[found, other].head
    if found < PAGEBLOCK_ORDER and block_type(m, pfn) != HIGHATOMIC:
        boost_watermark(m, z, alloc_flags)
    steal_suitable_fallback(m, z, pfn, found, mt)
    note_extfrag(m, pfn, order, found, mt, other)
    return rmqueue_smallest(m, z, order, mt)
