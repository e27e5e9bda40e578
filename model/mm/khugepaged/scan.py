"""A range of 2 MiB word by word: the first test that fails decides (hpage_collapse_scan_pmd, khugepaged_scan_pmd)."""

from mmrun.model.core.jit import kernel
from mmrun.model.machine.state import geometry, nodes
from mmrun.model.mm.alloc.node_reclaim import RECLAIM_DISTANCE
from mmrun.model.mm.khugepaged.settings import RESULTS
from mmrun.model.mm.khugepaged.state import (
    HUGE_PAGES,
    khugepaged_count,
    khugepaged_results,
    khugepaged_scan,
    khugepaged_settings,
)
from mmrun.model.mm.lru.rmap_folio import is_huge_mapped
from mmrun.model.mm.page.flags import LOCKED, LRU, QUEUED, REFERENCED, YOUNG
from mmrun.model.mm.page.folio import folio_of
from mmrun.model.mm.page.state import alloc_settings, frames
from mmrun.model.mm.task.state import PTE_PRESENT, PTE_SHIFT, PTE_YOUNG, fault_settings, pte, ptpage
from mmrun.model.mm.task.words import maps

(
    FAIL, SUCCEED, PMD_NULL, PMD_MAPPED, EXCEED_NONE, EXCEED_SWAP, NON_PRESENT, PAGE_RO, LACK_REFERENCED, SCAN_ABORT,
    PAGE_COUNT, PAGE_LRU, PAGE_LOCK, ALLOC_FAIL, CHARGE_FAIL,
) = range(len(RESULTS))  # fmt: skip
TABLE_SHIFT = 9


@kernel
def _begin(m):
    scan = khugepaged_scan(m)
    scan.unmapped = scan.referenced = 0
    for nid in range(geometry(m).nr_nodes):
        scan.node_load[nid] = 0


@kernel
def _too_far(m, nid):
    """Whether a page is too far from those before it, where nodes reclaim before they go elsewhere.

    In the kernel: hpage_collapse_scan_abort.
    """
    scan = khugepaged_scan(m)
    if not alloc_settings(m).zone_reclaim_mode or scan.node_load[nid]:
        return False
    for other in range(geometry(m).nr_nodes):
        if scan.node_load[other] and nodes(m)[nid].distance[other] > RECLAIM_DISTANCE:
            return True
    return False


@kernel
def is_zero(m, word):
    """Whether a page-table word points at the page of zeros."""
    return word & PTE_PRESENT and (word >> PTE_SHIFT) & ((1 << 28) - 1) == fault_settings(m).zero_pfn


@kernel
def _page_fails(m, word):
    """What is wrong with the page of a present word, SUCCEED if nothing is."""
    pfn = folio_of(m, (word >> PTE_SHIFT) & ((1 << 28) - 1))
    page, scan = frames(m)[pfn], khugepaged_scan(m)
    if _too_far(m, page.node):
        return SCAN_ABORT
    scan.node_load[page.node] += 1
    if not page.state & LRU:
        return PAGE_LRU
    if page.state & LOCKED:
        return PAGE_LOCK
    if page.pins or page.state & QUEUED:  # somebody else holds it
        return PAGE_COUNT
    if word & PTE_YOUNG or page.state & (YOUNG | REFERENCED):
        scan.referenced += 1
    return SUCCEED


@kernel
def _absent_fails(m, absent, limited):
    """One word more maps nothing, or zeros: too many?"""
    if limited and absent > khugepaged_settings(m).max_ptes_none:
        khugepaged_count(m).thp_scan_exceed_none_pte += 1
        return EXCEED_NONE
    return SUCCEED


@kernel
def _swapped_fails(m, isolating, limited):
    """One word more names a swapped page: are there too many, or should there be none by now?"""
    if isolating:
        return NON_PRESENT
    khugepaged_scan(m).unmapped += 1
    if limited and khugepaged_scan(m).unmapped > khugepaged_settings(m).max_ptes_swap:
        khugepaged_count(m).thp_scan_exceed_swap_pte += 1
        return EXCEED_SWAP
    return SUCCEED


@kernel
def scan_words(m, first, isolating, limited):
    """Whether the 512 words from `first` on can be collapsed; `isolating`: just before it, all being there.

    `limited`: by khugepaged's limits and by references, which MADV_COLLAPSE ignores.
    """
    table, s, scan = pte(m), khugepaged_settings(m), khugepaged_scan(m)
    absent, writable, result, at = 0, 0, SUCCEED, first
    _begin(m)
    while at < first + HUGE_PAGES and result == SUCCEED:
        word = table[at]
        at += 1
        if word and not maps(word):  # or on its way to another frame, which the kernel counts alike
            result = _swapped_fails(m, isolating, limited)
        elif word == 0 or (s.collapse_zero_pages and is_zero(m, word)):
            absent += 1
            result = _absent_fails(m, absent, limited)
        elif is_zero(m, word):
            result = FAIL
        else:
            writable += 1 if word > 0 else 0
            result = FAIL if word < 0 and not s.collapse_reads_only else _page_fails(m, word)
    m.now += s.khugepaged_pte * (at - first)
    khugepaged_count(m).khugepaged_ns += s.khugepaged_pte * (at - first)
    if result != SUCCEED:
        return result
    if not writable:
        return PAGE_RO
    half = s.collapse_half_young and scan.unmapped and scan.referenced < HUGE_PAGES // 2
    return LACK_REFERENCED if limited and (not scan.referenced or half) else SUCCEED


@kernel
def scan_range(m, first, limited):
    """The same for a range that may be empty, or huge already."""
    if not ptpage(m)[first >> TABLE_SHIFT]:
        return PMD_NULL
    if is_huge_mapped(m, first):
        return PMD_MAPPED
    return scan_words(m, first, False, limited)


@kernel
def target_node(m, first):
    """The node with most pages of the range, the lowest of several (hpage_collapse_find_target_node)."""
    scan, best = khugepaged_scan(m), 0
    if not khugepaged_settings(m).collapse_by_load:
        at = first
        while not maps(pte(m)[at]):
            at += 1
        return frames(m)[(pte(m)[at] >> PTE_SHIFT) & ((1 << 28) - 1)].node
    for nid in range(geometry(m).nr_nodes):
        if scan.node_load[nid] > scan.node_load[best]:
            best = nid
    return best


@kernel
def count_result(m, result):
    """Book what became of a range."""
    khugepaged_results(m)[result] += 1
