"""Per-CPU lists of 3.1: batch of 31 pages on large zones, refilled at 0, drained at 6 batches; page vectors of 14."""

from mmrun.model.mm.page.pcp import PCPTYPES, free_pcp_tail
from mmrun.model.mm.page.state import pcp_settings, pcps
from mmrun.policy import hook

SOURCE = "mm/page_alloc.c: zone_batchsize, setup_pageset, free_pcppages_bulk; include/linux/pagevec.h, 3.1"
LRU_BATCH = 14
HIGH_ORDERS = False


def sizes(managed: int, low_wmark: int, node_cpus: int) -> tuple[int, int]:
    """(batch, high) of a zone's per-CPU lists in pages; zones of less than 32 MiB come to a high of 0: no lists."""
    batch = max(1, min(managed // 1024, 128) // 4)
    batch = (1 << (batch + batch // 2).bit_length() - 1) - 1
    return max(1, batch), 6 * batch


@hook
def pcp_refill(m, cpu, z, order):
    """A batch."""
    return pcps(m)[cpu, z].batch


@hook
def pcp_excess(m, cpu, z, order):
    """A batch from the high mark on."""
    return pcps(m)[cpu, z].batch if pcps(m)[cpu, z].count >= pcps(m)[cpu, z].high else 0


@hook
def pcp_drain(m, cpu, z, count, index):
    """The three lists in turn from the second on, a page a visit and one more for each empty list just passed.

    The only list that has any gives all the rest. To 4.3 the second was that of reclaimable pages.
    """
    pcp, at, step = pcps(m)[cpu, z], 0, 2 if pcp_settings(m).reclaimable_first else 1
    while count > 0:
        pages = 0
        while pages == 0 or pcp.lists[at].n == 0:
            pages += 1
            at = (at + step) % PCPTYPES
        if pages == PCPTYPES:
            pages = count
        while count > 0 and pages > 0 and pcp.lists[at].n:
            count -= free_pcp_tail(m, cpu, z, at)
            pages -= 1
    return 0
