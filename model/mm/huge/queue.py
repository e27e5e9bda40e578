"""Folios that wait to be split until memory is short: part of them is unmapped (deferred_split_folio, 4.5).

Since 6.12 every huge page waits from its fault on, to be split if most of it was never written. The links are those of
the folio's third frame, whose `slot` says that it is on a queue.
"""

from mmrun.model.core.jit import kernel
from mmrun.model.core.links import link_tail, unlink_row
from mmrun.model.mm.huge.state import HUGE_ORDER, deferred_queues, folio_sizes, thp_count, thp_settings
from mmrun.model.mm.page.flags import PARTIALLY_MAPPED, SWAPCACHE
from mmrun.model.mm.page.state import frames

LINKS = 2  # the frame of a folio that has the queue's links (page[2].deferred_list)
MIN_ORDER = 2


@kernel
def queue_of(m, pfn):
    """The queue of a folio: its group's (5.4), before its node's (get_deferred_split_queue)."""
    page = frames(m)[pfn]
    return deferred_queues(m)[page.memcg if thp_settings(m).thp_queue_by_group else page.node]


@kernel
def leave_queue(m, pfn):
    """The folio no longer waits to be split, if it did (folio_unqueue_deferred_split)."""
    f = frames(m)
    if f[pfn].order >= MIN_ORDER and f[pfn + LINKS].slot:
        unlink_row(f, queue_of(m, pfn), pfn + LINKS)
        f[pfn + LINKS].slot = 0
    f[pfn].state &= ~PARTIALLY_MAPPED


@kernel
def defer_split(m, pfn, partially_mapped):
    """Put a folio on the queue, if it is not there; a part of it was unmapped, or it was just allocated.

    In the kernel: deferred_split_folio.
    """
    f = frames(m)
    page, links = f[pfn], f[pfn + LINKS]
    if page.order < MIN_ORDER or page.state & SWAPCACHE:
        return
    if partially_mapped and not page.state & PARTIALLY_MAPPED:
        page.state |= PARTIALLY_MAPPED
        folio_sizes(m)[page.order].split_deferred += 1
        thp_count(m).thp_deferred_split_page += 1 if page.order == HUGE_ORDER else 0
    if not links.slot:
        link_tail(f, queue_of(m, pfn), pfn + LINKS)
        links.slot = 1
