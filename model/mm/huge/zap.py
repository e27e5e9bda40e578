"""Folios are unmapped, whole or in part (zap_huge_pmd, zap_present_folio_ptes, folio_remove_rmap_ptes)."""

from mmrun.model.core.jit import hook, kernel
from mmrun.model.mm.huge.map import free_table
from mmrun.model.mm.huge.queue import defer_split, leave_queue
from mmrun.model.mm.huge.split import split_folio
from mmrun.model.mm.huge.state import HUGE_PAGES, thp_settings
from mmrun.model.mm.limits.exit import free_anon
from mmrun.model.mm.lru.rmap_folio import is_huge_mapped, maps, split_pmd, unmark
from mmrun.model.mm.memcg.memcontrol import mod_state
from mmrun.model.mm.memcg.stats import NR_ANON_MAPPED
from mmrun.model.mm.page.flags import SWAPCACHE
from mmrun.model.mm.page.folio import nr_pages
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.task.state import NOBODY, PTE_SHIFT, pte


@kernel
def _named(m, pfn):
    """Whether some page-table word names a slot of the folio, which is in the swap cache."""
    page = frames(m)[pfn]
    if not page.state & SWAPCACHE or page.owner == NOBODY:
        return False
    i = nr_pages(m, pfn) - 1
    while i >= 0 and pte(m)[page.owner + i] != page.slot + i << PTE_SHIFT:
        i -= 1
    return i >= 0


@kernel
def _put(m, pfn):
    if frames(m)[pfn].mapcount == 0 and not _named(m, pfn):
        leave_queue(m, pfn)
        free_anon(m, pfn)


@hook
def put_folio(m, pfn):
    """A word let go of the folio: without another it is freed, or stays until whoever has it in hand is done."""
    _put(m, pfn)
    return 0


@hook
def zap_folio(m, pfn, at, end):
    """Unmap the pages of a folio that words [at, end) map, up to the first word that maps another; how many.

    What is left of it waits to be split. To 4.4 a folio is split before a part of it goes: 0 then.
    """
    table, page, upto = pte(m), frames(m)[pfn], at
    while upto < end and upto < page.owner + nr_pages(m, pfn) and maps(m, pfn, upto):
        upto += 1
    gone, partly = upto - at, upto - at < page.mapcount
    huge = is_huge_mapped(m, at)
    if partly and not thp_settings(m).thp_pmd_alone and split_folio(m, pfn):
        return 0
    if huge and partly:
        split_pmd(m, pfn, at)
    elif huge:
        unmark(m, pfn, at)
    for word in range(at, upto):
        table[word] = 0
    page.mapcount -= gone
    mod_state(m, page.memcg, NR_ANON_MAPPED, -gone)
    if huge and gone == HUGE_PAGES:
        free_table(m, at)
    if partly:
        defer_split(m, pfn, True)
    else:
        _put(m, pfn)
    return gone
