"""From a large anonymous folio to the page-table words that map its pages, which stand in a row (mm/rmap.c).

A huge page may be mapped by one entry of the table above the leaf tables (PMD). Its 512 words are filled all the same,
so that accesses need not ask; a mark says that they are one: referenced once, dirty together, split before one changes.
"""

from mmrun.model.core.jit import kernel, rare
from mmrun.model.machine.state import run_settings
from mmrun.model.mm.huge.state import huge_marks, nr_anon_thps, thp_count, thp_settings
from mmrun.model.mm.memcg.memcontrol import mod_state
from mmrun.model.mm.memcg.stats import NR_ANON_MAPPED
from mmrun.model.mm.page.flags import DIRTY, IDLE, RECLAIM, YOUNG
from mmrun.model.mm.page.folio import nr_pages
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.task.state import PTE_DIRTY, PTE_FRAME, PTE_PRESENT, PTE_SHIFT, PTE_YOUNG, pte, tlb
from mmrun.model.mm.task.words import is_hint, keep_bits, stored_through
from mmrun.model.mm.tlb.state import tlb_settings
from mmrun.model.mm.tlb.translate import flush_words, invalidate

TABLE_SHIFT = 9


@kernel
def pte_frame(word):
    """The frame a present page-table word points to."""
    return (word >> PTE_SHIFT) & PTE_FRAME


@rare
@kernel
def _drop_entry(m, at):
    if run_settings(m).tlb_flush:
        tlb(m)[at] = 0
    if tlb_settings(m).translates:
        invalidate(m, at)


@kernel
def drop_entry(m, at):
    """Drop the TLB's entry for page-table word `at` (flush_tlb_page)."""
    if run_settings(m).tlb_flush or tlb_settings(m).translates:
        _drop_entry(m, at)


@kernel
def mark_dirty(m, pfn):
    """Stores through a mapping made the page dirty: nobody needs it to leave any more (folio_mark_dirty).

    What write() makes dirty keeps its mark: file systems do that through their buffers.
    """
    frames(m)[pfn].state = (frames(m)[pfn].state & ~RECLAIM) | DIRTY


@kernel
def is_huge_mapped(m, at):
    """Whether word `at` is one of 512 that stand for one entry of a huge page (pmd_trans_huge)."""
    return huge_marks(m)[at >> TABLE_SHIFT]


@kernel
def maps(m, pfn, at):
    """Whether word `at` maps the page of folio `pfn` that belongs there."""
    word, page = pte(m)[at], frames(m)[pfn]
    return (word & PTE_PRESENT or is_hint(word)) and pte_frame(word) - pfn == at - page.owner


@kernel
def mark(m, pfn, at):
    """The words of a huge page are one entry."""
    huge_marks(m)[at >> TABLE_SHIFT] = 1
    nr_anon_thps(m)[frames(m)[pfn].node] += 1


@kernel
def unmark(m, pfn, at):
    """The words of a huge page are no longer one entry."""
    huge_marks(m)[at >> TABLE_SHIFT] = 0
    nr_anon_thps(m)[frames(m)[pfn].node] -= 1


@kernel
def split_pmd(m, pfn, at):
    """The entry that maps huge page `pfn` around word `at` becomes 512 words, all as young as it was (4.5).

    In the kernel: __split_huge_pmd_locked, which moves the deposited table into place.
    """
    unmark(m, pfn, at)
    thp_count(m).thp_split_pmd += 1
    m.now += thp_settings(m).split_pmd
    table, first = pte(m), at >> TABLE_SHIFT << TABLE_SHIFT
    if tlb_settings(m).translates:
        flush_words(m, first, first + (1 << TABLE_SHIFT))
    bits = 0
    for word in range(first, first + (1 << TABLE_SHIFT)):
        bits |= table[word] & (PTE_YOUNG | PTE_DIRTY) if table[word] & PTE_PRESENT else 0
    for word in range(first, first + (1 << TABLE_SHIFT)):
        table[word] |= bits if table[word] & PTE_PRESENT else 0


@rare
@kernel
def words_referenced(m, pfn):
    """Whether a word that maps the folio is young, which then is none any more; a bit that a scanner took is as good.

    However many are: they belong to one mapping, and mappings are what reclaim counts (folio_referenced_one).
    """
    table, page, found = pte(m), frames(m)[pfn], 0
    for at in range(page.owner, page.owner + nr_pages(m, pfn)):
        if table[at] & PTE_YOUNG and maps(m, pfn, at):
            table[at] &= ~PTE_YOUNG
            found = 1
    if found:
        page.state &= ~IDLE
    if page.state & YOUNG:
        page.state &= ~YOUNG
        found = 1
    return found


@rare
@kernel
def look_at_folio(m, pfn, keep):
    """What the words that map the folio say, bit 0: one is young, bit 1: one is dirty; they keep the bits in `keep`."""
    table, page, found = pte(m), frames(m)[pfn], 0
    for at in range(page.owner, page.owner + nr_pages(m, pfn)):
        if maps(m, pfn, at):
            found |= (1 if table[at] & PTE_YOUNG else 0) | (2 if stored_through(table[at]) else 0)
            table[at] = keep_bits(table[at], keep)
    return found


@rare
@kernel
def unmap_folio(m, pfn, word):
    """Clear every word that maps the folio; the first page leaves `word` in place of its own, each next one the next.

    In the kernel: try_to_unmap, with TTU_SPLIT_HUGE_PMD.
    """
    table, page = pte(m), frames(m)[pfn]
    if is_huge_mapped(m, page.owner):
        split_pmd(m, pfn, page.owner)
    for at in range(page.owner, page.owner + nr_pages(m, pfn)):
        if maps(m, pfn, at):
            if stored_through(table[at]):
                mark_dirty(m, pfn)
            table[at] = word + (at - page.owner << PTE_SHIFT)
            drop_entry(m, at)
    mod_state(m, page.memcg, NR_ANON_MAPPED, -page.mapcount)
    page.mapcount = 0
