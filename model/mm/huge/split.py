"""A folio is split into single pages (split_huge_page_to_list of mm/huge_memory.c)."""

from mmrun.model.core.jit import kernel
from mmrun.model.core.links import link_tail
from mmrun.model.mm.huge.queue import leave_queue
from mmrun.model.mm.huge.state import HUGE_ORDER, HUGE_PAGES, folio_sizes, thp_count, thp_settings
from mmrun.model.mm.lru.lists import link_tails, list_of, unlink
from mmrun.model.mm.lru.lru import lruvec_of_frame
from mmrun.model.mm.lru.rmap_folio import is_huge_mapped, maps, split_pmd
from mmrun.model.mm.memcg.memcontrol import stat_updated, uncharge
from mmrun.model.mm.memcg.victims import page_event
from mmrun.model.mm.page.flags import (
    ANON_PAGE,
    ISOLATED,
    LOCKED,
    LRU,
    QUEUED,
    SWAPCACHE,
    WRITEBACK,
)
from mmrun.model.mm.page.folio import free_folio
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.reclaim.state import scans
from mmrun.model.mm.swap.swap import free_slot, leave_swapcache
from mmrun.model.mm.task.state import NOBODY, PTE_SHIFT, pte

NOT_RECLAIM = -1  # in place of a scan control: the folio is on its list


@kernel
def can_split(m, pfn, s):
    """Whether nobody but its mappings, the swap cache and scan control `s` holds the folio (can_split_folio)."""
    page = frames(m)[pfn]
    held = QUEUED | LOCKED | WRITEBACK if s != NOT_RECLAIM else QUEUED | LOCKED | WRITEBACK | ISOLATED
    return page.pins == 0 and not page.state & held and page.state & (LRU | ISOLATED) != 0


@kernel
def _make_single(m, pfn, i, first, state, mapped):
    """Page `i` of a folio is a folio of its own, with the flags that the whole had."""
    head, page = frames(m)[pfn], frames(m)[pfn + i]
    page.state, page.kind, page.order, page.memcg, page.pins = state, ANON_PAGE, 0, head.memcg, 0
    page.owner, page.mapcount = NOBODY if first == NOBODY else first + i, mapped
    page.slot = head.slot + i if state & SWAPCACHE else 0


@kernel
def _unused(m, pfn):
    """Whether no page-table word maps a page or names its slot."""
    page = frames(m)[pfn]
    if page.mapcount:
        return False
    return page.owner == NOBODY or not page.state & SWAPCACHE or pte(m)[page.owner] != page.slot << PTE_SHIFT


@kernel
def _drop(m, pfn):
    """Free a page of the split folio that nobody needs any more; one that reclaim holds waits until it is put back."""
    page = frames(m)[pfn]
    if page.state & SWAPCACHE:
        leave_swapcache(m, pfn)
        free_slot(m, page.slot - 1)
        page.slot, page.state = 0, page.state & ~SWAPCACHE
    if page.state & ISOLATED:
        page.owner = NOBODY
        return
    unlink(m, lruvec_of_frame(m, pfn), list_of(page.state), pfn)
    stat_updated(m, page.memcg, 1)
    uncharge(m, page.memcg, 1)
    page_event(m, page.memcg, page.zone, 1)
    free_folio(m, pfn)


@kernel
def _mapped_pages(m, pfn, pages):
    """Map counts that the pages of a folio will have, in their own rows; its own count is taken apart."""
    f, first = frames(m), frames(m)[pfn].owner
    for i in range(pages - 1, -1, -1):
        f[pfn + i].mapcount = 1 if first != NOBODY and maps(m, pfn, first + i) else 0


@kernel
def split_folio_to(m, pfn, s):
    """Split a folio; 1 when it is. Its tails go to the list it is on, or, isolated, behind it in scan control `s`.

    Pages that nobody maps are freed. In the kernel: split_huge_page_to_list.
    """
    f, page = frames(m), frames(m)[pfn]
    order, pages, first = int(page.order), 1 << int(page.order), page.owner
    size = folio_sizes(m)[order]
    if not can_split(m, pfn, s):
        size.split_failed += 1
        thp_count(m).thp_split_page_failed += 1 if order == HUGE_ORDER else 0
        return 0
    if first != NOBODY and is_huge_mapped(m, first):
        split_pmd(m, pfn, first)
    leave_queue(m, pfn)
    _mapped_pages(m, pfn, pages)
    state = page.state
    lv = lruvec_of_frame(m, pfn)
    for i in range(1, pages):
        _make_single(m, pfn, i, first, state, f[pfn + i].mapcount)
    page.order = 0
    if state & LRU:
        link_tails(m, lv, pfn, pages)
    else:
        for i in range(1, pages):
            link_tail(f, scans(m)[s].tails, pfn + i)
    for i in range(pages):
        if _unused(m, pfn + i):
            _drop(m, pfn + i)
    m.now += thp_settings(m).split_huge_page * pages // HUGE_PAGES
    size.split += 1
    thp_count(m).thp_split_page += 1 if order == HUGE_ORDER else 0
    return 1


@kernel
def split_folio(m, pfn):
    """Split a folio that is on its list; 1 when it is."""
    return split_folio_to(m, pfn, NOT_RECLAIM)
