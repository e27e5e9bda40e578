"""The shrinker of folios that wait to be split (deferred_split_scan of mm/huge_memory.c)."""

from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.links import link_tail, unlink_row
from mmrun.model.core.record import NONE
from mmrun.model.machine.state import geometry
from mmrun.model.mm.huge.queue import LINKS
from mmrun.model.mm.huge.split import NOT_RECLAIM, can_split, split_folio
from mmrun.model.mm.huge.state import (
    HUGE_PAGES,
    deferred_queues,
    deferred_work,
    thp_count,
    thp_settings,
)
from mmrun.model.mm.lru.rmap_folio import is_huge_mapped
from mmrun.model.mm.memcg.memcontrol import mod_state
from mmrun.model.mm.memcg.stats import NR_ANON_MAPPED
from mmrun.model.mm.page.flags import PARTIALLY_MAPPED
from mmrun.model.mm.page.folio import nr_pages
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.reclaim.state import scans
from mmrun.model.mm.task.state import PTE_DIRTY, pte

BATCH, SEEKS = 128, 2  # SHRINK_BATCH, DEFAULT_SEEKS


@kernel
def underused(m, pfn):
    """Whether more pages of a huge page than max_ptes_none were never written (thp_underused)."""
    page, most, unwritten = frames(m)[pfn], thp_settings(m).max_ptes_none, 0
    if most >= HUGE_PAGES - 1 or nr_pages(m, pfn) < HUGE_PAGES or not is_huge_mapped(m, page.owner):
        return False
    for at in range(page.owner, page.owner + HUGE_PAGES):
        unwritten += 0 if pte(m)[at] & PTE_DIRTY else 1
    return unwritten > most


@kernel
def _split_underused(m, pfn):
    """Split a huge page; what was never written goes, its next touch finds zeros (try_to_map_unused_to_zeropage)."""
    page = frames(m)[pfn]
    if not can_split(m, pfn, NOT_RECLAIM):
        return 0
    first, gone, unwritten = page.owner, 0, pte(m)
    for at in range(first, first + HUGE_PAGES):
        if not unwritten[at] & PTE_DIRTY:
            unwritten[at] = 0
            gone += 1
    page.mapcount -= gone
    mod_state(m, page.memcg, NR_ANON_MAPPED, -gone)
    thp_count(m).thp_underused_split_page += 1
    return split_folio(m, pfn)


@kernel
def _take(m, queue, count):
    """Take up to `count` folios off the queue: the last taken first, each linked to the one before it; NONE ends."""
    f, newest = frames(m), NONE
    for _ in range(min(count, queue.n)):
        row = queue.head
        unlink_row(f, queue, row)
        f[row].next = newest
        newest = row
    return newest


@kernel
def scan_queue(m, queue, count):
    """Split what can be split of the first `count` folios that wait; those that cannot go to the end of the queue.

    One that is used and mapped whole leaves the queue. Folios split.
    """
    f, done, row = frames(m), 0, _take(m, queue, count)
    while row != NONE:
        following, pfn = f[row].next, row - LINKS
        partial = f[pfn].state & PARTIALLY_MAPPED
        link_tail(f, queue, row)  # split_folio takes it off
        if partial:
            done += split_folio(m, pfn)
        elif underused(m, pfn) and _split_underused(m, pfn):
            done += 1
        else:
            unlink_row(f, queue, row)
            f[row].slot = 0
        row = following
    return done


@hook
def shrink_deferred(m, s, group):
    """Ask the queue of the group (of the node, to 5.3) as reclaim's priority says (do_shrink_slab)."""
    sc = scans(m)[s]
    by_group = thp_settings(m).thp_queue_by_group
    if not by_group and group:
        return 0
    queue = deferred_queues(m)[group if by_group else sc.node]
    waiting, at = queue.n, sc.node * geometry(m).nr_memcgs + group
    if waiting == 0:
        return 0
    put_off, split = deferred_work(m)[at], 0
    delta = (waiting >> sc.priority) * 4 // SEEKS
    total, scanned = min((put_off >> sc.priority) + delta, 2 * waiting), 0
    while total >= BATCH or total >= waiting:
        nr = min(BATCH, total)
        got = scan_queue(m, queue, nr)
        if got == 0 and queue.n == 0:
            break
        split += got
        total -= nr
        scanned += nr
    deferred_work(m)[at] = min(max(put_off + delta - scanned, 0), 2 * waiting)
    return split
