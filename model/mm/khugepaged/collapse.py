"""A range that passed all tests becomes one huge page (collapse_huge_page).

The huge page is allocated and charged without a lock; swapped pages are read back; then, the mmap lock held and all
translations flushed, the tests are made again, pages are copied and freed. From there on nothing sleeps.
"""

from mmrun.model.core.codes import OK
from mmrun.model.core.jit import caller, kernel
from mmrun.model.core.record import NONE
from mmrun.model.core.state import turn
from mmrun.model.machine.state import progress, run_settings, task_count
from mmrun.model.mm.alloc.page_alloc import alloc_pages, numa_statistics
from mmrun.model.mm.fault.swap_fault import swap_in
from mmrun.model.mm.huge.fault import GFP_TRANSHUGE_LIGHT
from mmrun.model.mm.huge.map import map_huge
from mmrun.model.mm.huge.queue import defer_split
from mmrun.model.mm.huge.state import HUGE_ORDER, HUGE_PAGES, thp_settings
from mmrun.model.mm.khugepaged.mm_slot import exited
from mmrun.model.mm.khugepaged.scan import (
    ALLOC_FAIL,
    CHARGE_FAIL,
    FAIL,
    SUCCEED,
    is_zero,
    scan_range,
    scan_words,
    target_node,
)
from mmrun.model.mm.khugepaged.state import (
    collapsed_used,
    khugepaged_count,
    khugepaged_scan,
    khugepaged_settings,
    mm_slots,
)
from mmrun.model.mm.limits.exit import free_anon
from mmrun.model.mm.limits.limits import charge_folio
from mmrun.model.mm.lru.lru import lru_add, lru_add_drain
from mmrun.model.mm.memcg.memcontrol import mod_state, uncharge_pages
from mmrun.model.mm.memcg.stats import PGPGIN
from mmrun.model.mm.memcg.victims import page_event
from mmrun.model.mm.migrate.entries import wait_on_entry
from mmrun.model.mm.page.flags import ACTIVE, ANON, ANON_PAGE, NEW
from mmrun.model.mm.page.folio import folio_of, free_folio
from mmrun.model.mm.page.gfp import DIRECT_RECLAIM, THISNODE
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.task.state import PTE_DIRTY, PTE_FRAME, PTE_SHIFT, missed, pte, tasks, tlb
from mmrun.model.mm.task.words import is_migration_entry, is_slot
from mmrun.model.mm.tlb.state import tlb_settings
from mmrun.model.mm.tlb.translate import flush_words

new_anon_active = caller("new_anon_active")
zap_folio = caller("zap_folio")


@kernel
def _alloc(m, t, node, limited):
    """A charged huge page on the node, on no list; or what is to be had instead: ALLOC_FAIL, CHARGE_FAIL, negative."""
    gfp = GFP_TRANSHUGE_LIGHT | THISNODE
    if khugepaged_settings(m).khugepaged_defrag or not limited:
        gfp |= DIRECT_RECLAIM
    pfn, memcg = alloc_pages(m, gfp, HUGE_ORDER, node, 1 << node), tasks(m)[t].memcg
    if pfn == NONE:
        khugepaged_count(m).thp_collapse_alloc_failed += 1
        return -ALLOC_FAIL
    numa_statistics(m, t, node, 1 << node, pfn)
    khugepaged_count(m).thp_collapse_alloc += 1
    if not charge_folio(m, t, memcg, HUGE_PAGES, gfp):
        free_folio(m, pfn)
        return -CHARGE_FAIL
    frames(m)[pfn].memcg = memcg
    return pfn


@kernel
def _read_back(m, t, region, first):
    """Bring swapped pages of the range in; 0 when one cannot be had. No access of the task's: it has missed nothing.

    In the kernel: __collapse_huge_page_swapin.
    """
    count, at = task_count(m)[t], first
    major, minor, misses = count.major_faults, count.minor_faults, count.misses
    noted = missed(m)[progress(m).accesses] if run_settings(m).record_misses else 0
    served = OK
    while at < first + HUGE_PAGES and served == OK:
        word = pte(m)[at]
        if is_migration_entry(word):
            wait_on_entry(m, at)
            continue
        if is_slot(word):
            served = swap_in(m, t, region, at, (word >> PTE_SHIFT) - 1, 0)
        at += 1
    count.major_faults, count.minor_faults, count.misses = major, minor, misses
    if run_settings(m).record_misses:
        missed(m)[progress(m).accesses] = noted
    lru_add_drain(m, turn(m).cpu)
    return served == OK


@kernel
def _free_old(m, first):
    """Unmap and free what the range maps, and note which words had a page (__collapse_huge_page_copy)."""
    table, used, at = pte(m), collapsed_used(m), first
    for i in range(HUGE_PAGES):
        used[i] = 1 if table[first + i] and not is_zero(m, table[first + i]) else 0
    while at < first + HUGE_PAGES:
        pfn = (table[at] >> PTE_SHIFT) & PTE_FRAME
        if not used[at - first]:
            table[at] = 0
            at += 1
        elif frames(m)[folio_of(m, pfn)].order:
            at += zap_folio(m, folio_of(m, pfn), at, first + HUGE_PAGES)
        else:
            table[at] = 0
            free_anon(m, pfn)
            at += 1


@kernel
def _move(m, t, first, pfn):
    """Copy the range into the huge page and map that; faults of the task wait meanwhile."""
    page, began = frames(m)[pfn], m.now
    m.now += khugepaged_settings(m).khugepaged_collapse
    mm_slots(m)[t].locked_until = m.now
    khugepaged_count(m).khugepaged_ns += m.now - began
    _free_old(m, first)
    page.state, page.owner, page.kind = ANON | NEW, first, ANON_PAGE
    page.state |= ACTIVE if new_anon_active(m) else 0
    mod_state(m, page.memcg, PGPGIN, HUGE_PAGES)
    page_event(m, page.memcg, page.zone, HUGE_PAGES)
    lru_add(m, pfn)
    map_huge(m, t, first, pfn, False)
    for i in range(HUGE_PAGES):
        if collapsed_used(m)[i]:
            pte(m)[first + i] |= PTE_DIRTY
        if run_settings(m).tlb_flush:
            tlb(m)[first + i] = 0
    if tlb_settings(m).translates:
        flush_words(m, first, first + HUGE_PAGES)
    if thp_settings(m).thp_underused:
        defer_split(m, pfn, False)


@kernel
def collapse(m, t, region, first, limited):
    """Collapse the range, which was found fit; SUCCEED, or why not after all."""
    unmapped = khugepaged_scan(m).unmapped
    pfn = _alloc(m, t, target_node(m, first), limited)
    if pfn < 0:
        return -pfn
    result = FAIL if exited(m, t) else scan_range(m, first, limited)  # it may have slept for memory
    if result == SUCCEED and unmapped and not _read_back(m, t, region, first):
        result = FAIL
    if result == SUCCEED and not exited(m, t):
        result = scan_words(m, first, True, limited)
    if result != SUCCEED or exited(m, t):
        uncharge_pages(m, frames(m)[pfn].memcg, HUGE_PAGES)
        free_folio(m, pfn)
        return result if result != SUCCEED else FAIL
    _move(m, t, first, pfn)
    return SUCCEED
