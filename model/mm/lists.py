"""The doubly linked lists of a lruvec, newest at the head; a frame is on at most one.

Under the double LRU of 3.1 a charged page is on two: its zone's, which is the root group's lruvec, through the frame,
and its group's through a page_cgroup with links of its own. Every move goes through here, so both stay in step.
Under the multi-generational LRU the same calls put pages into generations, which `model.mm.gens` chooses.
"""

from model.core.record import NONE
from model.jit import kernel
from model.mm.gens import gen_add, gen_delete
from model.mm.links import link_head, link_tail, unlink_row
from model.mm.state import ACTIVE, ANON, BAD_LIST, BAD_STATE, LRU
from model.state.lru import lru_settings, lruvecs
from model.state.machine import geometry, nodes
from model.state.memcg import page_cgroup
from model.state.page import frames, zones


@kernel
def panic(m, why, where):
    """Stop the machine: `why` is a code of `state.BROKEN`, `where` a frame, zone or task number. The first counts."""
    if m.broken == 0:
        m.broken = why
        m.broken_arg = where


@kernel
def list_of(frame_state):
    """Which of the four lists a frame with these state bits belongs on."""
    lru = 0 if frame_state & ANON else 2
    return lru + 1 if frame_state & ACTIVE else lru


@kernel
def lruvec_of(m, memcg, node, zone):
    """Number of the lruvec of a group's pages on a node (or in a zone, while lists are per zone)."""
    return memcg * geometry(m).nr_zones + (zone if lru_settings(m).zone_lruvecs else nodes(m)[node].first_zone)


@kernel
def _group_lruvec(m, pfn):
    """Under the double LRU: number of the lruvec that holds the page through its page_cgroup, NONE for root's pages."""
    page = frames(m)[pfn]
    return lruvec_of(m, page.memcg, page.node, page.zone) if page.memcg else NONE


@kernel
def push_head(m, lv, lru, pfn):
    """Put frame `pfn` at the head of list `lru` of lruvec `lv`; under the double LRU, of its zone's and its group's."""
    if lru_settings(m).lru_gen:
        gen_add(m, lv, pfn, False)
        return
    f = frames(m)
    if lru_settings(m).double_lru:
        lv, own = f[pfn].zone, _group_lruvec(m, pfn)
        if own != NONE:
            link_head(page_cgroup(m), lruvecs(m)[own].lists[lru], pfn)
    link_head(f, lruvecs(m)[lv].lists[lru], pfn)
    zones(m)[f[pfn].zone].nr_lru[lru] += 1
    f[pfn].state |= LRU


@kernel
def push_tail(m, lv, lru, pfn):
    """Put frame `pfn` at the tail of list `lru` of lruvec `lv`: next in line for reclaim."""
    if lru_settings(m).lru_gen:
        gen_add(m, lv, pfn, True)
        return
    f = frames(m)
    if lru_settings(m).double_lru:
        lv, own = f[pfn].zone, _group_lruvec(m, pfn)
        if own != NONE:
            link_tail(page_cgroup(m), lruvecs(m)[own].lists[lru], pfn)
    link_tail(f, lruvecs(m)[lv].lists[lru], pfn)
    zones(m)[f[pfn].zone].nr_lru[lru] += 1
    f[pfn].state |= LRU


@kernel
def unlink(m, lv, lru, pfn):
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
    unlink_row(f, lruvecs(m)[lv].lists[lru], pfn)
    zones(m)[f[pfn].zone].nr_lru[lru] -= 1
    if lruvecs(m)[lv].lists[lru].n < 0:
        panic(m, BAD_LIST, lv)
    f[pfn].state &= ~LRU
