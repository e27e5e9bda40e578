"""Pageblocks: what type they are, what is in them, how their free pages change lists, whom a fallback gives them to."""

from mmrun.model.core.jit import kernel
from mmrun.model.mm.page.buddy import PAGEBLOCK_ORDER, move_to_free_list, set_pageblocks
from mmrun.model.mm.page.flags import FREE, KERNEL, LRU, MOVABLE, MOVING, RECLAIMABLE, TAIL_PAGE, UNMOVABLE, ZRAM_PAGE
from mmrun.model.mm.page.state import (
    EXTFRAG_EVENTS,
    alloc_count,
    alloc_settings,
    extfrag,
    frames,
    pageblocks,
    zones,
)
from mmrun.model.mm.page.tracepoints import mm_page_alloc_extfrag

PAGEBLOCK_PAGES = 1 << PAGEBLOCK_ORDER
HALF = PAGEBLOCK_PAGES // 2
DRIVER_MOVABLE = MOVING  # of a KERNEL page: whoever holds it can move it


@kernel
def block_type(m, pfn):
    """The type of the pageblock that the frame lies in."""
    return pageblocks(m)[pfn >> PAGEBLOCK_ORDER]


@kernel
def set_pageblock_migratetype(m, pfn, mt):
    """The pageblock of the frame is of type `mt` from now on; its free pages stay where they are."""
    set_pageblocks(m, pfn, 0, mt)


@kernel
def _movable(m, pfn):
    """Whether a frame in use can be moved: it is on an LRU list, or its driver can do it (__PageMovable)."""
    page = frames(m)[pfn]
    if page.kind == TAIL_PAGE:
        page = frames(m)[page.owner]
    return (
        page.state & LRU
        or page.state & (KERNEL | DRIVER_MOVABLE) == KERNEL | DRIVER_MOVABLE
        or (page.kind == ZRAM_PAGE and alloc_settings(m).zram_movable)
    )


@kernel
def crosses_zone(m, z, pfn):
    """Whether the zone ends, or begins, within the pageblock of the frame."""
    zone, start = zones(m)[z], pfn & ~(PAGEBLOCK_PAGES - 1)
    return start < zone.start or start + PAGEBLOCK_PAGES > zone.start + zone.span


@kernel
def count_block(m, pfn):
    """(free pages, movable pages in use) of the frame's pageblock; a block that spans two counts whole, in the first.

    In the kernel: prep_move_freepages_block.
    """
    f, at = frames(m), pfn & ~(PAGEBLOCK_PAGES - 1)
    end, free, movable = at + PAGEBLOCK_PAGES, 0, 0
    while at < end:
        if f[at].state & FREE:
            free += 1 << int(f[at].order)
            at += 1 << int(f[at].order)
            continue
        if _movable(m, at):
            movable += 1
        at += 1
    return free, movable


@kernel
def move_freepages_block(m, z, pfn, mt):
    """Move the free pages of the frame's pageblock to the lists of type `mt`, in address order; how many they are.

    None where the pageblock lies across the end of the zone. The pageblock keeps its type.
    """
    f, zone, at = frames(m), zones(m)[z], pfn & ~(PAGEBLOCK_PAGES - 1)
    end, moved, to_tail = at + PAGEBLOCK_PAGES, 0, alloc_settings(m).moved_to_tail
    if end > zone.start + zone.span:
        return 0
    at = pfn if at < zone.start else at
    while at < end:
        if not f[at].state & FREE:
            at += 1
            continue
        order = int(f[at].order)
        move_to_free_list(m, z, at, order, mt, to_tail)
        moved += 1 << order
        at += 1 << order
    return moved


@kernel
def may_claim(order, mt, unmovable_may):
    """Whether a request of type `mt` may try to get the whole pageblock of a block of this order.

    Large blocks always; any for reclaimable requests, and, since 4.1 (`unmovable_may`), for unmovable ones. In the
    kernel: can_steal_fallback, should_try_claim_block.
    """
    return order >= PAGEBLOCK_ORDER // 2 or mt == RECLAIMABLE or (unmovable_may and mt == UNMOVABLE)


@kernel
def alike_pages(mt, block, free, movable):
    """Pages in use of a pageblock of type `block` that suit a request of type `mt` (4.12)."""
    if mt == MOVABLE:
        return movable
    return PAGEBLOCK_PAGES - free - movable if block == MOVABLE else 0


@kernel
def note_extfrag(m, pfn, order, fallback_order, mt, fallback_mt):
    """Count a fallback, and remember it (the trace event mm_page_alloc_extfrag)."""
    count = alloc_count(m)
    row = extfrag(m)[count.mm_page_alloc_extfrag % EXTFRAG_EVENTS]
    row.pfn, row.alloc_order, row.fallback_order, row.alloc_mt, row.fallback_mt = (
        pfn, order, fallback_order, mt, fallback_mt,
    )  # fmt: skip
    row.change_ownership = block_type(m, pfn) == mt
    fragmenting = fallback_order < PAGEBLOCK_ORDER
    mm_page_alloc_extfrag(
        m, pfn, order, fallback_order, PAGEBLOCK_ORDER, mt, fallback_mt, fragmenting, row.change_ownership
    )
    count.mm_page_alloc_extfrag += 1
    if fragmenting:
        count.extfrag_fragmenting += 1
