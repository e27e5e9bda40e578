"""From a large folio of a file to the page-table words that map its pages, in every mapping of the file (mm/rmap.c)."""

from mmrun.model.core.jit import kernel, rare
from mmrun.model.core.record import NONE
from mmrun.model.mm.lru.rmap_folio import drop_entry, mark_dirty, pte_frame
from mmrun.model.mm.memcg.memcontrol import mod_state
from mmrun.model.mm.memcg.stats import NR_FILE_MAPPED
from mmrun.model.mm.page.flags import IDLE, YOUNG
from mmrun.model.mm.page.folio import nr_pages
from mmrun.model.mm.page.state import frames, zones
from mmrun.model.mm.task.state import (
    PTE_DIRTY,
    PTE_WRPROTECT,
    PTE_YOUNG,
    REGION_MMAP,
    fault_settings,
    files,
    pte,
    regions,
)
from mmrun.model.mm.task.words import keep_bits, maps, stored_through


@kernel
def region_word(m, region, index):
    """Index of the page-table word through which `region` maps page-cache slot `index`, or NONE outside the mapping."""
    r = regions(m)[region]
    page = index - files(m)[r.file].start - r.file_offset
    if r.kind != REGION_MMAP or page < 0 or page >= r.npages:
        return NONE
    return r.start + page


@kernel
def word_of(m, region, pfn, i):
    """The word of the region that maps page `i` of folio `pfn`, or NONE."""
    at = region_word(m, region, frames(m)[pfn].owner + i)
    if at != NONE and maps(pte(m)[at]) and pte_frame(pte(m)[at]) == pfn + i:
        return at
    return NONE


@kernel
def _words(m, pfn, i):
    """How many words map page `i` of the folio."""
    region, found = files(m)[frames(m)[pfn].slot].first_region, 0
    while region != NONE:
        found += word_of(m, region, pfn, i) != NONE
        region = regions(m)[region].next_of_file
    return found


@rare
@kernel
def pages_mapped(m, pfn):
    """Pages of the folio that some word maps (folio_nr_pages_mapped)."""
    found = 0
    for i in range(nr_pages(m, pfn)):
        found += _words(m, pfn, i) > 0
    return found


@kernel
def count_mapped(m, pfn, pages):
    """So many pages of the folio are mapped now that were not, or no longer (__folio_mod_stat)."""
    page = frames(m)[pfn]
    zones(m)[page.zone].nr_mapped += pages
    if pages:
        mod_state(m, page.memcg, NR_FILE_MAPPED, pages)


@rare
@kernel
def page_mapped(m, pfn, frame):
    """A word has come to map frame `frame` of the folio: it counts with the first one (folio_add_file_rmap_ptes)."""
    if _words(m, pfn, frame - pfn) == 1:
        count_mapped(m, pfn, 1)


@rare
@kernel
def page_unmapped(m, pfn, frame):
    """A word maps frame `frame` of the folio no longer (folio_remove_rmap_ptes)."""
    frames(m)[pfn].mapcount -= 1
    if _words(m, pfn, frame - pfn) == 0:
        count_mapped(m, pfn, -1)


@kernel
def _used_through(m, region, pfn, counts):
    """Whether the folio was used through a region, whose words are old now: one reference, however many were young.

    A bit that a scanner took is as good (folio_referenced_one).
    """
    table, page, found = pte(m), frames(m)[pfn], 0
    for i in range(nr_pages(m, pfn)):
        at = word_of(m, region, pfn, i)
        if at != NONE and table[at] & PTE_YOUNG:
            table[at] &= ~PTE_YOUNG
            found |= counts
    if found:
        page.state &= ~IDLE
    if page.state & YOUNG:
        page.state &= ~YOUNG
        found = 1
    return found


@rare
@kernel
def referenced_through(m, pfn):
    """Number of mappings through which the folio was used since the last call, + 1 << 16 if one is executable."""
    region, found = files(m)[frames(m)[pfn].slot].first_region, 0
    while region != NONE:
        r = regions(m)[region]
        if _used_through(m, region, pfn, 0 if fault_settings(m).recency_by_advice and r.advice else 1):
            found = (found + 1) | (1 << 16 if r.exec else 0)
        region = r.next_of_file
    return found


@rare
@kernel
def look_at_pages(m, pfn, keep):
    """What the words that map the folio say, bit 0: one is young, bit 1: one is dirty; they keep the bits in `keep`."""
    table, found, region = pte(m), 0, files(m)[frames(m)[pfn].slot].first_region
    while region != NONE:
        for i in range(nr_pages(m, pfn)):
            at = word_of(m, region, pfn, i)
            if at != NONE:
                found |= (1 if table[at] & PTE_YOUNG else 0) | (2 if stored_through(table[at]) else 0)
                table[at] = keep_bits(table[at], keep)
        region = regions(m)[region].next_of_file
    return found


@rare
@kernel
def unmap_pages(m, pfn):
    """Clear every word that maps the folio, whose dirty bits move to it (try_to_unmap)."""
    table, page = pte(m), frames(m)[pfn]
    on_disk, region = files(m)[page.slot].disk != NONE, files(m)[page.slot].first_region
    count_mapped(m, pfn, -pages_mapped(m, pfn))
    while region != NONE:
        for i in range(nr_pages(m, pfn)):
            at = word_of(m, region, pfn, i)
            if at != NONE:
                if stored_through(table[at]) and on_disk:
                    mark_dirty(m, pfn)
                table[at] = 0
                drop_entry(m, at)
                page.mapcount -= 1
        region = regions(m)[region].next_of_file


@rare
@kernel
def write_protect_pages(m, pfn):
    """Take the dirty bits from the words that map the folio, so that the next store is noticed (folio_mkclean)."""
    table, region = pte(m), files(m)[frames(m)[pfn].slot].first_region
    while region != NONE:
        for i in range(nr_pages(m, pfn)):
            at = word_of(m, region, pfn, i)
            if at != NONE:
                table[at] = keep_bits(table[at], ~PTE_DIRTY) | PTE_WRPROTECT
                drop_entry(m, at)
        region = regions(m)[region].next_of_file
