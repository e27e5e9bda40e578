"""From a frame to the page-table words that map it: references, unmapping (mm/rmap.c).

An anonymous page has one word, a file page one in every mapping of the file that covers it.
"""

from mmrun.model.core.codes import BAD_PTE
from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.panic import panic
from mmrun.model.core.record import NONE
from mmrun.model.mm.lru.rmap_file import look_at_pages, referenced_through, region_word, unmap_pages
from mmrun.model.mm.lru.rmap_folio import (
    drop_entry,
    look_at_folio,
    mark_dirty,
    pte_frame,
    unmap_folio,
    words_referenced,
)
from mmrun.model.mm.memcg.memcontrol import mod_state
from mmrun.model.mm.memcg.stats import NR_ANON_MAPPED, NR_FILE_MAPPED
from mmrun.model.mm.page.flags import ANON, IDLE, YOUNG
from mmrun.model.mm.page.state import frames, zones
from mmrun.model.mm.task.state import (
    PTE_YOUNG,
    fault_settings,
    files,
    pte,
    regions,
)
from mmrun.model.mm.task.words import keep_bits, maps, stored_through


@kernel
def _used_through(m, pfn, at, counts):
    """Whether the frame was used through word `at`, whose young bit is cleared; a bit that a scanner took is as good.

    The scanner's note goes to the mapping looked at first, so a page mapped once has one reference however often it was
    used (page_referenced_one).
    """
    table, page, found = pte(m), frames(m)[pfn], 0
    word = table[at]
    if word & PTE_YOUNG:
        table[at] = word & ~PTE_YOUNG
        if counts:
            page.state &= ~IDLE
            found = 1
    if page.state & YOUNG:
        page.state &= ~YOUNG
        found = 1
    return found


@kernel
def referenced(m, pfn):
    """Number of mappings through which the frame was used since the last call; clears what says so (folio_referenced).

    Adds 1 << 16 when one of them is executable.
    """
    table, page = pte(m), frames(m)[pfn]
    if page.mapcount == 0:
        return 0
    if page.state & ANON:
        return words_referenced(m, pfn) if page.order else _used_through(m, pfn, page.owner, True)
    if page.order:
        return referenced_through(m, pfn)
    found = 0
    region = files(m)[page.slot].first_region
    while region != NONE:
        at = region_word(m, region, page.owner)
        if at != NONE and maps(table[at]) and pte_frame(table[at]) == pfn:
            r = regions(m)[region]
            if _used_through(m, pfn, at, not (fault_settings(m).recency_by_advice and r.advice)):
                found = (found + 1) | (1 << 16 if r.exec else 0)
        region = regions(m)[region].next_of_file
    return found


@kernel
def look_at_words(m, pfn, keep):
    """What the words that map the frame say, bit 0: one is young, bit 1: one is dirty; they keep the bits in `keep`."""
    table, page = pte(m), frames(m)[pfn]
    found, left = 0, page.mapcount
    if page.state & ANON and left:
        if page.order:
            return look_at_folio(m, pfn, keep)
        word = table[page.owner]
        table[page.owner] = keep_bits(word, keep)
        return (1 if word & PTE_YOUNG else 0) | (2 if stored_through(word) else 0)
    if left and page.order:
        return look_at_pages(m, pfn, keep)
    region = files(m)[page.slot].first_region if left else NONE
    while left and region != NONE:
        at = region_word(m, region, page.owner)
        if at != NONE and maps(table[at]) and pte_frame(table[at]) == pfn:
            found |= (1 if table[at] & PTE_YOUNG else 0) | (2 if stored_through(table[at]) else 0)
            table[at] = keep_bits(table[at], keep)
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
def last_mapping_gone(m, pfn):
    """No word maps the frame any more (folio_remove_rmap_ptes)."""
    page = frames(m)[pfn]
    if page.state & ANON:
        mod_state(m, page.memcg, NR_ANON_MAPPED, -1)
        return
    zones(m)[page.zone].nr_mapped -= 1
    mod_state(m, page.memcg, NR_FILE_MAPPED, -1)


@kernel
def unmap(m, pfn, swap_word):
    """Clear every word that maps the frame; an anonymous page leaves `swap_word`. Dirty bits move to the frame.

    In the kernel: try_to_unmap.
    """
    table, page = pte(m), frames(m)[pfn]
    if page.mapcount == 0:
        return
    if page.state & ANON:
        if page.order:
            unmap_folio(m, pfn, swap_word)
            return
        if pte_frame(table[page.owner]) != pfn:
            panic(m, BAD_PTE, pfn)
        if stored_through(table[page.owner]):
            mark_dirty(m, pfn)
        table[page.owner] = swap_word
        drop_entry(m, page.owner)
        page.mapcount = 0
        last_mapping_gone(m, pfn)
        return
    if page.order:
        unmap_pages(m, pfn)
        if page.mapcount:
            panic(m, BAD_PTE, pfn)
        return
    region = files(m)[page.slot].first_region
    while region != NONE:
        at = region_word(m, region, page.owner)
        if at != NONE and maps(table[at]) and pte_frame(table[at]) == pfn:
            if stored_through(table[at]) and files(m)[page.slot].disk != NONE:
                mark_dirty(m, pfn)
            table[at] = 0
            drop_entry(m, at)
            page.mapcount -= 1
        region = regions(m)[region].next_of_file
    if page.mapcount:
        panic(m, BAD_PTE, pfn)
    last_mapping_gone(m, pfn)
