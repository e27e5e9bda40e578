"""Reclaiming pages that somebody has picked, whatever their place on the lists (reclaim_pages of mm/vmscan.c)."""

from mmrun.model.core.codes import SWAP_CLUSTER_MAX
from mmrun.model.core.jit import caller, kernel
from mmrun.model.core.record import NONE
from mmrun.model.mm.lru.lists import list_of, push_head, unlink
from mmrun.model.mm.lru.lru import lruvec_of_frame
from mmrun.model.mm.page.flags import ACTIVE, ISOLATED, LOCKED, LRU, QUEUED
from mmrun.model.mm.page.folio import nr_pages
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.reclaim.shrink_list import count_scan
from mmrun.model.mm.reclaim.shrink_page_list import take_first
from mmrun.model.mm.reclaim.state import reclaim_settings, scans
from mmrun.model.mm.reclaim.vmscan import begin, own_scan
from mmrun.model.mm.writeback.plug import unplug

shrink_batch = caller("shrink_batch")
HIGHEST_ZONE = 3


@kernel
def begin_pick(m):
    """Start picking pages."""
    begin(m, own_scan(m), 0, 0, SWAP_CLUSTER_MAX, HIGHEST_ZONE)
    sc = scans(m)[own_scan(m)]
    sc.ignore_references, sc.proactive, sc.nr_taken, sc.pages_taken = 1, 1, 0, 0


@kernel
def _book(m, pfn, scanned, reclaimed):
    """Count a picked page; the kernel itself counts none of these, here they are `pgscan_proactive` and so on."""
    count_scan(m, own_scan(m), lruvec_of_frame(m, pfn), list_of(frames(m)[pfn].state & ~ACTIVE), scanned, reclaimed)


@kernel
def _put_one_back(m, pfn):
    _book(m, pfn, 0, -nr_pages(m, pfn))
    frames(m)[pfn].state &= ~ISOLATED
    push_head(m, lruvec_of_frame(m, pfn), list_of(frames(m)[pfn].state), pfn)


@kernel
def reclaim_picked(m):
    """Reclaim what was picked so far without asking for references; pages freed. The rest returns to its lists."""
    sc = scans(m)[own_scan(m)]
    if sc.nr_taken == 0:
        return 0
    m.now += reclaim_settings(m).scan_page * sc.nr_taken
    for i in range(sc.nr_taken):
        _book(m, sc.batch[i], nr_pages(m, sc.batch[i]), nr_pages(m, sc.batch[i]))
    freed = shrink_batch(m, own_scan(m))
    for i in range(sc.nr_taken):
        if sc.batch[i] != NONE:
            _put_one_back(m, sc.batch[i])
    while sc.kept.n:
        _put_one_back(m, take_first(m, sc.kept))
    unplug(m)
    sc.nr_taken = sc.pages_taken = 0
    return freed


@kernel
def pick(m, pfn):
    """Isolate a page for reclaim, inactive whatever it was; pages freed meanwhile, because a batch was full."""
    page, sc = frames(m)[pfn], scans(m)[own_scan(m)]
    if not page.state & LRU or page.state & (QUEUED | LOCKED) or page.pins:
        return 0
    unlink(m, lruvec_of_frame(m, pfn), list_of(page.state), pfn)
    page.state = (page.state & ~ACTIVE) | ISOLATED
    sc.batch[sc.nr_taken] = pfn
    sc.nr_taken += 1
    sc.pages_taken += nr_pages(m, pfn)
    return reclaim_picked(m) if sc.nr_taken == SWAP_CLUSTER_MAX else 0
