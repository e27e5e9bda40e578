"""The doubly linked lists of a lruvec, newest at the head; a frame is on at most one.

Under the double LRU of 3.1 a charged page is on two: its zone's, which is the root group's lruvec, through the frame,
and its group's through a page_cgroup with links of its own. Every move goes through here, so both stay in step.
Under the multi-generational LRU the same calls put pages into generations, which `mmrun.model.mm.lru.gens` chooses.
"""

from mmrun.model.core.codes import BAD_LIST, BAD_STATE
from mmrun.model.core.jit import kernel
from mmrun.model.core.links import link_before, link_head, link_tail, unlink_row
from mmrun.model.core.panic import panic
from mmrun.model.core.record import NONE
from mmrun.model.mm.lru.gens import gen_add, gen_delete, home_of
from mmrun.model.mm.lru.state import lru_settings, lruvecs
from mmrun.model.mm.memcg.memcontrol import note_size
from mmrun.model.mm.memcg.state import page_cgroup
from mmrun.model.mm.page.flags import ACTIVE, ANON, LRU
from mmrun.model.mm.page.folio import nr_pages
from mmrun.model.mm.page.state import frames, zones
from mmrun.model.mm.page.zones import lruvec_of


@kernel
def list_of(frame_state):
    """Which of the four lists a frame with these state bits belongs on."""
    lru = 0 if frame_state & ANON else 2
    return lru + 1 if frame_state & ACTIVE else lru


@kernel
def _group_lruvec(m, pfn):
    """Under the double LRU: number of the lruvec that holds the page through its page_cgroup, NONE for root's pages."""
    page = frames(m)[pfn]
    return lruvec_of(m, page.memcg, page.node, page.zone) if page.memcg else NONE


@kernel
def _count(m, lv, lru, pfn, sign):
    """A list counts pages, though its entries be larger (update_lru_size); the entry itself is counted already."""
    pages = nr_pages(m, pfn)
    lruvecs(m)[lv].lists[lru].n += sign * (pages - 1)
    zones(m)[frames(m)[pfn].zone].nr_lru[lru] += sign * pages


@kernel
def push_head(m, lv, lru, pfn):
    """Put frame `pfn` at the head of list `lru` of lruvec `lv`, and count it there.

    In the kernel: add_page_to_lru_list, today lruvec_add_folio.
    """
    link(m, lv, lru, pfn)
    note_size(m, lv, lru, nr_pages(m, pfn))


@kernel
def link(m, lv, lru, pfn):
    """Put frame `pfn` at the head of list `lru` of lruvec `lv`; under the double LRU, of its zone's and its group's."""
    if lru_settings(m).lru_gen:
        gen_add(m, lv, pfn, False)
        return
    f = frames(m)
    if lru_settings(m).double_lru:
        lv, own = f[pfn].zone, _group_lruvec(m, pfn)
        if own != NONE:
            link_head(page_cgroup(m), lruvecs(m)[own].lists[lru], pfn)
            lruvecs(m)[own].lists[lru].n += nr_pages(m, pfn) - 1
    link_head(f, lruvecs(m)[lv].lists[lru], pfn)
    _count(m, lv, lru, pfn, 1)
    f[pfn].state |= LRU


@kernel
def link_tails(m, lv, pfn, pages):
    """The tails of a folio on a list, which has been split, join it there on the newer side, each on that of the last.

    Nothing is counted: its pages were. In the kernel: lru_add_split_folio.
    """
    f = frames(m)
    if lru_settings(m).lru_gen:
        lst = home_of(m, lv, pfn)
        for tail in range(pfn + 1, pfn + pages):
            link_before(f, lst, tail - 1, tail)
        return
    lru = list_of(f[pfn].state)
    if lru_settings(m).double_lru:
        lv, own = f[pfn].zone, _group_lruvec(m, pfn)
        for tail in range(pfn + 1, pfn + pages if own != NONE else 0):
            link_before(page_cgroup(m), lruvecs(m)[own].lists[lru], tail - 1, tail)
            lruvecs(m)[own].lists[lru].n -= 1
    for tail in range(pfn + 1, pfn + pages):
        link_before(f, lruvecs(m)[lv].lists[lru], tail - 1, tail)
        lruvecs(m)[lv].lists[lru].n -= 1


@kernel
def push_tail(m, lv, lru, pfn):
    """Put frame `pfn` at the tail of list `lru` of lruvec `lv`: next in line for reclaim (lruvec_add_folio_tail)."""
    if lru_settings(m).lru_gen:
        gen_add(m, lv, pfn, True)
        return
    f = frames(m)
    if lru_settings(m).double_lru:
        lv, own = f[pfn].zone, _group_lruvec(m, pfn)
        if own != NONE:
            link_tail(page_cgroup(m), lruvecs(m)[own].lists[lru], pfn)
            lruvecs(m)[own].lists[lru].n += nr_pages(m, pfn) - 1
    link_tail(f, lruvecs(m)[lv].lists[lru], pfn)
    _count(m, lv, lru, pfn, 1)
    f[pfn].state |= LRU
    note_size(m, lv, lru, nr_pages(m, pfn))


@kernel
def unlink(m, lv, lru, pfn):
    """Take frame `pfn` off list `lru` of lruvec `lv`, and count that.

    In the kernel: del_page_from_lru_list, today lruvec_del_folio.
    """
    detach(m, lv, lru, pfn)
    note_size(m, lv, lru, -nr_pages(m, pfn))


@kernel
def detach(m, lv, lru, pfn):
    """Take frame `pfn` off list `lru` of lruvec `lv`, and off its group's under the double LRU."""
    f = frames(m)
    if not f[pfn].state & LRU:
        panic(m, BAD_STATE, pfn)
        return
    if lru_settings(m).lru_gen:
        gen_delete(m, lv, pfn, False)
        return
    if lru_settings(m).double_lru:
        lv, own = f[pfn].zone, _group_lruvec(m, pfn)
        if own != NONE:
            unlink_row(page_cgroup(m), lruvecs(m)[own].lists[lru], pfn)
            lruvecs(m)[own].lists[lru].n -= nr_pages(m, pfn) - 1
    unlink_row(f, lruvecs(m)[lv].lists[lru], pfn)
    _count(m, lv, lru, pfn, -1)
    if lruvecs(m)[lv].lists[lru].n < 0:
        panic(m, BAD_LIST, lv)
    f[pfn].state &= ~LRU
