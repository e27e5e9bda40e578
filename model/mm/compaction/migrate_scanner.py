"""The scanner that takes pages to be moved, from the low end of the zone (mm/compaction.c: isolate_migratepages_block)."""

from mmrun.model.core.accounting import OVER_ISOLATED, begins, ends
from mmrun.model.core.jit import caller, kernel
from mmrun.model.core.links import link_head
from mmrun.model.core.sleep import ALL, cond_resched, wait, wake
from mmrun.model.core.state import turn
from mmrun.model.machine.state import nodes
from mmrun.model.machine.timers import timeout_ns
from mmrun.model.mm.compaction.skip import (
    PAGEBLOCK,
    PAGEBLOCK_ORDER,
    block_end,
    isolation_suitable,
    set_skip,
    test_and_set_skip,
    update_cached_migrate,
)
from mmrun.model.mm.compaction.state import (
    compact_controls,
    compaction_count,
    compaction_settings,
    zone_compaction,
)
from mmrun.model.mm.migrate.isolate import isolate_folio, putback_movable_pages
from mmrun.model.mm.migrate.state import ASYNC, SYNC, isolated
from mmrun.model.mm.page.flags import (
    ANON,
    CMA,
    FREE,
    LRU,
    MOVABLE,
    SWAPCACHE,
    TAIL_PAGE,
    WRITEBACK,
)
from mmrun.model.mm.page.folio import nr_pages
from mmrun.model.mm.page.gfp import FS
from mmrun.model.mm.page.state import frames, pageblocks, zones
from mmrun.model.mm.task.state import tasks

CLUSTER = 32  # COMPACT_CLUSTER_MAX: pages taken at a time
ABORT, NOTHING, SUCCESS = 0, 1, 2  # isolate_migrate_t
FREE_SPACE, CANNOT, CANDIDATE = 0, 1, 2
find_migrateblock = caller("find_migrateblock")


@kernel
def killed(m):
    """Whether who compacts has been killed meanwhile (fatal_signal_pending)."""
    t = turn(m).task
    return 0 <= t < len(tasks(m)) and tasks(m)[t].killed > 0


@kernel
def too_many_isolated(m, cc):
    """Whether the node's isolated pages are more than half of those on lists, a sixteenth for who may enter file systems.

    The node's sleepers wake when they are not.
    """
    node, listed, held = nodes(m)[zones(m)[cc.zone].node], 0, 0
    for z in range(node.first_zone, node.first_zone + node.nr_zones):
        for kind in range(4):
            listed += zones(m)[z].nr_lru[kind]
        held += zone_compaction(m)[z].isolated
    if cc.gfp & FS and compaction_settings(m).compact_sixteenth:
        listed >>= 3
    if held > listed // 2:
        return True
    queue = zone_compaction(m)[node.first_zone].isolated_wait
    if queue.first:
        wake(m, queue, ALL, m.now)
    return False


@kernel
def _room_to_isolate(m, c):
    """Wait until fewer pages are isolated; False: give up, or move what one has."""
    cc = compact_controls(m)[c]
    while too_many_isolated(m, cc):
        if cc.nr_migratepages or cc.mode == ASYNC or killed(m):
            return False
        first = nodes(m)[zones(m)[cc.zone].node].first_zone
        begins(m, OVER_ISOLATED)
        wait(m, zone_compaction(m)[first].isolated_wait, timeout_ns(m, compaction_settings(m).compact_isolated_ns))
        ends(m, OVER_ISOLATED)
    return not killed(m)


@kernel
def _too_large(m, cc, order):
    """Whether a folio of this order is left where it is (skip_isolation_on_order)."""
    if not compaction_settings(m).compact_skips_huge:
        return order > 0
    return order >= PAGEBLOCK_ORDER or (0 < cc.order <= order)


@kernel
def look_at(m, cc, pfn):
    """(what the scanner meets at a frame, how many frames it spans)."""
    page = frames(m)[pfn]
    state, size = page.state, nr_pages(m, pfn)
    if state & FREE:
        return FREE_SPACE, size
    if page.kind == TAIL_PAGE:
        return CANNOT, 1
    if page.order and _too_large(m, cc, page.order):
        return CANNOT, size
    if not state & LRU:
        return CANNOT, 1
    in_mapping = not state & ANON or state & SWAPCACHE
    if page.pins and not in_mapping:  # somebody refers to it beyond its page tables
        return CANNOT, 1
    if in_mapping and not cc.gfp & FS:
        return CANNOT, 1
    if state & WRITEBACK and cc.mode != SYNC:
        return CANNOT, 1
    return CANDIDATE, size


@kernel
def _take(m, cc, pfn):
    """Isolate a folio or movable page; its size."""
    size = nr_pages(m, pfn)
    isolate_folio(m, pfn)
    link_head(frames(m), isolated(m)[cc.pages], pfn)
    cc.nr_migratepages += size
    zone_compaction(m)[cc.zone].isolated += size
    return size


@kernel
def release_isolated(m, cc):
    """Put what was to be moved back on its lists."""
    putback_movable_pages(m, cc.pages)
    zone_compaction(m)[cc.zone].isolated -= cc.nr_migratepages
    cc.nr_migratepages = 0


@kernel
def _scan(m, c, low, end):
    """Take pages from [low, end); (frame where the scan ended, pages taken, whether the skip bit has been set).

    An asynchronous pass for an allocation of its own leaves an aligned block at the first page that cannot move.
    """
    cc, taken, bit_set, at_start = compact_controls(m)[c], 0, False, low
    own = compaction_settings(m)
    from_start = low & PAGEBLOCK - 1 == 0 or low == zones(m)[cc.zone].start
    skips = cc.direct and cc.mode == ASYNC and own.compact_skips_failures
    step = 1 << max(cc.order, 0)
    next_skip = (low // step + 1) * step
    if from_start and not isolation_suitable(m, cc, low):
        cc.migrate_scanned += 1
        return end, 0, False
    while low < end:
        if skips and low >= next_skip:
            if taken:
                break
            next_skip = (low // step + 1) * step
        what, size = look_at(m, cc, low)
        cc.migrate_scanned += size if own.compact_counts_passed or what == CANDIDATE else 1
        if what == CANDIDATE:
            if from_start and not bit_set and own.captures:
                bit_set = True
                if test_and_set_skip(m, cc, at_start) and not cc.finish_block:
                    return end, taken, bit_set
            taken += _take(m, cc, low)
            low += size
            if cc.nr_migratepages >= CLUSTER and not cc.finish_block:
                break
            continue
        low += size
        if what == CANNOT and skips:
            if taken:
                release_isolated(m, cc)
                taken = 0
            if low < next_skip:
                low = next_skip
                next_skip += step
    return min(low, end), taken, bit_set


@kernel
def isolate_migratepages_block(m, c, low, end):
    """Take pages to be moved from [low, end) of one pageblock; whether the pass may go on."""
    cc = compact_controls(m)[c]
    cc.migrate_pfn = low
    if not _room_to_isolate(m, c):
        return False
    cond_resched(m)
    from_start = low & PAGEBLOCK - 1 == 0 or low == zones(m)[cc.zone].start
    scanned, block = cc.migrate_scanned, low
    at, taken, bit_set = _scan(m, c, low, end)
    m.now += (cc.migrate_scanned - scanned) * compaction_settings(m).compact_migrate_scan
    if at == end and (taken == 0 or cc.finish_block) and compaction_settings(m).caches:
        if not bit_set and (from_start or not compaction_settings(m).captures):
            set_skip(m, block)
        update_cached_migrate(m, cc, end)
    compaction_count(m).compact_isolated += taken
    cc.migrate_pfn = at
    return True


@kernel
def suitable_migration_source(m, cc, pfn):
    """Whether pages of the pageblock may be moved: who compacts for himself without waiting keeps to blocks of his type.

    To 4.11 such a one takes pages from movable blocks, whatever it wants.
    """
    page = frames(m)[pfn]
    if compaction_settings(m).captures and page.kind != TAIL_PAGE and not page.state & FREE:
        if page.order >= PAGEBLOCK_ORDER:
            return False
    if cc.mode != ASYNC or (not cc.direct and compaction_settings(m).compact_same_type):
        return True
    mt = pageblocks(m)[pfn >> PAGEBLOCK_ORDER]
    if cc.migratetype == MOVABLE or not compaction_settings(m).compact_same_type:
        return mt in (MOVABLE, CMA)
    return mt == cc.migratetype


@kernel
def isolate_migratepages(m, c):
    """Take pages from the first pageblock that is worth a look; whether there are any, or the pass is to end."""
    cc = compact_controls(m)[c]
    low, start = find_migrateblock(m, c), zones(m)[cc.zone].start
    found = low != cc.migrate_pfn and cc.fast_fail == 0
    end = block_end(low)
    while end <= cc.free_pfn:
        first = low & PAGEBLOCK - 1 == 0 or low == start
        if first and not found and not isolation_suitable(m, cc, low):
            pass
        elif not suitable_migration_source(m, cc, low >> PAGEBLOCK_ORDER << PAGEBLOCK_ORDER):
            if compaction_settings(m).compact_same_type:
                update_cached_migrate(m, cc, end)
        else:
            if not isolate_migratepages_block(m, c, low, end):
                return ABORT
            break
        found = False
        cc.migrate_pfn = low = end
        end += PAGEBLOCK
    return SUCCESS if cc.nr_migratepages else NOTHING
