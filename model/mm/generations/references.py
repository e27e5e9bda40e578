"""Was the page used since: reclaim's reference check under the multi-generational LRU (folio_check_references).

Source: mm/rmap.c and mm/vmscan.c, 6.1 and 6.18.
"""

from mmrun.model.core.jit import hook, kernel, rare
from mmrun.model.core.record import NONE
from mmrun.model.mm.generations.walk import look_around
from mmrun.model.mm.lru.gens import kind_of
from mmrun.model.mm.lru.rmap import pte_frame, referenced, region_word
from mmrun.model.mm.lru.rmap_file import word_of
from mmrun.model.mm.lru.rmap_folio import is_huge_mapped, maps
from mmrun.model.mm.lru.state import ACTIVATE, KEEP, ONE_TOUCH, RECLAIM_CLEAN, RECLAIM_PAGE, TWO_TOUCH, lru_settings
from mmrun.model.mm.page.flags import ANON, REFERENCED, REFS_MASK, WORKINGSET
from mmrun.model.mm.page.folio import folio_of, nr_pages
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.task.state import ADVICE_NORMAL, PTE_PRESENT, PTE_YOUNG, files, pte, regions

PROMOTED = 2  # in place of the executable flag: 6.1 keeps a mapped page that was found young after it was isolated


@hook
def page_referenced(m, pfn, s):
    """Young words that map the page, each a reason to look at its neighbours as well (folio_referenced_one)."""
    words, page = pte(m), frames(m)[pfn]
    if page.mapcount == 0:
        return 0
    if lru_settings(m).lru_gen == ONE_TOUCH and page.state & REFERENCED:
        return PROMOTED << 16
    if page.state & ANON and page.order:
        return _folio_referenced(m, pfn, s)
    if page.state & ANON:
        if words[page.owner] & PTE_YOUNG:
            _look(m, s, _region_of(m, page.owner), page.owner)
        return referenced(m, pfn)
    region = files(m)[page.slot].first_region
    while region != NONE:
        at = _first_young(m, region, pfn) if page.order else region_word(m, region, page.owner)
        if (
            at != NONE
            and words[at] & PTE_PRESENT
            and words[at] & PTE_YOUNG
            and folio_of(m, pte_frame(words[at])) == pfn
        ):
            _look(m, s, region, at)
        region = regions(m)[region].next_of_file
    return referenced(m, pfn)


@rare
@kernel
def _first_young(m, region, pfn):
    """The first young word through which the region maps a large folio of a file, or NONE."""
    for i in range(nr_pages(m, pfn)):
        at = word_of(m, region, pfn, i)
        if at != NONE and pte(m)[at] & PTE_YOUNG:
            return at
    return NONE


@kernel
def _folio_referenced(m, pfn, s):
    """The same for a large folio: the words of a huge page mapped as such are one, and have no neighbours."""
    page = frames(m)[pfn]
    at, end = page.owner, page.owner + nr_pages(m, pfn)
    while at < end and not (pte(m)[at] & PTE_YOUNG and maps(m, pfn, at)):
        at += 1
    if at < end and not is_huge_mapped(m, at):
        _look(m, s, _region_of(m, at), at)
    return referenced(m, pfn)


@kernel
def _look(m, s, region, at):
    if regions(m)[region].advice == ADVICE_NORMAL:
        look_around(m, s, region, at)


@kernel
def _region_of(m, at):
    """The mapping that page-table word `at` belongs to; mappings are numbered in the order of their words."""
    low, high = 0, len(regions(m)) - 1
    while low < high:
        middle = (low + high + 1) // 2
        if regions(m)[middle].start <= at:
            low = middle
        else:
            high = middle - 1
    return low


@hook
def check_references(m, pfn, young, executable):
    page = frames(m)[pfn]
    state = page.state
    if lru_settings(m).lru_gen == TWO_TOUCH:
        if not young:
            return RECLAIM_PAGE
        if not state & (REFERENCED | WORKINGSET):
            page.state = (state & ~REFS_MASK) | REFERENCED
            return KEEP
        page.state = (state & ~(REFS_MASK | REFERENCED)) | WORKINGSET
        return ACTIVATE
    if executable == PROMOTED:
        return KEEP
    page.state = state & ~REFERENCED
    if young:
        page.state |= REFERENCED
        return ACTIVATE if state & REFERENCED or young > 1 or (executable and kind_of(state)) else KEEP
    return RECLAIM_CLEAN if state & REFERENCED and kind_of(state) else RECLAIM_PAGE
