"""A folio that reclaim wants goes to swap whole, or is split first (add_to_swap in shrink_folio_list, mm/vmscan.c)."""

from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.record import NONE
from mmrun.model.mm.huge.queue import leave_queue
from mmrun.model.mm.huge.split import can_split, split_folio_to
from mmrun.model.mm.huge.state import HUGE_ORDER, folio_sizes, thp_count, thp_settings
from mmrun.model.mm.page.flags import DIRTY, PARTIALLY_MAPPED
from mmrun.model.mm.page.folio import nr_pages
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.reclaim.state import reclaim_settings, scans
from mmrun.model.mm.swap.swap import alloc_slots, join_swapcache
from mmrun.model.mm.task.state import NOBODY

ADDED, REFUSED, SPLIT, GONE = 1, 0, 2, -1


@kernel
def _split(m, s, pfn):
    """Split the folio; its tails come next, and count as scanned then."""
    pages = nr_pages(m, pfn)
    if not split_folio_to(m, pfn, s):
        return REFUSED
    scans(m)[s].nr_scanned -= pages - 1 if reclaim_settings(m).reclaim_counts_pages else 0
    return GONE if frames(m)[pfn].owner == NOBODY else SPLIT


@kernel
def _whole(m, order):
    """Whether folios of this order get slots in a row: huge pages since 4.13, smaller ones since 6.10."""
    return thp_settings(m).thp_swap if order == HUGE_ORDER else thp_settings(m).mthp_swap_whole


@hook
def add_folio_to_swap(m, s, pfn):
    """Put a large folio into the swap cache, or split it: where it is partly unmapped, or no slots are in a row."""
    page = frames(m)[pfn]
    order = int(page.order)
    if not can_split(m, pfn, s):
        return REFUSED
    if page.state & PARTIALLY_MAPPED or not _whole(m, order):
        return _split(m, s, pfn)
    slot = alloc_slots(m, page.memcg, order)
    if slot == NONE:
        done = _split(m, s, pfn)
        if done != REFUSED:
            folio_sizes(m)[order].swpout_fallback += 1
            thp_count(m).thp_swpout_fallback += 1 if order == HUGE_ORDER else 0
        return done
    leave_queue(m, pfn)
    page.state |= DIRTY
    join_swapcache(m, pfn, slot)
    if order == HUGE_ORDER and not thp_settings(m).thp_swap_whole:  # 4.13: split once its slots are there
        _split(m, s, pfn)
    return ADDED
