"""What a task asks for by madvise(): huge pages or none, a collapse now, pages out to swap."""

from mmrun.model.core.codes import OK
from mmrun.model.core.jit import hook, kernel
from mmrun.model.mm.huge.mmap_lock import khugepaged_enter
from mmrun.model.mm.huge.state import ADVISED, ADVISED_AGAINST, HUGE_PAGES
from mmrun.model.mm.khugepaged.collapse import collapse
from mmrun.model.mm.khugepaged.events import AGAINST_BIT, COUNT_SHIFT
from mmrun.model.mm.khugepaged.scan import SUCCEED, scan_range
from mmrun.model.mm.khugepaged.state import khugepaged_settings
from mmrun.model.mm.lru.lru import lru_add_drain_all
from mmrun.model.mm.page.folio import folio_of, nr_pages
from mmrun.model.mm.reclaim.reclaim_pages import begin_pick, pick, reclaim_picked
from mmrun.model.mm.task.state import (
    PTE_FRAME,
    PTE_SHIFT,
    PTE_YOUNG,
    REGION_ANON,
    fault_settings,
    pte,
    regions,
    tasks,
)
from mmrun.model.mm.task.words import maps


@kernel
def _region_at(m, t, page):
    """The region of task `t` that holds the page."""
    region = tasks(m)[t].first_region
    last = region + tasks(m)[t].nr_regions - 1
    while region < last and page >= regions(m)[region + 1].first:
        region += 1
    return region


@hook
def madvise_huge(m, t, argument):
    region = _region_at(m, t, argument & AGAINST_BIT - 1)
    regions(m)[region].huge = ADVISED_AGAINST if argument & AGAINST_BIT else ADVISED
    if not argument & AGAINST_BIT:
        khugepaged_enter(m, t)
    return OK


@hook
def madvise_collapse(m, t, argument):
    region = _region_at(m, t, argument)
    first = (tasks(m)[t].pte_start + argument) // HUGE_PAGES * HUGE_PAGES
    r = regions(m)[region]
    if not khugepaged_settings(m).madv_collapse or r.kind != REGION_ANON or first < r.start:
        return OK
    if first + HUGE_PAGES <= r.start + r.npages:
        lru_add_drain_all(m)
        if scan_range(m, first, False) == SUCCEED:
            collapse(m, t, region, first, False)
    return OK


@hook
def madvise_pageout(m, t, argument):
    first = tasks(m)[t].pte_start + (argument & (1 << COUNT_SHIFT) - 1)
    end, at = first + (argument >> COUNT_SHIFT) + 1, first
    if not khugepaged_settings(m).madv_pageout:
        return OK
    lru_add_drain_all(m)
    begin_pick(m)
    while at < end:
        word = pte(m)[at]
        pfn = (word >> PTE_SHIFT) & PTE_FRAME
        step = 1
        if maps(word) and pfn != fault_settings(m).zero_pfn:
            pfn = folio_of(m, pfn)
            step = nr_pages(m, pfn)
            if step == 1 or (step <= end - at and at % step == 0):  # a folio that is not wholly meant stays
                for word_of in range(at, at + step):
                    pte(m)[word_of] &= ~PTE_YOUNG
                pick(m, pfn)
            else:
                step = 1
        at += step
    reclaim_picked(m)
    return OK
