"""Reclaim writes no file pages: a dirty one is marked and sent to the active list (6.16).

When its write ends, the page goes to the inactive tail and is freed at once. The flushers are woken when reclaim met
nothing but dirty pages in a batch. A limited group is then throttled until 33 writes have ended where nothing throttles
its writers before it is full: with cgroup v1.
"""

from mmrun.model.core.jit import hook
from mmrun.model.core.parameters import parameters
from mmrun.model.mm.lru.state import ACTIVATE, RECLAIM_PAGE
from mmrun.model.mm.page.flags import RECLAIM
from mmrun.model.mm.page.folio import nr_pages
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.reclaim.state import pageout_count, scans
from mmrun.model.mm.reclaim.throttle import TENTH_NS, throttled
from mmrun.model.mm.reclaim.variants.reclaim_writeback.second_visit import waited_for
from mmrun.model.mm.reclaim.vmscan import throttling_is_sane
from mmrun.model.mm.writeback.wait_queue import WRITEBACK
from mmrun.model.mm.writeback.writeback import wakeup_flushers

SOURCE = "mm/vmscan.c: shrink_folio_list, shrink_inactive_list, reclaim_throttle, 6.18"
PARAMS = {
    "throttle": (
        True,
        "",
        "a limited group's reclaimer sleeps when a whole batch was dirty",
        "writeback_throttling_sane in shrink_inactive_list, 6.2",
    )
}
params = parameters("reclaim_writeback", PARAMS, 317)


@hook
def pageout_file(m, pfn, s, verdict):
    frames(m)[pfn].state |= RECLAIM
    pageout_count(m).nr_vmscan_immediate_reclaim += nr_pages(m, pfn)
    return ACTIVATE


@hook
def meet_writeback(m, pfn, s):
    return RECLAIM_PAGE if waited_for(m, s, pfn, False) else ACTIVATE


@hook
def all_dirty(m, s):
    wakeup_flushers(m, 0)
    if not throttling_is_sane(m, s) and params(m).throttle:
        throttled(m, scans(m)[s].node, WRITEBACK, TENTH_NS)
    return 0
