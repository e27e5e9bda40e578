"""A pass of compaction over a zone, or over a part of it (mm/compaction.c: compact_zone)."""

from mmrun.model.core.jit import caller, kernel
from mmrun.model.core.record import NONE
from mmrun.model.core.state import turn
from mmrun.model.machine.state import nodes
from mmrun.model.mm.compaction.deferral import compaction_restarting
from mmrun.model.mm.compaction.fragmentation import HUGE_ORDER, extfrag_for_order
from mmrun.model.mm.compaction.free_scanner import release_free_list
from mmrun.model.mm.compaction.migrate_scanner import (
    ABORT,
    NOTHING,
    isolate_migratepages,
    killed,
    release_isolated,
)
from mmrun.model.mm.compaction.skip import PAGEBLOCK, block_start, reset_cached_positions, reset_zone
from mmrun.model.mm.compaction.state import compact_controls, compaction_count, compaction_settings, zone_compaction
from mmrun.model.mm.compaction.suitable import (
    COMPACT_SUCCESS,
    COMPLETE,
    CONTENDED,
    CONTINUE,
    EVERYTHING,
    PARTIAL_SKIPPED,
    suit_allocation_order,
)
from mmrun.model.mm.compaction.tracepoints import mm_compaction_begin, mm_compaction_end, mm_compaction_migratepages
from mmrun.model.mm.lru.lru import lru_add_drain
from mmrun.model.mm.migrate.isolate import give_list, take_list
from mmrun.model.mm.migrate.migrate import migrate_pages
from mmrun.model.mm.migrate.state import ASYNC, MR_COMPACTION, SYNC, SYNC_LIGHT, TO_COMPACTION
from mmrun.model.mm.page.buddy import PAGEBLOCK_ORDER
from mmrun.model.mm.page.flags import CMA, MOVABLE, RECLAIMABLE, UNMOVABLE
from mmrun.model.mm.page.gfp import GFP_KERNEL, gfp_migratetype
from mmrun.model.mm.page.pcp import drain_pcp
from mmrun.model.mm.page.state import MAX_ORDER, pcps, zones
from mmrun.model.mm.page.zones import watermark_ok

begin_scanners = caller("begin_scanners")


@kernel
def scanners_met(m, cc):
    """Whether both scanners are in the same pageblock, or past each other; in 3.x at the same frame."""
    if not compaction_settings(m).compact_free_position:
        return cc.free_pfn <= cc.migrate_pfn
    return cc.free_pfn >> PAGEBLOCK_ORDER <= cc.migrate_pfn >> PAGEBLOCK_ORDER


@kernel
def kswapd_is_running(m, nid):
    """Whether the node's kswapd is at work."""
    return nodes(m)[nid].kswapd_wait.first == 0


@kernel
def score_marks(m):
    """(percent below which unasked compaction ends, percent above which it begins): fragmentation_score_wmark."""
    own = compaction_settings(m)
    if own.compact_leeway:
        low = 100 - own.compaction_proactiveness
        return low, min(low + min(10, low // 2), 100)
    low = max(100 - own.compaction_proactiveness, 5)
    return low, min(low + 10, 100)


@kernel
def _claimable(m, cc, order):
    """Whether a block of this order of another type may become the request's with all of its pageblock.

    To 4.0 that is so for requests of whole pageblocks only. In the kernel: find_suitable_fallback.
    """
    if not compaction_settings(m).compact_may_claim:
        own = cc.order if compaction_settings(m).caches else order
        if own < PAGEBLOCK_ORDER:
            return False
    elif order < PAGEBLOCK_ORDER // 2 and cc.migratetype == MOVABLE:
        return False
    for mt in (UNMOVABLE, MOVABLE, RECLAIMABLE):
        if mt != cc.migratetype and zones(m)[cc.zone].areas[order, mt].nr_free:
            return True
    return False


@kernel
def _block_is_there(m, cc):
    """Whether the request would find a block: COMPACT_SUCCESS, or CONTINUE."""
    areas, own = zones(m)[cc.zone].areas, compaction_settings(m)
    at_end = cc.migrate_pfn & PAGEBLOCK - 1 == 0
    if own.compact_whole_blocks == 2 and not at_end:
        return CONTINUE
    if cc.finishing and not at_end:
        return CONTINUE
    cc.finishing = 0
    if own.compact_checks_mark:
        zone = zones(m)[cc.zone]
        mark = zone.wmark_low + (0 if own.compact_may_claim else 1 << cc.order)
        if not watermark_ok(m, cc.zone, cc.order, mark, cc.highest, cc.alloc_flags):
            return CONTINUE
    for order in range(cc.order, MAX_ORDER):
        if areas[order, cc.migratetype].nr_free or (cc.migratetype == MOVABLE and areas[order, CMA].nr_free):
            return COMPACT_SUCCESS
        if _claimable(m, cc, order):
            if own.compact_whole_blocks == 1 and cc.migratetype != MOVABLE and cc.mode != ASYNC and not at_end:
                cc.finishing = 1
                return CONTINUE
            return COMPACT_SUCCESS
    return CONTINUE


@kernel
def compact_finished(m, cc):
    """CONTINUE, or what the pass has come to."""
    zone = zone_compaction(m)[cc.zone]
    if scanners_met(m, cc):
        if compaction_settings(m).compact_resets_at_once:
            reset_cached_positions(m, cc.zone)
        zone.flush |= cc.direct
        return COMPLETE if cc.whole_zone else PARTIAL_SKIPPED
    if cc.proactive:
        if kswapd_is_running(m, zones(m)[cc.zone].node):
            return PARTIAL_SKIPPED
        low, _ = score_marks(m)
        found = CONTINUE if extfrag_for_order(m, cc.zone, HUGE_ORDER) > low else COMPACT_SUCCESS
    elif cc.order == EVERYTHING:
        return CONTINUE
    else:
        found = _block_is_there(m, cc)
    return CONTENDED if found == CONTINUE and (cc.contended or killed(m)) else found


@kernel
def _in_step(m, cc):
    """Whether an asynchronous pass also moves where synchronous ones begin, as both begin at the same place (5.1)."""
    zone = zone_compaction(m)[cc.zone]
    return compaction_settings(m).captures and cc.mode == ASYNC and zone.migrate[0] == zone.migrate[1]


@kernel
def _move(m, c):
    """Move what was isolated; whether the pass may go on, and how many could not be moved."""
    cc = compact_controls(m)[c]
    held, cc.no_target = cc.nr_migratepages, 0
    left = migrate_pages(m, cc.pages, TO_COMPACTION, c, cc.mode, MR_COMPACTION)
    mm_compaction_migratepages(m, held - left, left)
    cc.nr_migratepages = held
    release_isolated(m, cc)
    return left


@kernel
def _after_failure(m, cc):
    """Some page could not be moved: whether the rest of the pageblock is to be taken, too.

    To 6.2 an asynchronous pass leaves the block of the wanted order instead (4.7).
    """
    own = compaction_settings(m)
    if own.compact_finishes_blocks:
        if cc.migrate_pfn & PAGEBLOCK - 1 == 0 or cc.ignore_skip or cc.finish_block or cc.mode == SYNC:
            return False
        if cc.order == HUGE_ORDER:
            cc.last_migrated = 0
        return True
    if own.compact_skips_failures and cc.direct and cc.mode == ASYNC:
        step = 1 << cc.order
        cc.migrate_pfn = ((cc.migrate_pfn - 1) // step + 1) * step
        cc.last_migrated = 0
    return False


@kernel
def _drain(m, cc):
    """The scanner has left the block that it took pages from: what was freed there leaves the CPU's lists (4.0)."""
    if cc.order <= 0 or not cc.last_migrated or not compaction_settings(m).compact_drains:
        return
    if cc.last_migrated < cc.migrate_pfn >> cc.order << cc.order:
        lru_add_drain(m, turn(m).cpu)
        drain_pcp(m, turn(m).cpu, cc.zone, pcps(m)[turn(m).cpu, cc.zone].count, 0)
        cc.last_migrated = 0


@kernel
def _round(m, c, in_step):
    """Take pages once and move them; (CONTINUE or what the pass has come to, whether nothing was taken)."""
    cc, zone = compact_controls(m)[c], zone_compaction(m)[compact_controls(m)[c].zone]
    while True:
        found = isolate_migratepages(m, c)
        if found == ABORT:
            release_isolated(m, cc)
            return CONTENDED, False
        if found == NOTHING:
            if in_step:
                zone.migrate[1] = zone.migrate[0]
            return CONTINUE, True
        cc.last_migrated = max(zones(m)[cc.zone].start, block_start(cc.migrate_pfn - 1))
        left = _move(m, c)
        if left == 0:
            return CONTINUE, False
        if cc.no_target and not scanners_met(m, cc):
            return CONTENDED, False
        if not _after_failure(m, cc):
            return CONTINUE, False
        cc.finish_block = 1


@kernel
def _passes(m, c):
    """Round after round until the pass is finished; what it has come to."""
    cc = compact_controls(m)[c]
    in_step = _in_step(m, cc)
    cc.last_migrated = 0
    while True:
        found = compact_finished(m, cc)
        if found != CONTINUE:
            return found
        again = block_start(cc.last_migrated) == block_start(cc.migrate_pfn)
        cc.finish_block = 1 if again and compaction_settings(m).captures else 0
        found, nothing = _round(m, c, in_step)
        in_step = in_step and nothing
        if found != CONTINUE:
            return found
        if cc.captured != NONE and compaction_settings(m).compact_finishes_blocks:
            return COMPACT_SUCCESS
        _drain(m, cc)
        if cc.captured != NONE:
            return COMPACT_SUCCESS


@kernel
def begin_control(m, zone, order, mode, gfp):
    """The running actor's control, set for a pass over zone `zone`; its row."""
    c = turn(m).actor
    cc = compact_controls(m)[c]
    cc.zone, cc.order, cc.mode, cc.gfp, cc.migratetype = zone, order, mode, gfp, gfp_migratetype(gfp)
    cc.direct = cc.whole_zone = cc.ignore_skip = cc.ignore_suitable = cc.proactive = 0
    cc.highest = cc.alloc_flags = 0
    cc.search_order, cc.captured = order, NONE
    return c


@kernel
def compact_zone(m, c):
    """Compact the zone of control `c` until the wanted block is there or the scanners meet; what it has come to."""
    cc = compact_controls(m)[c]
    cc.migrate_scanned = cc.free_scanned = cc.nr_migratepages = cc.nr_freepages = 0
    cc.fast_fail = cc.fast_start = cc.contended = cc.finishing = cc.finish_block = 0
    m.now += compaction_settings(m).compact_attempt
    if cc.order != EVERYTHING:
        found = suit_allocation_order(m, cc)
        if found != CONTINUE:
            return found
    if compaction_restarting(m, cc.zone, cc.order):
        reset_zone(m, cc.zone)
    for order in range(MAX_ORDER):
        cc.free[order].head = cc.free[order].tail = NONE
        cc.free[order].n = 0
    cc.whole_zone |= begin_scanners(m, c)
    cc.pages = take_list(m)
    zone = zones(m)[cc.zone]
    mm_compaction_begin(m, zone.start, cc.migrate_pfn, cc.free_pfn, zone.start + zone.span, cc.mode != ASYNC)
    lru_add_drain(m, turn(m).cpu)
    found = _passes(m, c)
    give_list(m)
    if cc.nr_freepages:
        highest = block_start(release_free_list(m, c))
        if compaction_settings(m).compact_free_position:
            zone_compaction(m)[cc.zone].free = max(zone_compaction(m)[cc.zone].free, highest)
    compaction_count(m).compact_migrate_scanned += cc.migrate_scanned
    compaction_count(m).compact_free_scanned += cc.free_scanned
    mm_compaction_end(m, zone.start, cc.migrate_pfn, cc.free_pfn, zone.start + zone.span, cc.mode != ASYNC, found)
    return found


@kernel
def compact_node(m, nid, proactive):
    """Compact all zones of a node; unasked until each is good enough (compact_node)."""
    node, own = nodes(m)[nid], compaction_count(m)
    for z in range(node.first_zone, node.first_zone + node.nr_zones):
        if zones(m)[z].managed == 0:
            continue
        if killed(m):
            return
        c = begin_control(m, z, EVERYTHING, SYNC_LIGHT if proactive else SYNC, GFP_KERNEL)
        cc = compact_controls(m)[c]
        cc.ignore_skip, cc.whole_zone, cc.proactive = 1, 1, proactive
        compact_zone(m, c)
        if proactive:
            own.compact_daemon_migrate_scanned += cc.migrate_scanned
            own.compact_daemon_free_scanned += cc.free_scanned
