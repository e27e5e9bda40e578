"""Pageblocks out of the allocator's reach: what is free in them stays free, what is freed there is not handed out.

In the kernel: mm/page_isolation.c.
"""

from mmrun.model.core.jit import kernel
from mmrun.model.core.record import NONE
from mmrun.model.mm.page.buddy import (
    PAGEBLOCK_ORDER,
    account_freepages,
    del_from_free_list,
    free_one_page,
    move_to_free_list,
    take_free_block,
)
from mmrun.model.mm.page.flags import CMA, FREE, ISOLATE, KERNEL, NEW
from mmrun.model.mm.page.pageblock import DRIVER_MOVABLE
from mmrun.model.mm.page.state import MAX_ORDER, alloc_settings, frames, pageblocks

PAGEBLOCK = 1 << PAGEBLOCK_ORDER


@kernel
def has_unmovable_pages(m, block):
    """Whether a page of the pageblock is in the kernel's use, or in nobody's yet, and so cannot be moved away."""
    f, pfn = frames(m), block << PAGEBLOCK_ORDER
    end = pfn + PAGEBLOCK
    while pfn < end:
        state = f[pfn].state
        if state & (KERNEL | NEW) and not state & DRIVER_MOVABLE:
            return True
        pfn += 1 << int(f[pfn].order) if state & FREE else 1
    return False


@kernel
def _split_spanning(m, z, block):
    """A free block that covers more than the pageblock, which is isolated, becomes two (split_large_buddy)."""
    f, head = frames(m), block << PAGEBLOCK_ORDER & ~((1 << PAGEBLOCK_ORDER + 1) - 1)
    if not f[head].state & FREE or f[head].order <= PAGEBLOCK_ORDER:
        return
    order, mt = int(f[head].order), f[head].owner
    account_freepages(m, z, -(1 << order), mt)
    del_from_free_list(m, z, head, order)
    for half in range(head, head + (1 << order), PAGEBLOCK):
        free_one_page(m, z, half, PAGEBLOCK_ORDER, pageblocks(m)[half >> PAGEBLOCK_ORDER], False)


@kernel
def _move_free(m, z, block, mt, at_tail):
    """What is free in the pageblock goes to the lists of type `mt` (move_freepages_block)."""
    f, pfn = frames(m), block << PAGEBLOCK_ORDER
    end = pfn + PAGEBLOCK
    while pfn < end:
        if f[pfn].state & FREE:
            order = int(f[pfn].order)
            move_to_free_list(m, z, pfn, order, mt, at_tail)
            pfn += 1 << order
        else:
            pfn += 1


@kernel
def set_migratetype_isolate(m, z, block, mt, grain):
    """Isolate a pageblock of type `mt`; False if it is already, or if what is in it can never be moved.

    Blocks of an area are trusted. `grain`: order of what is isolated together.
    """
    if pageblocks(m)[block] == ISOLATE or (mt != CMA and has_unmovable_pages(m, block)):
        return False
    pageblocks(m)[block] = ISOLATE
    if grain == PAGEBLOCK_ORDER:
        _split_spanning(m, z, block)
    _move_free(m, z, block, ISOLATE, alloc_settings(m).moved_to_tail)
    return True


@kernel
def unset_migratetype_isolate(m, z, block, mt):
    """The pageblock is of type `mt` again; one that is free as a whole merges with its buddy."""
    f, pfn = frames(m), block << PAGEBLOCK_ORDER
    if pageblocks(m)[block] != ISOLATE:
        return
    pageblocks(m)[block] = mt
    whole = f[pfn].state & FREE and f[pfn].order >= PAGEBLOCK_ORDER
    if whole and f[pfn].order < MAX_ORDER - 1:
        order = take_free_block(m, z, pfn)
        free_one_page(m, z, pfn, order, mt, True)
    else:
        _move_free(m, z, block, mt, alloc_settings(m).moved_to_tail)


@kernel
def free_block_around(m, pfn):
    """First frame of the free block that frame `pfn` lies in, NONE: it is in use."""
    f = frames(m)
    for order in range(MAX_ORDER):
        head = pfn & ~((1 << order) - 1)
        if f[head].state & FREE:
            return head if head + (1 << int(f[head].order)) > pfn else NONE
    return NONE


@kernel
def test_pages_isolated(m, start, end):
    """Whether frames [start, end), which begin a free block, are all free and out of reach."""
    f, pfn = frames(m), start
    while pfn < end:
        if not f[pfn].state & FREE or f[pfn].owner != ISOLATE:
            return False
        pfn += 1 << int(f[pfn].order)
    return True
