"""A task ends: its anonymous memory, swap slots and mappings go (exit_mmap)."""

from mmrun.model.core.jit import caller, kernel
from mmrun.model.core.record import NONE
from mmrun.model.mm.lru.lists import list_of, unlink
from mmrun.model.mm.lru.lru import lru_add_drain_all, lruvec_of_frame, mark_accessed
from mmrun.model.mm.lru.rmap import last_mapping_gone, mark_dirty
from mmrun.model.mm.lru.rmap_file import page_unmapped
from mmrun.model.mm.memcg.memcontrol import stat_updated, uncharge
from mmrun.model.mm.memcg.victims import page_event
from mmrun.model.mm.page.flags import ANON, ANON_PAGE, ISOLATED, LOCKED, LRU, SWAPCACHE, TAIL_PAGE, WRITEBACK
from mmrun.model.mm.page.folio import folio_of, free_folio, nr_pages
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.swap.state import swapcache
from mmrun.model.mm.swap.swap import free_slot, leave_swapcache
from mmrun.model.mm.task.state import (
    NOBODY,
    PTE_FRAME,
    PTE_SHIFT,
    PTE_YOUNG,
    REGION_ANON,
    REGION_HUGETLB,
    fault_settings,
    files,
    pte,
    regions,
    tasks,
)
from mmrun.model.mm.task.words import is_migration_entry, maps, stored_through
from mmrun.model.mm.tlb.state import tlb_settings
from mmrun.model.mm.tlb.translate import flush_words, forget_tables

hugetlb_unmap = caller("hugetlb_unmap")
release_pins = caller("release_pins")
zap_folio = caller("zap_folio")
put_folio = caller("put_folio")


@kernel
def free_anon(m, pfn):
    """Free an anonymous frame; one that is read, written, reclaimed or pinned stays until that is over."""
    page = frames(m)[pfn]
    if page.mapcount:
        page.mapcount = 0
        last_mapping_gone(m, pfn)
    if page.state & (WRITEBACK | LOCKED | ISOLATED) or page.pins:
        page.owner = NOBODY
        return
    if page.state & LRU:
        unlink(m, lruvec_of_frame(m, pfn), list_of(page.state), pfn)
        stat_updated(m, page.memcg, nr_pages(m, pfn))
    if page.state & SWAPCACHE:
        leave_swapcache(m, pfn)
        for slot in range(page.slot - 1, page.slot - 1 + nr_pages(m, pfn)):
            free_slot(m, slot)
    uncharge(m, page.memcg, nr_pages(m, pfn))
    page_event(m, page.memcg, page.zone, nr_pages(m, pfn))
    free_folio(m, pfn)


@kernel
def _free_swapped(m, slot):
    """Free a slot no page-table word points to any more, and the clean frame that caches it (free_swap_and_cache)."""
    cached = swapcache(m)[slot]
    if cached <= 0:
        free_slot(m, slot)
        return
    pfn = folio_of(m, cached - 1)
    if frames(m)[pfn].order:
        put_folio(m, pfn)
    else:
        free_anon(m, pfn)


@kernel
def zap_pte_range(m, region, start, end):
    """Unmap what page-table words [start, end) of a region map, and free what is anonymous (zap_pte_range)."""
    r, table, f, at, marked = regions(m)[region], pte(m), frames(m), start, NONE
    while at < end and r.kind != REGION_HUGETLB:  # its end takes those; MADV_DONTNEED is refused, as to 5.17
        word = table[at]
        at += 1
        if word == 0:
            continue
        pfn = (word >> PTE_SHIFT) & PTE_FRAME
        if maps(word) and pfn == fault_settings(m).zero_pfn:
            table[at - 1] = 0
            continue
        if maps(word) and r.kind == REGION_ANON and (f[pfn].kind == TAIL_PAGE or f[pfn].order):
            at += zap_folio(m, folio_of(m, pfn), at - 1, end) - 1
            continue
        table[at - 1] = 0
        if maps(word) and r.kind == REGION_ANON:
            free_anon(m, pfn)
        elif maps(word):
            head = folio_of(m, pfn)
            if word & PTE_YOUNG and not (head == marked and fault_settings(m).zap_by_folio):
                mark_accessed(m, head)
                marked = head
            if stored_through(word) and files(m)[r.file].disk != NONE:
                mark_dirty(m, head)
            if f[head].order:
                page_unmapped(m, head, pfn)
                continue
            f[pfn].mapcount -= 1
            if f[pfn].mapcount == 0:
                last_mapping_gone(m, pfn)
        elif is_migration_entry(word):  # on its way: its mover finds that nobody has it
            if r.kind == REGION_ANON and f[pfn].kind == ANON_PAGE and f[pfn].order == 0:
                f[pfn].owner = NOBODY
        else:
            _free_swapped(m, (word >> PTE_SHIFT) - 1)
    if tlb_settings(m).translates:
        flush_words(m, start, end)


@kernel
def exit_mm(m, t):
    """Unmap and free everything task `t` maps (unmap_vmas)."""
    lru_add_drain_all(m)
    task = tasks(m)[t]
    for region in range(task.first_region, task.first_region + task.nr_regions):
        r = regions(m)[region]
        if r.kind == REGION_HUGETLB:
            hugetlb_unmap(m, t, region)
        zap_pte_range(m, region, r.start, r.start + r.npages)
    release_pins(m, t)
    if tlb_settings(m).translates:
        forget_tables(m, t)


@kernel
def free_orphan(m, pfn):
    """Free an anonymous frame that nobody maps or pins any more and that has only waited for that (put_page)."""
    page = frames(m)[pfn]
    if page.state & ANON and page.owner == NOBODY and page.pins == 0:
        lru_add_drain_all(m)
        free_anon(m, pfn)
