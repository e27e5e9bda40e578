"""The scanner that takes free blocks to move pages to, from the high end of the zone (isolate_freepages)."""

from mmrun.model.core.jit import caller, hook, kernel
from mmrun.model.core.links import link_head, link_tail, unlink_row
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import cond_resched
from mmrun.model.core.state import turn
from mmrun.model.mm.compaction.migrate_scanner import CLUSTER
from mmrun.model.mm.compaction.skip import (
    PAGEBLOCK,
    PAGEBLOCK_ORDER,
    block_end,
    block_start,
    isolation_suitable,
    set_skip,
    update_cached_free,
    zone_end,
)
from mmrun.model.mm.compaction.state import compact_controls, compaction_count, compaction_settings
from mmrun.model.mm.memcg.memcontrol import NO_GROUP
from mmrun.model.mm.migrate.state import ASYNC
from mmrun.model.mm.page.alloc_flags import ALLOC_CMA
from mmrun.model.mm.page.buddy import mergeable, move_to_free_list, set_pageblocks, take_free_block
from mmrun.model.mm.page.flags import CMA, FREE, ISOLATE, MOVABLE, NEW, NO_KIND, RESERVE, TAIL_PAGE
from mmrun.model.mm.page.folio import nr_pages
from mmrun.model.mm.page.pcp import free_pages
from mmrun.model.mm.page.state import MAX_ORDER, frames, pageblocks, zones
from mmrun.model.mm.page.zones import watermark_ok

isolate_freepages = caller("isolate_freepages")


@kernel
def _move_free_pages(m, z, block, mt):
    at, end = block << PAGEBLOCK_ORDER, block + 1 << PAGEBLOCK_ORDER
    while at < end:
        page = frames(m)[at]
        size = nr_pages(m, at) if page.state & FREE else 1
        if page.state & FREE:
            move_to_free_list(m, z, at, int(page.order), mt, True)
        at += size


@kernel
def _turns_movable(m, z, pfn, order):
    """Half a pageblock or more is taken: it becomes movable, since 6.10 with what is free of it."""
    for block in range(pfn >> PAGEBLOCK_ORDER, (pfn + (1 << order) - 1 >> PAGEBLOCK_ORDER) + 1):
        if not mergeable(pageblocks(m)[block]) or pageblocks(m)[block] == MOVABLE:
            continue
        if compaction_settings(m).compact_moves_free:
            _move_free_pages(m, z, block, MOVABLE)
        set_pageblocks(m, block << PAGEBLOCK_ORDER, PAGEBLOCK_ORDER, MOVABLE)


@kernel
def hold_block(m, c, pfn):
    """Take a free block if that leaves enough; its size, 0: it is left (__isolate_free_page).

    Since 6.9 it is held whole, before as single pages, the last one first in line.
    """
    f, cc = frames(m), compact_controls(m)[c]
    order, z, zone = int(f[pfn].order), cc.zone, zones(m)[cc.zone]
    mark = zone.wmark_min if compaction_settings(m).compact_min_mark else zone.wmark_low
    isolates = pageblocks(m)[pfn >> PAGEBLOCK_ORDER] == ISOLATE
    if not isolates and not watermark_ok(m, z, 0, mark + (1 << order), 0, ALLOC_CMA):
        return 0
    take_free_block(m, z, pfn)
    if order >= PAGEBLOCK_ORDER - 1:
        _turns_movable(m, z, pfn, order)
    cc.nr_freepages += 1 << order
    compaction_count(m).compact_isolated += 1 << order
    if compaction_settings(m).compact_large_targets:
        _keep(m, c, pfn, order, False)
    else:
        for at in range(pfn, pfn + (1 << order)):
            _keep(m, c, at, 0, True)
    return 1 << order


@kernel
def _keep(m, c, pfn, order, at_head):
    """A free block joins those held; its order stands in `slot`, as nothing is made of its tails yet."""
    cc, page = compact_controls(m)[c], frames(m)[pfn]
    page.state, page.kind, page.order, page.slot, page.owner = NEW, NO_KIND, 0, order, cc.zone
    page.memcg = NO_GROUP
    if at_head:
        link_head(frames(m), cc.free[order], pfn)
    else:
        link_tail(frames(m), cc.free[order], pfn)


@kernel
def release_free_list(m, c):
    """Give back the blocks that were not needed; the highest frame among their firsts (release_free_list)."""
    cc, highest = compact_controls(m)[c], 0
    for order in range(MAX_ORDER):
        while cc.free[order].head != NONE:
            pfn = cc.free[order].head
            highest = max(highest, pfn)
            unlink_row(frames(m), cc.free[order], pfn)
            make_block(m, cc.zone, pfn, order)
            free_pages(m, turn(m).cpu, pfn, order)
    cc.nr_freepages = 0
    return highest


@kernel
def make_block(m, z, pfn, order):
    """Make a block in use, on no list yet, of a free one that was held."""
    f = frames(m)
    f[pfn].order, f[pfn].slot, f[pfn].mapcount, f[pfn].memcg = order, 0, 0, NO_GROUP
    f[pfn].zone, f[pfn].node = z, zones(m)[z].node
    for tail in range(pfn + 1, pfn + (1 << order)):
        f[tail].state = f[tail].mapcount = f[tail].slot = f[tail].order = 0
        f[tail].kind, f[tail].owner, f[tail].zone, f[tail].node = TAIL_PAGE, pfn, z, zones(m)[z].node


@hook
def compaction_alloc(m, cc, order):
    """A free block for a folio to be moved to, split from a larger one; the scanner goes on where there is none."""
    c, control, searched = cc, compact_controls(m)[cc], False
    while True:
        held = order
        while held < MAX_ORDER and control.free[held].head == NONE:
            held += 1
        if held < MAX_ORDER:
            break
        if searched:
            control.no_target = 1
            return NONE
        isolate_freepages(m, c)
        searched = True
    pfn = control.free[held].head
    unlink_row(frames(m), control.free[held], pfn)
    while held > order:
        held -= 1
        _keep(m, c, pfn + (1 << held), held, True)
    make_block(m, control.zone, pfn, order)
    control.nr_freepages -= 1 << order
    control.nr_migratepages -= 1 << order
    return pfn


@hook
def compaction_free(m, cc, frame):
    """A block that was given is not needed after all: it is held again."""
    control, order = compact_controls(m)[cc], int(frames(m)[frame].order)
    for tail in range(frame + 1, frame + (1 << order)):
        frames(m)[tail].kind = NO_KIND
    _keep(m, cc, frame, order, True)
    control.nr_freepages += 1 << order
    control.nr_migratepages += 1 << order
    return 0


@kernel
def isolate_freepages_block(m, c, start, end, stride):
    """Take free blocks from [start, end) until there are enough; (frame where the scan ended, pages taken).

    `stride`: of the frames looked at. In the kernel: isolate_freepages_block.
    """
    f, cc, taken, scanned, own = frames(m), compact_controls(m)[c], 0, 0, compaction_settings(m)
    at = start
    while at < end:
        scanned += 1
        page = f[at]
        if page.state & FREE:
            size = hold_block(m, c, at)
            if size == 0:
                break
            taken += size
            scanned += size - 1
            if cc.nr_migratepages <= cc.nr_freepages and own.compact_free_position:
                at += size
                break
            at += size - 1
        elif page.order and page.kind != TAIL_PAGE and at + nr_pages(m, at) <= end and own.compact_free_position:
            scanned += (nr_pages(m, at) - 1) * own.compact_counts_passed
            at += nr_pages(m, at) - 1
        at += stride
    cc.free_scanned += scanned
    m.now += scanned * own.compact_free_scan
    return min(at, end), taken


@kernel
def suitable_migration_target(m, cc, pfn):
    """Whether pages may be moved into the pageblock: one that is movable, or any if nothing else helps.

    A free block of the wanted order is left; to 4.7 it is welcome.
    """
    page, mt = frames(m)[pfn], pageblocks(m)[pfn >> PAGEBLOCK_ORDER]
    if page.state & FREE:
        if not compaction_settings(m).compact_huge_free:
            if page.order >= PAGEBLOCK_ORDER and mt not in (ISOLATE, RESERVE):
                return True
        elif page.order >= (cc.order if cc.order > 0 and compaction_settings(m).captures else PAGEBLOCK_ORDER):
            return False
    return cc.ignore_suitable > 0 or mt in (MOVABLE, CMA)


@kernel
def scan_freepages(m, c):
    """Go down pageblock by pageblock until enough is taken or the other scanner is met (isolate_freepages)."""
    cc, own = compact_controls(m)[c], compaction_settings(m)
    at = cc.free_pfn
    block, end = block_start(at), min(block_start(at) + PAGEBLOCK, zone_end(m, cc.zone))
    low = block_end(cc.migrate_pfn)
    strides = own.captures > 0
    stride = CLUSTER if strides and cc.mode == ASYNC else 1
    while block >= low:
        if block & (CLUSTER * PAGEBLOCK - 1) == 0:
            cond_resched(m)
        if suitable_migration_target(m, cc, block) and isolation_suitable(m, cc, block):
            at, taken = isolate_freepages_block(m, c, at, end, stride)
            if at == end and (strides or taken == 0) and own.caches:
                set_skip(m, block)
                update_cached_free(m, cc, block - PAGEBLOCK if strides else block)
            if cc.nr_freepages >= cc.nr_migratepages:
                if at >= end:
                    at = block - PAGEBLOCK
                break
            if at < end:
                break
            if strides:
                stride = 1 if taken else min(CLUSTER, stride << 1)
        end = block
        block -= PAGEBLOCK
        at = block
    cc.free_pfn = at


@kernel
def scan_whole_blocks(m, c):
    """The same to 3.17: a pageblock is taken with all that is free in it, and looked at first again the next time."""
    cc, at = compact_controls(m)[c], compact_controls(m)[c].free_pfn
    low = cc.migrate_pfn + PAGEBLOCK
    highest = min(low, at)
    while at > low and cc.nr_migratepages > cc.nr_freepages:
        if at < zone_end(m, cc.zone) and suitable_migration_target(m, cc, at) and isolation_suitable(m, cc, at):
            end = min(block_end(at), zone_end(m, cc.zone))
            stopped, taken = isolate_freepages_block(m, c, at, end, 1)
            if taken:
                highest = max(highest, at)
            elif stopped == end and compaction_settings(m).caches:
                set_skip(m, at)
                update_cached_free(m, cc, at)
        at -= PAGEBLOCK
    cc.free_pfn = highest
