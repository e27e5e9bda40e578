"""Only kswapd writes file pages, and only in trouble: from priority 9 down; everybody else marks them and goes on.

A marked page is reclaimed as soon as the flusher has written it. Pages under writeback are counted: reclaim may sleep
over them (`reclaim_throttle`). Since 3.6 (`waits`) those met under writeback are marked too, and a limited group's
reclaimer that meets a marked one again waits for it: nothing else holds its dirtiers back.
"""

from mmrun.model.core.jit import hook
from mmrun.model.core.parameters import parameters
from mmrun.model.mm.lru.state import KEEP, RECLAIM_PAGE
from mmrun.model.mm.page.flags import RECLAIM
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.reclaim.state import pageout_count, scans
from mmrun.model.mm.reclaim.variants.reclaim_writeback.any_reclaimer import all_dirty, write_page
from mmrun.model.mm.reclaim.variants.reclaim_writeback.second_visit import waited_for

SOURCE = "mm/vmscan.c: shrink_page_list, 3.2 to 3.10"
PARAMS = {
    "priority": (9, "", "kswapd writes at this priority of its scan and below; -1: never, as the last patch proposed",
                 "Gorman, Reduce filesystem writeback from page reclaim v2, July 2011",
                 (-1, 12, "a scan begins at DEF_PRIORITY, 12")),
    "waits": (False, "", "a limited group's reclaimer waits for marked pages under writeback (3.6)",
              "e62e384e9da8 and c3b94f44fcb0 memcg: (further) prevent OOM with too many dirty pages, 3.6"),
}  # fmt: skip
params = parameters("reclaim_writeback", PARAMS, 318)
__all__ = ["all_dirty", "meet_writeback", "pageout_file"]


@hook
def pageout_file(m, pfn, s, verdict):
    sc = scans(m)[s]
    if sc.kswapd and sc.priority <= params(m).priority:
        write_page(m, s, pfn, verdict)
        return KEEP
    frames(m)[pfn].state |= RECLAIM
    pageout_count(m).nr_vmscan_immediate_reclaim += 1
    return KEEP


@hook
def meet_writeback(m, pfn, s):
    if params(m).waits:
        return RECLAIM_PAGE if waited_for(m, s, pfn, True) else KEEP
    scans(m)[s].batch_stat.writeback += 1
    return KEEP
