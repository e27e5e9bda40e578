"""Free lists say where to look: pageblocks with free pages for what is to be moved away, free pages to move it to (5.1).

A search looks at few entries, fewer each time it was in vain, and turns the list so that the next one sees others; the
scanners go on pageblock by pageblock where it found nothing. A compacting task keeps the block that it frees (capture).
"""

from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.parameters import parameters
from mmrun.model.core.record import NONE
from mmrun.model.mm.compaction.free_scanner import (
    hold_block,
    isolate_freepages_block,
    scan_freepages,
    suitable_migration_target,
)
from mmrun.model.mm.compaction.migrate_scanner import CLUSTER
from mmrun.model.mm.compaction.skip import (
    PAGEBLOCK,
    PAGEBLOCK_ORDER,
    begin_at_cached_positions,
    block_end,
    block_start,
    set_skip,
    zone_end,
)
from mmrun.model.mm.compaction.state import compact_controls, compaction_settings, pageblock_skip, zone_compaction
from mmrun.model.mm.compaction.suitable import COSTLY_ORDER
from mmrun.model.mm.migrate.state import ASYNC
from mmrun.model.mm.page.flags import MOVABLE
from mmrun.model.mm.page.state import frames, zones
from mmrun.model.mm.page.zones import blocks_of_order

SOURCE = "mm/compaction.c: fast_find_migrateblock, fast_isolate_freepages, 6.18"
COMPACTS, CACHES, CAPTURES = 1, 1, 1
PARAMS = {
    "searches": (True, "", "free lists are searched; off: the scanners go pageblock by pageblock",
                 "mm/compaction.c: fast_find_migrateblock, fast_isolate_freepages, 5.1"),
}  # fmt: skip
params = parameters("compaction", PARAMS, 440)
SPENT = -1  # of `fast_start`: the lowest place found has been used


@kernel
def freelist_scan_limit(cc):
    """Entries that a search looks at (freelist_scan_limit)."""
    return (CLUSTER >> min(cc.fast_fail, 63)) + 1


@kernel
def move_freelist_head(m, area, pfn):
    """Turn a free list so that `pfn` is its first."""
    if pfn == area.head:
        return
    f, before = frames(m), frames(m)[pfn].prev
    f[area.tail].next, f[area.head].prev = area.head, area.tail
    f[before].next, f[pfn].prev = NONE, NONE
    area.head, area.tail = pfn, before


@kernel
def move_freelist_tail(m, area, pfn):
    """Turn a free list so that `pfn` is its last."""
    after = frames(m)[pfn].next
    if after != NONE:
        move_freelist_head(m, area, after)


@kernel
def _may_search(m, cc):
    """Whether the scanner for pages to move may jump: at a pageblock's start, for a large block or the daemon."""
    start = zones(m)[cc.zone].start
    if not params(m).searches or cc.ignore_skip or cc.finish_block:
        return False
    if cc.migrate_pfn != start and cc.migrate_pfn & PAGEBLOCK - 1:
        return False
    return cc.order > COSTLY_ORDER and (not cc.direct or cc.migratetype == MOVABLE)


@kernel
def _search_source(m, cc, area, limit, below, scanned):
    """Look through a free list for a block below a frame in a pageblock not passed over; (it or NONE, entries seen)."""
    pfn = area.head
    while pfn != NONE:
        scanned += 1
        if scanned > limit:
            move_freelist_tail(m, area, pfn)
            break
        if pfn < below and not pageblock_skip(m)[pfn >> PAGEBLOCK_ORDER]:
            move_freelist_tail(m, area, pfn)
            return pfn, scanned
        pfn = frames(m)[pfn].next
    return NONE, scanned


@hook
def find_migrateblock(m, control):
    """The pageblock of a free block in the first half (later: eighth) of what lies between the scanners."""
    cc = compact_controls(m)[control]
    if not _may_search(m, cc):
        return cc.migrate_pfn
    limit, scanned, start = freelist_scan_limit(cc), 0, zones(m)[cc.zone].start
    distance = (cc.free_pfn - cc.migrate_pfn) >> 1
    if cc.migrate_pfn != start:
        distance >>= 2
    below, found, order = block_start(cc.migrate_pfn + distance), NONE, cc.order - 1
    while order >= COSTLY_ORDER and found == NONE and scanned < limit:
        if blocks_of_order(m, cc.zone, order):
            found, scanned = _search_source(m, cc, zones(m)[cc.zone].areas[order, MOVABLE], limit, below, scanned)
        order -= 1
    cc.migrate_scanned += scanned
    m.now += scanned * compaction_settings(m).compact_migrate_scan
    if found != NONE:
        cc.fast_fail = 0
        if cc.fast_start != SPENT:
            cc.fast_start = min(cc.fast_start, found) if cc.fast_start else found
        return max(block_start(found), start)
    cc.fast_fail += 1
    if cc.fast_start > 0:
        cc.migrate_pfn, cc.fast_start = cc.fast_start, SPENT
    return cc.migrate_pfn


@kernel
def _next_search_order(cc, order):
    """Orders take turns; -1: all had theirs (next_search_order)."""
    order = order - 1 if order > 0 else cc.order - 1
    if order == cc.search_order:
        cc.search_order = cc.search_order - 1 if cc.search_order > 0 else cc.order - 1
        return -1
    return order


@kernel
def _search_target(m, cc, area, limit, low, least, highest):
    """Look through a free list from its end for a block above `low`, else take the highest above `least`.

    (block or NONE, whether it was above `low`, entries seen, limit from now on, highest pageblock seen)
    """
    f, pfn, seen, best, last = frames(m), area.tail, 0, 0, NONE
    while pfn != NONE:
        seen += 1
        last = pfn
        if pfn >= highest:
            highest = max(block_start(pfn), zones(m)[cc.zone].start)
        if pfn >= low:
            move_freelist_head(m, area, pfn)
            return pfn, True, seen, limit, highest
        if pfn >= least and pfn > best:
            best = pfn
            limit >>= 1
        if seen >= limit:
            break
        pfn = f[pfn].prev
    if best:
        move_freelist_head(m, area, best)
        return best, False, seen, limit, highest
    if pfn != NONE:
        move_freelist_head(m, area, last)
    return NONE, False, seen, limit, highest


@kernel
def _isolate_around(m, c, pfn):
    """Take what else is free in the pageblock (fast_isolate_around)."""
    cc = compact_controls(m)[c]
    if cc.nr_freepages >= cc.nr_migratepages or (cc.direct and cc.mode == ASYNC):
        return
    start = max(block_start(pfn), zones(m)[cc.zone].start)
    end = min(block_end(pfn), zone_end(m, cc.zone))
    at, _ = isolate_freepages_block(m, c, start, end, 1)
    if at == end:
        set_skip(m, start)


@kernel
def _after_vain_search(m, c, at_start, highest, least):
    """Nothing was found: a pass that begins goes on from the highest place seen, or from half way; frame or NONE."""
    cc = compact_controls(m)[c]
    cc.fast_fail += 1
    if not at_start:
        return NONE
    if highest >= least:
        cc.free_pfn = highest
        return highest
    if not cc.direct:
        return NONE
    cc.free_pfn = least
    return least if suitable_migration_target(m, cc, least) else NONE


@kernel
def fast_isolate_freepages(m, c):
    """Take a free block from the upper quarter, or half, of what lies between the scanners."""
    cc = compact_controls(m)[c]
    limit, at_start, scanned = max(1, freelist_scan_limit(cc) >> 1), False, 0
    if cc.free_pfn >= zone_compaction(m)[cc.zone].init_free:
        limit, at_start = PAGEBLOCK >> 1, True
    distance = cc.free_pfn - cc.migrate_pfn
    low, least = block_start(cc.free_pfn - (distance >> 2)), block_start(cc.free_pfn - (distance >> 1))
    cc.search_order = min(cc.order - 1, cc.search_order)
    order, found, highest = cc.search_order, NONE, 0
    while found == NONE and order >= 0:
        if blocks_of_order(m, cc.zone, order):
            area = zones(m)[cc.zone].areas[order, MOVABLE]
            found, high, seen, limit, highest = _search_target(m, cc, area, limit, low, least, highest)
            scanned += seen
            if high:
                cc.fast_fail, cc.search_order = 0, order
            if found != NONE:
                size = hold_block(m, c, found)
                scanned += max(size - 1, 0)
                if size == 0:
                    found, order = NONE, cc.search_order + 1
            if cc.nr_freepages >= cc.nr_migratepages:
                break
            if seen >= limit:
                limit = max(1, limit >> 1)
        order = _next_search_order(cc, order)
    if found == NONE:
        found = _after_vain_search(m, c, at_start, highest, least)
    if highest and highest >= zone_compaction(m)[cc.zone].free:
        zone_compaction(m)[cc.zone].free = highest - PAGEBLOCK
    cc.free_scanned += scanned
    m.now += scanned * compaction_settings(m).compact_free_scan
    if found != NONE:
        _isolate_around(m, c, found)


@hook
def begin_scanners(m, control):
    return begin_at_cached_positions(m, control)


@hook
def isolate_freepages(m, control):
    cc = compact_controls(m)[control]
    if cc.order > 0 and params(m).searches:
        fast_isolate_freepages(m, control)
        if cc.nr_freepages:
            return 0
    scan_freepages(m, control)
    return 0
