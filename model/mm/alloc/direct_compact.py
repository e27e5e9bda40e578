"""Compacting in the allocating task, and how often and how hard it tries (__alloc_pages_direct_compact)."""

from mmrun.model.core.accounting import COMPACTION, IN_MEMSTALL, begins, ends
from mmrun.model.core.jit import kernel
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import cond_resched, current
from mmrun.model.core.state import turn
from mmrun.model.machine.state import nodes
from mmrun.model.mm.alloc.freelist import get_page_from_freelist
from mmrun.model.mm.compaction.deferral import compaction_defer_reset, compaction_deferred, defer_compaction
from mmrun.model.mm.compaction.direct import (
    PRIO_ASYNC,
    PRIO_SYNC_FULL,
    PRIO_SYNC_LIGHT,
    compaction_allowed,
    compaction_zonelist_suitable,
    try_to_compact_pages,
)
from mmrun.model.mm.compaction.state import compact_controls, compaction_count, compaction_settings, zone_compaction
from mmrun.model.mm.compaction.suitable import COMPACT_SUCCESS, COSTLY_ORDER, DEFERRED, SKIPPED
from mmrun.model.mm.page.flags import MOVABLE
from mmrun.model.mm.page.gfp import (
    DIRECT_RECLAIM,
    KSWAPD_RECLAIM,
    MEMALLOC,
    NOMEMALLOC,
    NORETRY,
    THISNODE,
    gfp_migratetype,
    gfp_zone,
)
from mmrun.model.mm.page.state import alloc_count, frames, zones
from mmrun.model.mm.swap.swap import nr_swap_pages
from mmrun.model.mm.task.state import tasks

MAX_COMPACT_RETRIES = 16
DONE_ONLY, BUT_SKIPPED, EVERY_TRY = 0, 1, 2  # compaction_settings.compact_stall_deferred


@kernel
def _preferred_zone(m, gfp, nid, nodemask):
    """The first zone of the list that the request may use."""
    home = nodes(m)[nid]
    for i in range(home.nr_zonelist):
        zone = zones(m)[home.zonelist[i]]
        if zone.kind <= gfp_zone(gfp) and nodemask >> zone.node & 1:
            return home.zonelist[i]
    return home.zonelist[0]


@kernel
def is_stall(m, result):
    """Whether an attempt that came to this counts as one, and is followed by a look at the free lists."""
    counted = compaction_settings(m).compact_stall_deferred
    if result == SKIPPED:
        return counted == EVERY_TRY
    return result != DEFERRED or counted != DONE_ONLY


@kernel
def direct_compact(m, gfp, order, nid, nodemask, prio, alloc_flags):
    """Compact and look again; (first frame or NONE, what compaction came to).

    To 3.17 the zone that the request prefers is deferred for all of them.
    """
    own, count, first = compaction_settings(m), compaction_count(m), _preferred_zone(m, gfp, nid, nodemask)
    if order == 0 or not own.compacts:
        return NONE, SKIPPED
    if not own.compact_zones_defer and compaction_deferred(m, first, order):
        return NONE, DEFERRED
    begins(m, COMPACTION | IN_MEMSTALL)
    result = try_to_compact_pages(m, gfp, order, nid, nodemask, prio, alloc_flags)
    ends(m, COMPACTION | IN_MEMSTALL)
    if not is_stall(m, result):
        return NONE, result
    count.compact_stall += 1
    pfn = compact_controls(m)[turn(m).actor].captured
    compact_controls(m)[turn(m).actor].captured = NONE
    if pfn != NONE:
        alloc_count(m).pgalloc -= 1 << order  # what was captured has passed no free list, and pgalloc counts there
    else:
        pfn = get_page_from_freelist(m, gfp, order, nid, nodemask, alloc_flags)
    if pfn != NONE:
        z = frames(m)[pfn].zone
        zone_compaction(m)[z].flush = 0
        compaction_defer_reset(m, z if own.compact_zones_defer else first, order, True)
        count.compact_success += 1
        return pfn, result
    count.compact_fail += 1
    if not own.compact_zones_defer and prio != PRIO_ASYNC:
        defer_compaction(m, first, order)
    cond_resched(m)
    return NONE, result


@kernel
def compacts_first(m, gfp, order):
    """Whether an allocation compacts before it reclaims: for a large block, or one that must not spoil others (4.7)."""
    if order == 0 or not gfp & DIRECT_RECLAIM or gfp & MEMALLOC or not compaction_allowed(m, gfp):
        return False
    if current(m).memalloc:
        return False
    return compaction_settings(m).compact_priorities and (order > COSTLY_ORDER or gfp_migratetype(gfp) != MOVABLE)


@kernel
def gives_up(m, gfp, order, result):
    """Whether a large block that is to be tried for once only is not worth reclaim after this first attempt.

    To 5.3 if compaction was deferred; since 5.4 also if there was too little memory for it, or one node alone will do.
    """
    if order <= COSTLY_ORDER or not gfp & NORETRY:
        return False
    if not compaction_settings(m).compact_gives_up:
        return result == DEFERRED
    return result in (SKIPPED, DEFERRED) or (gfp & THISNODE) != 0


@kernel
def is_thp(gfp):
    """Whether a request has the flags of a huge page for a fault (is_thp_gfp_mask, to 4.6)."""
    wanted = NORETRY | NOMEMALLOC
    return gfp & wanted == wanted and not gfp & KSWAPD_RECLAIM and gfp_migratetype(gfp) == MOVABLE


@kernel
def first_priority(m, gfp, order):
    """How hard compaction tries in the first round of reclaim: without waiting if that was enough to look (4.7)."""
    if not compaction_settings(m).compact_priorities:
        return PRIO_ASYNC
    return PRIO_ASYNC if order > COSTLY_ORDER and gfp & NORETRY else PRIO_SYNC_LIGHT


@kernel
def should_compact_retry(m, gfp, order, nid, nodemask, result, prio, retries):
    """Whether to try again because of compaction; (0 or 1, its priority, how often it was repeated at that one)."""
    if order == 0 or not compaction_settings(m).compact_priorities or not compaction_allowed(m, gfp):
        return 0, prio, retries
    if turn(m).task != NONE and tasks(m)[turn(m).task].killed:
        return 0, prio, retries
    if result == SKIPPED:
        again = compaction_zonelist_suitable(m, order, nid, nodemask, gfp_zone(gfp), nr_swap_pages(m))
        return (1 if again else 0), prio, retries
    if result == COMPACT_SUCCESS:
        retries += 1
        if retries <= (MAX_COMPACT_RETRIES // 4 if order > COSTLY_ORDER else MAX_COMPACT_RETRIES):
            return 1, prio, retries
    if prio > (PRIO_SYNC_LIGHT if order > COSTLY_ORDER else PRIO_SYNC_FULL):
        return 1, prio - 1, 0
    return 0, prio, retries
