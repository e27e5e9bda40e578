"""Whether compaction of a zone is worth a try for a block of an order (compaction_suitable)."""

from mmrun.model.core.jit import kernel
from mmrun.model.mm.compaction.fragmentation import fragmentation_index
from mmrun.model.mm.compaction.state import compaction_settings
from mmrun.model.mm.page.alloc_flags import ALLOC_CMA, WMARK_HIGH, WMARK_LOW, WMARK_MASK
from mmrun.model.mm.page.state import zones
from mmrun.model.mm.page.zones import enough, watermark_ok

# What a pass comes to (enum compact_result); over several zones the largest counts.
(
    NOT_SUITABLE_ZONE, SKIPPED, DEFERRED, NO_SUITABLE_PAGE, CONTINUE, COMPLETE, PARTIAL_SKIPPED, CONTENDED,
    COMPACT_SUCCESS,
) = range(9)  # fmt: skip
COSTLY_ORDER = 3
EVERYTHING = -1  # the order of a pass that nobody needs a block from


@kernel
def compact_gap(order):
    """Free pages that compaction needs besides: the block and its copy."""
    return 2 << order


@kernel
def free_suffices(m, z, order, mark, highest, free):
    """Whether `free` pages are enough for compaction to find places to move pages to (__compaction_suitable).

    Above order 3, to 4.8 always, the low watermark must be met in place of the given one, which may be min.
    """
    zone = zones(m)[z]
    if order > COSTLY_ORDER or not compaction_settings(m).compact_min_mark:
        mark += zone.wmark_low - zone.wmark_min
    return enough(m, z, 0, mark + compact_gap(order), highest, ALLOC_CMA, free)


@kernel
def suitable(m, z, order, mark, highest):
    """Whether there is memory enough, and an allocation would fail because it is in pieces; (0 or 1, why not)."""
    if not free_suffices(m, z, order, mark, highest, zones(m)[z].nr_free):
        return 0, SKIPPED
    if order > COSTLY_ORDER or not compaction_settings(m).compact_min_mark:
        index = fragmentation_index(m, z, order)
        if 0 <= index <= compaction_settings(m).extfrag_threshold:
            return 0, NOT_SUITABLE_ZONE
    return 1, CONTINUE


@kernel
def suit_allocation_order(m, cc):
    """CONTINUE: compaction of the zone is worth a try; COMPACT_SUCCESS: a block is there; SKIPPED.

    In the kernel: compaction_suit_allocation_order, to 6.8 compaction_suitable.
    """
    zone = zones(m)[cc.zone]
    level = cc.alloc_flags & WMARK_MASK
    mark = zone.wmark_low if level == WMARK_LOW else zone.wmark_high if level == WMARK_HIGH else zone.wmark_min
    if not compaction_settings(m).compact_may_claim:  # 3.1: low and twice the block, whoever asks
        mark = zone.wmark_low + compact_gap(cc.order)
    if watermark_ok(m, cc.zone, cc.order, mark, cc.highest, cc.alloc_flags):
        return COMPACT_SUCCESS
    _, why = suitable(m, cc.zone, cc.order, zone.wmark_min, cc.highest)
    return CONTINUE if why == CONTINUE else SKIPPED
