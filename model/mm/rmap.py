"""From a frame to the page-table words that map it: references, unmapping (mm/rmap.c).

An anonymous page has one word, a file page one in every mapping of the file that covers it.
"""

from model.jit import files, frames, hook, kernel, pte, regions
from model.layout import NONE
from model.mm.lists import panic
from model.mm.state import (
    ANON,
    BAD_PTE,
    DIRTY,
    IDLE,
    PTE_DIRTY,
    PTE_FRAME,
    PTE_PRESENT,
    PTE_SHIFT,
    PTE_YOUNG,
    REGION_MMAP,
    YOUNG,
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
def _with_flags(m, pfn, young):
    """What idle page tracking adds: a reference ends idleness, a young bit that a scanner took counts as one."""
    page = frames(m)[pfn]
    if young & 0xFFFF:
        page.state &= ~IDLE
    if page.state & YOUNG:
        page.state &= ~YOUNG
        return young + 1
    return young


@kernel
def referenced(m, pfn):
    """Number of references to the frame since the last call: young words that map it, and a stolen one.

    Clears them. Adds 1 << 16 when one is an executable mapping.
    """
    table, page = pte(m), frames(m)[pfn]
    if page.mapcount == 0:
        return 0
    if page.state & ANON:
        word = table[page.owner]
        if not word & PTE_YOUNG:
            return _with_flags(m, pfn, 0) if page.state & YOUNG else 0
        table[page.owner] = word & ~PTE_YOUNG
        return _with_flags(m, pfn, 1)
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
    return _with_flags(m, pfn, young)


@kernel
def look_at_words(m, pfn, keep):
    """What the words that map the frame say, bit 0: one is young, bit 1: one is dirty; they keep the bits in `keep`."""
    table, page = pte(m), frames(m)[pfn]
    found, left = 0, page.mapcount
    if page.state & ANON and left:
        word = table[page.owner]
        table[page.owner] = word & keep
        return (1 if word & PTE_YOUNG else 0) | (2 if word & PTE_DIRTY else 0)
    region = files(m)[page.slot].first_region if left else NONE
    while left and region != NONE:
        at = region_word(m, region, page.owner)
        if at != NONE and table[at] & PTE_PRESENT and pte_frame(table[at]) == pfn:
            found |= (1 if table[at] & PTE_YOUNG else 0) | (2 if table[at] & PTE_DIRTY else 0)
            table[at] &= keep
            left -= 1
        region = regions(m)[region].next_of_file
    return found


@hook
def page_referenced(m, pfn, s):
    """Young words that map the frame, for reclaim by scan control `s`."""
    return referenced(m, pfn)


@kernel
def clear_young(m, pfn):
    """Clear the young bits of every word that maps the frame; what they said (`look_at_words`)."""
    return look_at_words(m, pfn, ~PTE_YOUNG)


@kernel
def any_young(m, pfn):
    """Whether a word that maps the frame is young; changes nothing."""
    return look_at_words(m, pfn, -1) & 1


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
