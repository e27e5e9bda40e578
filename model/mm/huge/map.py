"""Folios and the page-table words that map them, as faults put them in place (set_pmd_at, set_ptes).

`is_huge_mapped` and `split_pmd` stand in mm/lru/rmap_folio.py, for reclaim splits entries, too.
"""

from mmrun.model.core.jit import caller, kernel
from mmrun.model.core.record import NONE
from mmrun.model.mm.huge.state import HUGE_PAGES
from mmrun.model.mm.lru.rmap_folio import TABLE_SHIFT, mark
from mmrun.model.mm.memcg.memcontrol import charge_kmem, mod_state, uncharge_pages
from mmrun.model.mm.memcg.stats import NR_ANON_MAPPED, NR_PAGETABLE
from mmrun.model.mm.page.flags import PAGE_TABLE
from mmrun.model.mm.page.folio import free_folio, nr_pages
from mmrun.model.mm.page.gfp import GFP_KERNEL
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.task.state import PTE_DIRTY, PTE_PRESENT, PTE_SHIFT, PTE_YOUNG, pte, ptpage

kernel_frame = caller("kernel_frame")


@kernel
def ensure_table(m, t, at):
    """The page-table page for word `at` exists; 0 when there is no memory for it (__pte_alloc)."""
    table = ptpage(m)
    if table[at >> TABLE_SHIFT]:
        return 1
    pfn = kernel_frame(m, t, GFP_KERNEL)
    if pfn == NONE:
        return 0
    table[at >> TABLE_SHIFT] = pfn + 1
    frames(m)[pfn].kind = PAGE_TABLE
    mod_state(m, frames(m)[pfn].memcg, NR_PAGETABLE, 1)
    return 1


@kernel
def map_folio(m, pfn, first, at, write):
    """Point page-table words from `first` on at the pages of a folio of theirs alone, all young, `at` dirty if written.

    The kernel calls the others dirty, too, for they are not in swap: here the bit tells whether they were ever written.
    """
    table, page, pages = pte(m), frames(m)[pfn], nr_pages(m, pfn)
    for i in range(pages):
        table[first + i] = (pfn + i) << PTE_SHIFT | PTE_PRESENT | PTE_YOUNG
    table[at] |= PTE_DIRTY if write else 0
    page.owner, page.mapcount = first, pages
    mod_state(m, page.memcg, NR_ANON_MAPPED, pages)


@kernel
def map_huge(m, t, at, pfn, write):
    """Map a huge page by one entry around word `at` of task `t`, whose leaf table is there (set_pmd_at)."""
    first = at - at % HUGE_PAGES
    map_folio(m, pfn, first, at, write)
    mark(m, pfn, first)


@kernel
def free_table(m, at):
    """Give the leaf table of word `at`, which maps nothing, back (zap_deposited_table)."""
    pfn = ptpage(m)[at >> TABLE_SHIFT] - 1
    ptpage(m)[at >> TABLE_SHIFT] = 0
    memcg = frames(m)[pfn].memcg
    mod_state(m, memcg, NR_PAGETABLE, -1)
    charge_kmem(m, memcg, -1)
    uncharge_pages(m, memcg, 1)
    free_folio(m, pfn)
