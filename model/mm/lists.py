"""The doubly linked lists of a lruvec, newest at the head; a frame is on at most one.

Under the multi-generational LRU the same calls put pages into generations, which `model.mm.gens` chooses.
"""

from model.jit import frames, kernel, lruvecs
from model.layout import NONE
from model.mm.gens import gen_add, gen_delete
from model.mm.state import ACTIVE, ANON, BAD_LIST, BAD_STATE, LRU


@kernel
def panic(m, why, where):
    """Stop the machine: `why` is a code of `state.BROKEN`, `where` a frame, zone or task number. The first counts."""
    if m.clock.broken == 0:
        m.clock.broken = why
        m.clock.broken_arg = where


@kernel
def list_of(frame_state):
    """Which of the four lists a frame with these state bits belongs on."""
    lru = 0 if frame_state & ANON else 2
    return lru + 1 if frame_state & ACTIVE else lru


@kernel
def lruvec_of(m, memcg, node, zone):
    """Number of the lruvec of a group's pages on a node (or in a zone, while lists are per zone)."""
    return memcg * m.cfg.nr_zones + (zone if m.cfg.zone_lruvecs else m.nodes[node].first_zone)


@kernel
def push_head(m, lv, lru, pfn):
    """Put frame `pfn` at the head of list `lru` of lruvec `lv`."""
    if m.cfg.lru_gen:
        gen_add(m, lv, pfn, False)
        return
    f, lst = frames(m), lruvecs(m)[lv].lists[lru]
    f[pfn].prev, f[pfn].next = NONE, lst.head
    if lst.head == NONE:
        lst.tail = pfn
    else:
        f[lst.head].prev = pfn
    lst.head = pfn
    lst.n += 1
    m.zones[f[pfn].zone].nr_lru[lru] += 1
    f[pfn].state |= LRU


@kernel
def push_tail(m, lv, lru, pfn):
    """Put frame `pfn` at the tail of list `lru` of lruvec `lv`: next in line for reclaim."""
    if m.cfg.lru_gen:
        gen_add(m, lv, pfn, True)
        return
    f, lst = frames(m), lruvecs(m)[lv].lists[lru]
    f[pfn].next, f[pfn].prev = NONE, lst.tail
    if lst.tail == NONE:
        lst.head = pfn
    else:
        f[lst.tail].next = pfn
    lst.tail = pfn
    lst.n += 1
    m.zones[f[pfn].zone].nr_lru[lru] += 1
    f[pfn].state |= LRU


@kernel
def unlink(m, lv, lru, pfn):
    """Take frame `pfn` off list `lru` of lruvec `lv`."""
    f, lst = frames(m), lruvecs(m)[lv].lists[lru]
    if not f[pfn].state & LRU:
        panic(m, BAD_STATE, pfn)
        return
    if m.cfg.lru_gen:
        gen_delete(m, lv, pfn, False)
        return
    before, after = f[pfn].prev, f[pfn].next
    if before == NONE:
        lst.head = after
    else:
        f[before].next = after
    if after == NONE:
        lst.tail = before
    else:
        f[after].prev = before
    lst.n -= 1
    m.zones[f[pfn].zone].nr_lru[lru] -= 1
    if lst.n < 0:
        panic(m, BAD_LIST, lv)
    f[pfn].state &= ~LRU
