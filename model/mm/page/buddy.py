"""The buddy allocator of a zone (mm/page_alloc.c).

Free blocks of 2^order frames hang on `zone.areas[order][migratetype]`; a block is split on allocation and merged with
its buddy (`pfn ^ 1 << order`) on free. Where a block of another type than the wanted one comes from is the axis
`fallback`. Nothing here reclaims.
"""

from mmrun.model.core.codes import BAD_BUDDY
from mmrun.model.core.jit import caller, kernel, rare
from mmrun.model.core.panic import panic
from mmrun.model.core.record import NONE
from mmrun.model.machine.state import nodes
from mmrun.model.mm.compaction.state import compaction_settings
from mmrun.model.mm.page.alloc_flags import ALLOC_CMA, ALLOC_HIGHATOMIC, NON_BLOCK, OOM, REFILL
from mmrun.model.mm.page.capture import capture
from mmrun.model.mm.page.flags import (
    CMA,
    FREE,
    FREE_BLOCK,
    HIGHATOMIC,
    ISOLATE,
    KERNEL,
    KERNEL_PAGE,
    MOVABLE,
    UNMOVABLE,
)
from mmrun.model.mm.page.gfp import HIGHMEM, KSWAPD_RECLAIM, NOWARN
from mmrun.model.mm.page.gfp import MOVABLE as GFP_MOVABLE
from mmrun.model.mm.page.state import MAX_ORDER, alloc_settings, frames, pageblocks, zones
from mmrun.model.mm.page.tracepoints import mm_page_alloc, mm_page_alloc_zone_locked

PAGEBLOCK_ORDER = 9  # a huge page of 2 MiB: the grain of migratetypes
rmqueue_fallback = caller("rmqueue_fallback")
MERGE_ALL, MERGE_UNLESS_ISOLATED, MERGE_MERGEABLE = 0, 1, 2
CMA_IN_TABLE, CMA_AFTER_OWN, CMA_BALANCED = 1, 2, 3  # alloc_settings.cma_rule
GFP_ZRAM = KSWAPD_RECLAIM | NOWARN | HIGHMEM  # zram_drv.c: zram_write_page, 4.7
NORMAL, FROM_CMA, CLAIM, STEAL = 0, 1, 2, 3  # zone.rmqueue_mode: how far a refill's search has come


@kernel
def areas_hold_half(zone):
    """Whether more than half of what is free lies in areas, as far as all CPUs can see (zone_page_state)."""
    return zone.nr_free_cma - zone.unfolded_cma > (zone.nr_free - zone.unfolded) // 2


@rare
@kernel
def _account_apart(zone, pages, mt):
    """Of a type that is counted apart, or where changes are folded.

    Changes collect with the CPU until they are more than the threshold (__mod_zone_page_state).
    """
    if mt == ISOLATE:
        return
    zone.nr_free += pages
    if mt == CMA:
        zone.nr_free_cma += pages
        zone.unfolded_cma += pages if zone.stat_threshold else 0
    elif mt == HIGHATOMIC:
        zone.nr_free_highatomic += pages
    if zone.stat_threshold:
        zone.unfolded += pages
        if abs(zone.unfolded) > zone.stat_threshold:
            zone.unfolded = 0
        if abs(zone.unfolded_cma) > zone.stat_threshold:
            zone.unfolded_cma = 0


@kernel
def account_freepages(m, z, pages, mt):
    """Count that `pages` of type `mt` have become free, or less than none; isolated ones count as in use."""
    zone = zones(m)[z]
    if mt >= HIGHATOMIC or zone.stat_threshold:
        _account_apart(zone, pages, mt)
    else:
        zone.nr_free += pages


@kernel
def add_to_free_list(m, z, pfn, order, mt, at_tail):
    """Put a block at an end of its list; nothing is counted but the list's length."""
    f, area = frames(m), zones(m)[z].areas[order, mt]
    page = f[pfn]
    page.order, page.state, page.zone, page.owner, page.kind = order, FREE, z, mt, FREE_BLOCK
    if at_tail:
        page.prev, page.next = area.tail, NONE
        if area.tail == NONE:
            area.head = pfn
        else:
            f[area.tail].next = pfn
        area.tail = pfn
    else:
        page.prev, page.next = NONE, area.head
        if area.head == NONE:
            area.tail = pfn
        else:
            f[area.head].prev = pfn
        area.head = pfn
    area.nr_free += 1


@kernel
def del_from_free_list(m, z, pfn, order):
    """Take a free block off the list it stands on."""
    f = frames(m)
    if not f[pfn].state & FREE or f[pfn].order != order:
        panic(m, BAD_BUDDY, pfn)
        return
    area = zones(m)[z].areas[order, f[pfn].owner]
    before, after = f[pfn].prev, f[pfn].next
    if before == NONE:
        area.head = after
    else:
        f[before].next = after
    if after == NONE:
        area.tail = before
    else:
        f[after].prev = before
    area.nr_free -= 1
    f[pfn].state = f[pfn].kind = f[pfn].order = 0


@kernel
def move_to_free_list(m, z, pfn, order, mt, at_tail):
    """Move a free block to the list of another type (move_to_free_list)."""
    account_freepages(m, z, -(1 << order), frames(m)[pfn].owner)
    del_from_free_list(m, z, pfn, order)
    add_to_free_list(m, z, pfn, order, mt, at_tail)
    account_freepages(m, z, 1 << order, mt)


@kernel
def expand(m, z, pfn, low, high, mt):
    """Keep the first 2^low frames of a block of 2^high that is on no list, list the rest as `mt`; its size (expand)."""
    for order in range(high - 1, low - 1, -1):
        add_to_free_list(m, z, pfn + (1 << order), order, mt, False)
    frames(m)[pfn].order = low
    return (1 << high) - (1 << low)


@kernel
def page_del_and_expand(m, z, pfn, low, high, rest):
    """Take the first 2^low frames of the free block of 2^high; the remainder is listed as `rest`."""
    mt = frames(m)[pfn].owner
    del_from_free_list(m, z, pfn, high)
    size = expand(m, z, pfn, low, high, rest)
    if rest == mt:
        account_freepages(m, z, -(1 << low), mt)
    else:
        account_freepages(m, z, -(1 << high), mt)
        account_freepages(m, z, size, rest)
    return pfn


@kernel
def rmqueue_smallest(m, z, order, mt):
    """The head of the first list of type `mt` from `order` up that is not empty, split; NONE (__rmqueue_smallest)."""
    zone = zones(m)[z]
    for larger in range(order, MAX_ORDER):
        pfn = zone.areas[larger, mt].head
        if pfn != NONE:
            return page_del_and_expand(m, z, pfn, order, larger, mt)
    return NONE


@kernel
def take_free_block(m, z, pfn):
    """Take a free block off its list, whole; its order."""
    order, mt = int(frames(m)[pfn].order), frames(m)[pfn].owner
    del_from_free_list(m, z, pfn, order)
    account_freepages(m, z, -(1 << order), mt)
    frames(m)[pfn].order = order
    return order


@rare
@kernel
def _from_cma(m, z, order):
    """A block out of a contiguous memory area, or NONE; the refill goes on there (__rmqueue_cma_fallback)."""
    pfn = rmqueue_smallest(m, z, order, CMA)
    if pfn != NONE and alloc_settings(m).refill_remembers:
        zones(m)[z].rmqueue_mode = FROM_CMA
    return pfn


@kernel
def alloc_block(m, z, order, mt, flags):
    """A free block of 2^order frames of zone `z`, of migratetype `mt` if there is one; its first frame, or NONE.

    `flags`: what the request may take (`alloc_flags`). Areas of contiguous memory are for movable requests that find no
    block of their own, since 5.8 also before that while the areas hold more than half of what is free. In the kernel:
    __rmqueue.
    """
    zone, areas, pfn = zones(m)[z], alloc_settings(m).cma_rule if flags & ALLOC_CMA else 0, NONE
    if not flags & REFILL:
        zone.rmqueue_mode = NORMAL
    if areas == CMA_BALANCED and areas_hold_half(zone):
        pfn = rmqueue_smallest(m, z, order, CMA)
    if pfn == NONE and zone.rmqueue_mode == NORMAL:
        pfn = rmqueue_smallest(m, z, order, mt)
    if pfn == NONE and areas >= CMA_AFTER_OWN and zone.rmqueue_mode <= FROM_CMA:
        pfn = _from_cma(m, z, order)
    if pfn == NONE:
        pfn = rmqueue_fallback(m, z, order, mt, flags)
    if pfn != NONE:
        mm_page_alloc_zone_locked(m, pfn, order, mt, order == 0)
    return pfn


@rare
@kernel
def rmqueue_buddy(m, z, order, mt, flags):
    """A block straight from the buddy lists: from the high-atomic reserve first where that is open to the request.

    Since 6.13 (a fix of 6.11) the reserve is also the last resort of who cannot sleep and of the OOM killer's victims.
    Its first frame, or NONE. In the kernel: rmqueue_buddy, to 5.x the second half of buffered_rmqueue and rmqueue.
    """
    pfn = NONE
    if order and flags & ALLOC_HIGHATOMIC:
        pfn = rmqueue_smallest(m, z, order, HIGHATOMIC)
    if pfn == NONE:
        pfn = alloc_block(m, z, order, mt, flags)
    if pfn == NONE and alloc_settings(m).free_reserve_counts and flags & (OOM | NON_BLOCK):
        pfn = rmqueue_smallest(m, z, order, HIGHATOMIC)
    return pfn


@kernel
def mergeable(mt):
    """Whether free blocks of the type merge with those of another one (migratetype_is_mergeable)."""
    return mt < HIGHATOMIC


@rare
@kernel
def _merges(m, mt, other):
    """Whether two whole free pageblocks of these types become one (__free_one_page).

    To 3.17 always, to 5.17 unless one of them is isolated (ad53f92eb416, mm/page_alloc: prevent merging between
    isolated and other pageblocks, 3.18).
    """
    rule = alloc_settings(m).mergeable
    if mt == other or rule == MERGE_ALL:
        return True
    if rule == MERGE_UNLESS_ISOLATED:
        return mt != ISOLATE and other != ISOLATE
    return mergeable(mt) and mergeable(other)


@kernel
def _merge_likely(m, z, pfn, order):
    """Whether the buddy of the next larger block is free already, so that this one should be left for a merge.

    In the kernel: buddy_merge_likely.
    """
    if order >= MAX_ORDER - 2:
        return False
    f, zone = frames(m), zones(m)[z]
    other = (pfn & ~(1 << order)) ^ (1 << order + 1)
    if other < zone.start or other + (1 << order + 1) > zone.start + zone.span:
        return False
    return f[other].state & FREE and f[other].order == order + 1


@kernel
def free_one_page(m, z, pfn, order, mt, at_tail):
    """Give back a block to the list of type `mt`, merged with its free buddies (__free_one_page)."""
    f, zone = frames(m), zones(m)[z]
    end, capturing = zone.start + zone.span, compaction_settings(m).capturing
    account_freepages(m, z, 1 << order, mt)
    while order < MAX_ORDER - 1:
        if capturing and capture(m, z, pfn, order, mt):
            account_freepages(m, z, -(1 << order), mt)
            return
        other = pfn ^ (1 << order)
        if other < zone.start or other + (1 << order) > end:
            break
        if not f[other].state & FREE or f[other].order != order:
            break
        kind = f[other].owner
        if order >= PAGEBLOCK_ORDER and not _merges(m, mt, pageblocks(m)[other >> PAGEBLOCK_ORDER]):
            break
        del_from_free_list(m, z, other, order)
        if kind != mt:
            account_freepages(m, z, -(1 << order), kind)
            account_freepages(m, z, 1 << order, mt)
            if alloc_settings(m).merge_retypes and order >= PAGEBLOCK_ORDER:
                set_pageblocks(m, other, order, mt)
        pfn = min(pfn, other)
        order += 1
    add_to_free_list(m, z, pfn, order, mt, at_tail or _merge_likely(m, z, pfn, order))


@kernel
def free_block(m, z, pfn, order):
    """Give back a block of 2^order frames of zone `z`, merging it with its free buddies, to its pageblock's type.

    The frames of its tails are nobody's from now on. In the kernel: free_one_page.
    """
    f = frames(m)
    for tail in range(pfn + 1, pfn + (1 << order)):
        f[tail].kind = f[tail].state = 0
    f[pfn].order = f[pfn].state = f[pfn].kind = 0
    free_one_page(m, z, pfn, order, pageblocks(m)[pfn >> PAGEBLOCK_ORDER], False)


@rare
@kernel
def set_pageblocks(m, pfn, order, mt):
    """The pageblocks that a block of 2^order frames covers are of type `mt` (change_pageblock_range)."""
    for block in range(pfn >> PAGEBLOCK_ORDER, (pfn + (1 << order) - 1 >> PAGEBLOCK_ORDER) + 1):
        pageblocks(m)[block] = mt


@kernel
def alloc_reserve(m, node):
    """A frame for reclaim's own needs (PF_MEMALLOC): any zone of the node, no watermark; NONE when there is none.

    It is for compressed pages, which can be moved since 4.8 (zsmalloc: page migration support).
    """
    f, first = frames(m), nodes(m)[node].first_zone
    mt = MOVABLE if alloc_settings(m).zram_movable else UNMOVABLE
    for z in range(first + nodes(m)[node].nr_zones - 1, first - 1, -1):
        pfn = alloc_block(m, z, 0, mt, ALLOC_CMA if mt == MOVABLE else 0)
        if pfn != NONE:
            f[pfn].state, f[pfn].zone, f[pfn].node, f[pfn].mapcount = KERNEL, z, node, 0
            f[pfn].kind = KERNEL_PAGE
            mm_page_alloc(m, pfn, 0, mt, GFP_ZRAM | (GFP_MOVABLE if mt == MOVABLE else 0))
            return pfn
    return NONE


@kernel
def free_blocks(m, z, blocks):
    """Give blocks, rows of (first frame, order), to the zone at boot.

    To 5.9 the last one is handed out first (__free_pages_core: to the tail since 5.10).
    """
    for i in range(len(blocks)):
        mt = pageblocks(m)[blocks[i, 0] >> PAGEBLOCK_ORDER]
        free_one_page(m, z, blocks[i, 0], blocks[i, 1], mt, alloc_settings(m).boot_to_tail)
