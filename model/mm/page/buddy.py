"""The buddy allocator of a zone (mm/page_alloc.c).

Free blocks of 2^order frames hang on `zone.areas[order][migratetype]`; a block is split on allocation and merged with
its buddy (`pfn ^ 1 << order`) on free. Nothing here reclaims.
"""

from mmrun.model.core.codes import BAD_BUDDY
from mmrun.model.core.jit import kernel
from mmrun.model.core.panic import panic
from mmrun.model.core.record import NONE
from mmrun.model.machine.state import nodes
from mmrun.model.mm.page.flags import FREE, FREE_BLOCK, KERNEL, KERNEL_PAGE, MOVABLE
from mmrun.model.mm.page.state import (
    MAX_ORDER,
    MIGRATETYPES,
    frames,
    pageblocks,
    zones,
)

PAGEBLOCK_ORDER = 9  # a huge page of 2 MiB: the grain of migratetypes


@kernel
def _push_block(m, z, order, mt, pfn):
    f, area = frames(m), zones(m)[z].areas[order, mt]
    f[pfn].prev, f[pfn].next, f[pfn].order, f[pfn].state = NONE, area.head, order, FREE
    f[pfn].zone, f[pfn].owner, f[pfn].kind = z, mt, FREE_BLOCK
    if area.head != NONE:
        f[area.head].prev = pfn
    area.head = pfn
    area.nr_free += 1


@kernel
def _take_block(m, z, order, mt, pfn):
    f, area = frames(m), zones(m)[z].areas[order, mt]
    if not f[pfn].state & FREE or f[pfn].order != order:
        panic(m, BAD_BUDDY, pfn)
        return
    before, after = f[pfn].prev, f[pfn].next
    if before == NONE:
        area.head = after
    else:
        f[before].next = after
    if after != NONE:
        f[after].prev = before
    area.nr_free -= 1
    f[pfn].state = f[pfn].kind = 0


@kernel
def alloc_block(m, z, order, mt):
    """A free block of 2^order frames of zone `z`, of migratetype `mt` if there is one; its first frame, or NONE.

    In the kernel: __rmqueue, __rmqueue_smallest.
    """
    f, zone = frames(m), zones(m)[z]
    for attempt in range(MIGRATETYPES):
        kind = (mt + attempt) % MIGRATETYPES
        for larger in range(order, MAX_ORDER):
            pfn = zone.areas[larger, kind].head
            if pfn == NONE:
                continue
            _take_block(m, z, larger, kind, pfn)
            for half in range(larger - 1, order - 1, -1):
                _push_block(m, z, half, kind, pfn + (1 << half))
            zone.nr_free -= 1 << order
            f[pfn].order = order
            return pfn
    return NONE


@kernel
def free_block(m, z, pfn, order):
    """Give back a block of 2^order frames of zone `z`, merging it with its free buddies, to its pageblock's type.

    In the kernel: __free_one_page.
    """
    f, zone, mt = frames(m), zones(m)[z], pageblocks(m)[pfn >> PAGEBLOCK_ORDER]
    zone.nr_free += 1 << order
    end = zone.start + zone.span
    while order < MAX_ORDER - 1:
        other = pfn ^ (1 << order)
        if other < zone.start or other + (1 << order) > end:
            break
        if not f[other].state & FREE or f[other].order != order:
            break
        _take_block(m, z, order, f[other].owner, other)
        pfn = min(pfn, other)
        order += 1
    _push_block(m, z, order, mt, pfn)


@kernel
def alloc_reserve(m, node):
    """A frame for reclaim's own needs (PF_MEMALLOC): any zone of the node, no watermark; NONE when there is none."""
    f, first = frames(m), nodes(m)[node].first_zone
    for z in range(first + nodes(m)[node].nr_zones - 1, first - 1, -1):
        pfn = alloc_block(m, z, 0, MOVABLE)
        if pfn != NONE:
            f[pfn].state, f[pfn].zone, f[pfn].node, f[pfn].mapcount = KERNEL, z, node, 0
            f[pfn].kind = KERNEL_PAGE
            return pfn
    return NONE


@kernel
def free_blocks(m, z, blocks):
    """Give blocks, rows of (first frame, order), to the zone at boot; the last one is handed out first."""
    for i in range(len(blocks)):
        free_block(m, z, blocks[i, 0], blocks[i, 1])
