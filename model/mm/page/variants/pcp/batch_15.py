"""Per-CPU lists of 5.14 to 6.6: by order, high from the low watermark; the more is freed in a row, the more drains.

Each drain doubles the next one's batch, each allocation halves it. Since 5.18 the list just freed to drains first, and
a block of order 1 to 3 freed after others drains everything. Page vectors of 15.
"""

from mmrun.model.core.parameters import parameters
from mmrun.model.mm.page.pcp import COSTLY_ORDER, drain_from, free_pcp_tail
from mmrun.model.mm.page.state import PCP_LISTS, pcps, zones
from mmrun.model.mm.page.variants.pcp.batch_63 import blocks_of, sizes
from mmrun.policy import hook

SOURCE = "mm/page_alloc.c: nr_pcp_free, nr_pcp_high, free_pcppages_bulk, 5.14 to 6.6; include/linux/pagevec.h"
LRU_BATCH = 15
HIGH_ORDERS = True
PARAMS = {
    "list_by_list": (False, "", "a drain empties list by list from the one freed to, and a block of order 1 to 3 drains"
                     " all", "mm/page_alloc: drain the requested list first during bulk free, 5.18"),
}  # fmt: skip

__all__ = ["HIGH_ORDERS", "LRU_BATCH", "sizes"]
params = parameters("pcp", PARAMS, 35)


@hook
def pcp_refill(m, cpu, z, order):
    """A batch in blocks of that order, two at least where lists are not disabled."""
    return blocks_of(pcps(m)[cpu, z].batch, order)


@hook
def pcp_excess(m, cpu, z, order):
    """Beyond high a batch, doubled with every time that nothing was allocated in between (free_count: free_factor)."""
    pcp = pcps(m)[cpu, z]
    if params(m).list_by_list and pcp.free_count and 0 < order <= COSTLY_ORDER:
        return pcp.count
    high = min(pcp.batch << 2, pcp.high) if zones(m)[z].reclaim_active else pcp.high
    if pcp.count < high:
        return 0
    if high < pcp.batch:
        return 1
    wanted, most = pcp.batch << pcp.free_count, high - pcp.batch
    if wanted < most:
        pcp.free_count += 1
    return max(pcp.batch, min(wanted, most))


@hook
def pcp_drain(m, cpu, z, count, index):
    """Before 5.18 all lists in turn from the second on, a block a visit and one more for each empty list passed."""
    if params(m).list_by_list:
        drain_from(m, cpu, z, count, index)
        return 0
    pcp, at = pcps(m)[cpu, z], 0
    while count > 0:
        blocks = 0
        while blocks == 0 or pcp.lists[at].n == 0:
            blocks += 1
            at = (at + 1) % PCP_LISTS
        if blocks == PCP_LISTS:
            blocks = count
        while count > 0 and blocks > 0 and pcp.lists[at].n:
            count -= free_pcp_tail(m, cpu, z, at)
            blocks -= 1
    return 0
