"""From a frame to the page-table words that map it: references, unmapping (mm/rmap.c).

An anonymous page has one word, a file page one in every mapping of the file that covers it.
"""

from model.jit import files, frames, kernel, pte, regions
from model.layout import NONE
from model.mm.lists import panic
from model.mm.state import (
    ANON,
    BAD_PTE,
    DIRTY,
    PTE_DIRTY,
    PTE_FRAME,
    PTE_PRESENT,
    PTE_SHIFT,
    PTE_YOUNG,
    REGION_MMAP,
)


@kernel
def pte_frame(word):
    """The frame a present page-table word points to."""
    return (word >> PTE_SHIFT) & PTE_FRAME


@kernel
def region_word(m, region, index):
    """Index of the page-table word through which `region` maps page-cache slot `index`, or NONE outside the mapping."""
    r = regions(m)[region]
    page = index - files(m)[r.file].start - r.file_offset
    if r.kind != REGION_MMAP or page < 0 or page >= r.npages:
        return NONE
    return r.start + page


@kernel
def referenced(m, pfn):
    """Number of young words that map the frame; clears them. Adds 1 << 16 when one is an executable mapping."""
    table, page = pte(m), frames(m)[pfn]
    if page.mapcount == 0:
        return 0
    if page.state & ANON:
        word = table[page.owner]
        if not word & PTE_YOUNG:
            return 0
        table[page.owner] = word & ~PTE_YOUNG
        return 1
    young = 0
    region = files(m)[page.slot].first_region
    while region != NONE:
        at = region_word(m, region, page.owner)
        if at != NONE and table[at] & PTE_PRESENT and pte_frame(table[at]) == pfn:
            if table[at] & PTE_YOUNG and not (m.cfg.recency_by_advice and regions(m)[region].advice):
                young += 1
            table[at] &= ~PTE_YOUNG
            if regions(m)[region].exec:
                young |= 1 << 16
        region = regions(m)[region].next_of_file
    return young


@kernel
def unmap(m, pfn, swap_word):
    """Clear every word that maps the frame; an anonymous page leaves `swap_word`. Dirty bits move to the frame."""
    table, page = pte(m), frames(m)[pfn]
    if page.mapcount == 0:
        return
    if page.state & ANON:
        if pte_frame(table[page.owner]) != pfn:
            panic(m, BAD_PTE, pfn)
        if table[page.owner] & PTE_DIRTY:
            page.state |= DIRTY
        table[page.owner] = swap_word
        page.mapcount = 0
        return
    region = files(m)[page.slot].first_region
    while region != NONE:
        at = region_word(m, region, page.owner)
        if at != NONE and table[at] & PTE_PRESENT and pte_frame(table[at]) == pfn:
            if table[at] & PTE_DIRTY and files(m)[page.slot].disk != NONE:
                page.state |= DIRTY
            table[at] = 0
            page.mapcount -= 1
        region = regions(m)[region].next_of_file
    if page.mapcount:
        panic(m, BAD_PTE, pfn)
