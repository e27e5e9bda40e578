"""A task compacts for its own allocation (mm/compaction.c: try_to_compact_pages)."""

from mmrun.model.core.jit import kernel
from mmrun.model.core.record import NONE
from mmrun.model.core.state import turn
from mmrun.model.machine.state import nodes
from mmrun.model.mm.compaction.compact_zone import begin_control, compact_zone
from mmrun.model.mm.compaction.deferral import compaction_defer_reset, compaction_deferred, defer_compaction
from mmrun.model.mm.compaction.migrate_scanner import killed
from mmrun.model.mm.compaction.state import compact_controls, compaction_settings
from mmrun.model.mm.compaction.suitable import (
    COMPACT_SUCCESS,
    COMPLETE,
    DEFERRED,
    PARTIAL_SKIPPED,
    SKIPPED,
    free_suffices,
)
from mmrun.model.mm.migrate.state import ASYNC, SYNC_LIGHT
from mmrun.model.mm.page.gfp import FS, IO, gfp_zone
from mmrun.model.mm.page.state import zones
from mmrun.model.mm.page.zones import watermark_ok
from mmrun.model.mm.reclaim.vmscan import reclaimable_pages

PRIO_SYNC_FULL, PRIO_SYNC_LIGHT, PRIO_ASYNC = 0, 1, 2  # enum compact_priority: how hard direct compaction tries


@kernel
def compaction_allowed(m, gfp):
    """Whether an allocation may compact: it may do I/O, to 4.9 enter file systems as well (gfp_compaction_allowed)."""
    needed = IO if compaction_settings(m).compact_nofs else IO | FS
    return compaction_settings(m).compacts > 0 and gfp & needed == needed


@kernel
def _compact_for(m, z, gfp, order, prio, alloc_flags):
    """A pass over zone `z`, in which the task keeps the block it makes itself, if its version can (compact_zone_order).

    At the highest priority nothing is spared: the whole zone, every pageblock of it.
    """
    c = begin_control(m, z, order, ASYNC if prio == PRIO_ASYNC else SYNC_LIGHT, gfp)
    cc, own = compact_controls(m)[c], compaction_settings(m)
    cc.direct, cc.highest, cc.alloc_flags = 1, gfp_zone(gfp), alloc_flags
    cc.whole_zone = cc.ignore_skip = cc.ignore_suitable = prio == PRIO_SYNC_FULL
    cc.capturing = own.captures
    own.capturing += cc.capturing
    found = compact_zone(m, c)
    own.capturing -= cc.capturing
    cc.capturing = 0
    return COMPACT_SUCCESS if cc.captured != NONE else found


@kernel
def _has_block(m, z, order, gfp, alloc_flags, found):
    """Whether the request can be served from the zone now; to 4.8 the low watermark says so, whatever came of it."""
    if not compaction_settings(m).compact_checks_mark:
        return found == COMPACT_SUCCESS
    return watermark_ok(m, z, order, zones(m)[z].wmark_low, gfp_zone(gfp), alloc_flags)


@kernel
def try_to_compact_pages(m, gfp, order, nid, nodemask, prio, alloc_flags):
    """Compact the zones that may serve the request one after the other until one can.

    What it comes to at most; a block that was captured is in `captured` of the running actor's control.
    """
    home, own, result = nodes(m)[nid], compaction_settings(m), SKIPPED
    compact_controls(m)[turn(m).actor].captured = NONE
    if not compaction_allowed(m, gfp):
        return SKIPPED
    for i in range(home.nr_zonelist):
        z = home.zonelist[i]
        if zones(m)[z].kind > gfp_zone(gfp) or not nodemask >> zones(m)[z].node & 1:
            continue
        if own.compact_zones_defer and prio != PRIO_SYNC_FULL and compaction_deferred(m, z, order):
            result = max(result, DEFERRED)
            continue
        found = _compact_for(m, z, gfp, order, prio, alloc_flags)
        result = max(result, found)
        if _has_block(m, z, order, gfp, alloc_flags, found):
            if own.compact_zones_defer:
                compaction_defer_reset(m, z, order, False)
            break
        if own.compact_zones_defer and prio != PRIO_ASYNC and found in (COMPLETE, PARTIAL_SKIPPED):
            defer_compaction(m, z, order)
        if killed(m):
            break
    return result


@kernel
def compaction_zonelist_suitable(m, order, nid, nodemask, highest, may_swap):
    """Whether compaction could begin in some zone once a share of what it holds, by the order, is reclaimed."""
    home = nodes(m)[nid]
    for i in range(home.nr_zonelist):
        z = home.zonelist[i]
        zone = zones(m)[z]
        if zone.kind > highest or not nodemask >> zone.node & 1:
            continue
        available = zone.nr_free + reclaimable_pages(m, z, may_swap) // order
        if free_suffices(m, z, order, zone.wmark_min, highest, available):
            return True
    return False
