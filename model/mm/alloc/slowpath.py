"""What is done for an allocation that finds no zone above its low watermark (__alloc_pages_slowpath).

Wake the daemons, go down to min, reclaim directly, and again while it is of use. Up to 2^3 pages (COSTLY_ORDER) an
allocation tries on for as long as memory can be had, and has somebody killed for it then; a larger one gives up after
a round, unless it says that it may try hard (__GFP_RETRY_MAYFAIL; to 4.12 __GFP_REPEAT, until it has reclaimed as many
pages as it wants).
"""

from mmrun.model.core.accounting import ALLOC, IN_MEMSTALL, begins, ends
from mmrun.model.core.jit import caller, kernel, rare
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import cond_resched, current
from mmrun.model.core.state import turn
from mmrun.model.machine.state import geometry, nodes
from mmrun.model.mm.alloc.direct_compact import (
    compacts_first,
    direct_compact,
    first_priority,
    gives_up,
    is_thp,
    should_compact_retry,
)
from mmrun.model.mm.alloc.freelist import get_page_from_freelist, slowpath_flags
from mmrun.model.mm.compaction.direct import PRIO_ASYNC, PRIO_SYNC_LIGHT
from mmrun.model.mm.compaction.state import compaction_settings
from mmrun.model.mm.compaction.suitable import DEFERRED, SKIPPED
from mmrun.model.mm.page.alloc_flags import NO_WATERMARKS, NOFRAGMENT
from mmrun.model.mm.page.buddy import PAGEBLOCK_ORDER
from mmrun.model.mm.page.gfp import DIRECT_RECLAIM, KSWAPD_RECLAIM, NORETRY, RETRY_MAYFAIL, gfp_migratetype, gfp_zone
from mmrun.model.mm.page.highatomic import unreserve_highatomic_pageblock
from mmrun.model.mm.page.pcp import drain_all_pcps
from mmrun.model.mm.page.state import alloc_settings, alloc_state, zones
from mmrun.model.mm.page.zones import wake_kswapd
from mmrun.model.mm.reclaim.state import reclaim_count, scans
from mmrun.model.mm.reclaim.throttle_direct import throttle_direct_reclaim
from mmrun.model.mm.reclaim.tracepoints import mm_vmscan_direct_reclaim_begin, mm_vmscan_direct_reclaim_end
from mmrun.model.mm.reclaim.vmscan import own_scan
from mmrun.model.mm.task.state import tasks

direct_reclaim = caller("direct_reclaim")
retry_zone = caller("retry_zone")
throttle_retry = caller("throttle_retry")
wakeup_kcompactd = caller("wakeup_kcompactd")
COSTLY_ORDER = 3


@kernel
def wake_all_kswapds(m, gfp, order, nid, nodemask):
    """Wake the daemons of the allowed nodes, for whole pageblocks where types shall never mix (defrag_mode)."""
    home, seen = nodes(m)[nid], 0
    if alloc_settings(m).defrag_mode:
        order = max(order, PAGEBLOCK_ORDER)
    for i in range(home.nr_zonelist):
        z = home.zonelist[i]
        node = zones(m)[z].node
        if nodemask >> node & 1 and not seen >> node & 1 and zones(m)[z].kind <= gfp_zone(gfp):
            seen |= 1 << node
            rests = wake_kswapd(m, z, gfp, order, gfp_zone(gfp))
            if rests and order and not gfp & DIRECT_RECLAIM:  # there may be memory enough, in pieces
                wakeup_kcompactd(m, node, order, gfp_zone(gfp))


@kernel
def _reclaim_directly(m, gfp, order, nid, nodemask, alloc_flags):
    """Reclaim in the allocating task and look again; (first frame or NONE, pages reclaimed).

    In the kernel: __alloc_pages_direct_reclaim.
    """
    reclaim_count(m).allocstall += 1
    begins(m, ALLOC | IN_MEMSTALL)
    current(m).memalloc += 1
    got = 1
    if not throttle_direct_reclaim(m, nid, gfp, nodemask):
        mm_vmscan_direct_reclaim_begin(m, order, 1, gfp, gfp_zone(gfp))
        got = direct_reclaim(m, nid, gfp, nodemask)
        mm_vmscan_direct_reclaim_end(m, scans(m)[own_scan(m)].nr_reclaimed)
    current(m).memalloc -= 1
    ends(m, ALLOC | IN_MEMSTALL)
    pfn = get_page_from_freelist(m, gfp, order, nid, nodemask, alloc_flags)
    if pfn == NONE and got:
        unreserve_highatomic_pageblock(m, nid, nodemask, gfp_zone(gfp), gfp_migratetype(gfp), False)
        for z in range(geometry(m).nr_zones):
            drain_all_pcps(m, z)
        pfn = get_page_from_freelist(m, gfp, order, nid, nodemask, alloc_flags)
    return pfn, got


@kernel
def _tries_on(m, gfp, order, got):
    """Whether an allocation that found nothing after reclaim may do it again; `got`: pages reclaimed so far."""
    if gfp & NORETRY:
        return False
    if order <= COSTLY_ORDER:
        return True
    return gfp & RETRY_MAYFAIL and (not alloc_settings(m).repeat_by_pages or got < 1 << order)


@rare
@kernel
def _compact_first(m, gfp, order, nid, nodemask, alloc_flags):
    """Compact without waiting before anything is reclaimed; (first frame or NONE, whether it ends there)."""
    if not compacts_first(m, gfp, order):
        return NONE, False
    pfn, result = direct_compact(m, gfp, order, nid, nodemask, PRIO_ASYNC, alloc_flags)
    return pfn, pfn == NONE and gives_up(m, gfp, order, result)


@kernel
def _compact_and_reclaim(m, gfp, order, nid, nodemask, alloc_flags, prio):
    """One round: reclaim and compact, to 4.6 the other way round.

    (first frame or NONE, pages reclaimed, what compaction came to)
    """
    if compaction_settings(m).compact_priorities:
        pfn, got = _reclaim_directly(m, gfp, order, nid, nodemask, alloc_flags)
        if pfn != NONE or order == 0:
            return pfn, got, SKIPPED
        pfn, result = direct_compact(m, gfp, order, nid, nodemask, prio, alloc_flags)
        return pfn, got, result
    pfn, result = direct_compact(m, gfp, order, nid, nodemask, prio, alloc_flags)
    if pfn != NONE or (result == DEFERRED and is_thp(gfp)):
        return pfn, 0, result
    pfn, got = _reclaim_directly(m, gfp, order, nid, nodemask, alloc_flags)
    return pfn, got, result


@rare
@kernel
def _from_reserve(m, gfp, order, nid, nodemask, alloc_flags):
    """A block whatever the watermarks say, which is told to whom it is for, or NONE (__gfp_pfmemalloc_flags).

    In the kernel: __alloc_pages_high_priority of 3.6, since 4.8 a second get_page_from_freelist.
    """
    pfn = get_page_from_freelist(m, gfp, order, nid, nodemask, alloc_flags | NO_WATERMARKS)
    if pfn != NONE:
        alloc_state(m).reserve = 1
    return pfn


@kernel
def alloc_pages_slowpath(m, gfp, order, nid, nodemask):
    """Wake the daemons, go down to min, compact and reclaim until it is of no use; NONE then (__alloc_pages_slowpath).

    To 4.6 who tries no more compacts a last time. Reserves are for those who are entitled to them, after they have
    looked above the watermarks.
    """
    if gfp & KSWAPD_RECLAIM:
        wake_all_kswapds(m, gfp, order, nid, nodemask)
    alloc_flags = slowpath_flags(m, gfp, order)
    entitled = alloc_flags & NO_WATERMARKS
    alloc_flags &= ~NO_WATERMARKS
    pfn, fruitless, total = get_page_from_freelist(m, gfp, order, nid, nodemask, alloc_flags), 0, 0
    if pfn == NONE and order:
        pfn, hopeless = _compact_first(m, gfp, order, nid, nodemask, alloc_flags)
        if hopeless:
            return NONE
    prio, retries = first_priority(m, gfp, order), 0
    while pfn == NONE:
        if entitled:
            pfn = _from_reserve(m, gfp, order, nid, nodemask, alloc_flags)
        if pfn != NONE or not gfp & DIRECT_RECLAIM or current(m).memalloc:  # reclaim must not reclaim
            return pfn
        pfn, got, result = _compact_and_reclaim(m, gfp, order, nid, nodemask, alloc_flags, prio)
        total += got
        if turn(m).task != NONE and tasks(m)[turn(m).task].killed:
            return pfn
        if not compaction_settings(m).compact_priorities and not is_thp(gfp):
            prio = PRIO_SYNC_LIGHT
        if pfn == NONE and not _tries_on(m, gfp, order, total):
            if order and not compaction_settings(m).compact_priorities and not (result == DEFERRED and is_thp(gfp)):
                pfn, result = direct_compact(m, gfp, order, nid, nodemask, prio, alloc_flags)
            return pfn
        fruitless = 0 if got and order <= COSTLY_ORDER else fruitless + 1
        if gfp & KSWAPD_RECLAIM:
            wake_all_kswapds(m, gfp, order, nid, nodemask)
        again = retry_zone(m, nid, order, fruitless, nodemask, alloc_flags)
        if pfn != NONE:
            return pfn
        if not again:
            if alloc_settings(m).reserve_force and unreserve_highatomic_pageblock(
                m, nid, nodemask, gfp_zone(gfp), gfp_migratetype(gfp), True
            ):
                continue
            compacts = 0
            if got:
                compacts, prio, retries = should_compact_retry(m, gfp, order, nid, nodemask, result, prio, retries)
            if not compacts:
                if not alloc_flags & NOFRAGMENT:
                    return NONE
                alloc_flags &= ~NOFRAGMENT  # rather than have somebody killed
            cond_resched(m)
            continue
        begins(m, ALLOC)
        throttle_retry(m, again - 1, fruitless)
        ends(m, ALLOC)
        cond_resched(m)
    return pfn
