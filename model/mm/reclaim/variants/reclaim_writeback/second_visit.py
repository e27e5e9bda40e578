"""kswapd writes a dirty file page only where nothing but dirty pages is left at the tail (3.11 to 6.15).

The node (till 4.7 the zone) is marked so by `reclaim_throttle/node-flags` or `reasons`. Since 4.11 (`seen_twice`) the
page must also have been met before; dirty pages go to the active list until they are written instead of round the
inactive one; and a batch of nothing but dirty pages wakes the flushers. A marked page is freed as soon as it is
written.

kswapd takes note of marked pages that it meets still being written; a limited group's reclaimer waits for them where
nothing else slows it down: with cgroup writeback (4.2) its dirtiers are throttled. Until 4.1 (`waits_nofs`) it waits
whatever locks of file systems it holds.
"""

from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.parameters import parameters
from mmrun.model.mm.lru.state import ACTIVATE, KEEP, RECLAIM_PAGE
from mmrun.model.mm.page.flags import RECLAIM, SWAPCACHE
from mmrun.model.mm.page.folio import nr_pages
from mmrun.model.mm.page.state import frames, zones
from mmrun.model.mm.reclaim.state import pageout_count, scans
from mmrun.model.mm.reclaim.throttle import TAIL_LRU_DIRTY, UNDER_WRITEBACK
from mmrun.model.mm.reclaim.variants.reclaim_writeback.any_reclaimer import write_page
from mmrun.model.mm.reclaim.vmscan import throttling_is_sane
from mmrun.model.mm.writeback.page_wait import wait_on_page_writeback
from mmrun.model.mm.writeback.writeback import wakeup_flushers

SOURCE = "mm/vmscan.c: shrink_page_list, shrink_inactive_list, 3.15, 4.19 and 6.1"
PARAMS = {
    "seen_twice": (True, "", "pages are written at their second visit, activated before, and wake flushers (4.11)",
                   "mm/vmscan.c: shrink_page_list, 4.19"),
    "waits_nofs": (False, "", "a limited group's reclaimer waits for writes also where it may not enter file systems "
                   "(to 4.1)", "mm/vmscan.c: shrink_page_list, 4.1"),
}  # fmt: skip
params = parameters("reclaim_writeback", PARAMS, 319)


@kernel
def out_of_the_way(m):
    """Where a page goes that must be written first."""
    return ACTIVATE if params(m).seen_twice else KEEP


@hook
def pageout_file(m, pfn, s, verdict):
    sc, page = scans(m)[s], frames(m)[pfn]
    marked = zones(m)[sc.zone].reclaim_flags & TAIL_LRU_DIRTY
    if sc.kswapd and marked and (page.state & RECLAIM or not params(m).seen_twice):
        write_page(m, s, pfn, verdict)
        return KEEP
    page.state |= RECLAIM
    pageout_count(m).nr_vmscan_immediate_reclaim += nr_pages(m, pfn)
    return out_of_the_way(m)


@kernel
def waited_for(m, s, pfn, anywhere):
    """Reclaim meets a page under writeback: True when it has waited for the write to end.

    `anywhere`: even where it may not enter file systems. What goes to swap enters none (may_enter_fs).
    """
    sc, page = scans(m)[s], frames(m)[pfn]
    if sc.kswapd and page.state & RECLAIM and zones(m)[sc.zone].reclaim_flags & UNDER_WRITEBACK:
        sc.batch_stat.immediate += nr_pages(m, pfn)
        return False
    may_wait = anywhere or sc.may_enter_fs or (page.state & SWAPCACHE > 0 and sc.may_io)
    if throttling_is_sane(m, s) or not page.state & RECLAIM or not may_wait:
        page.state |= RECLAIM
        sc.batch_stat.writeback += nr_pages(m, pfn)
        return False
    wait_on_page_writeback(m, pfn)
    return True


@hook
def meet_writeback(m, pfn, s):
    return RECLAIM_PAGE if waited_for(m, s, pfn, params(m).waits_nofs) else out_of_the_way(m)


@hook
def all_dirty(m, s):
    if params(m).seen_twice:
        wakeup_flushers(m, 0)
    return 0
