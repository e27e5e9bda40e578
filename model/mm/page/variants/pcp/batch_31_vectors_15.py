"""Per-CPU lists of 4.16 to 4.18: refilled by 31 pages and drained at six times that, as before; page vectors of 15."""

from mmrun.model.mm.page.variants.pcp.batch_31 import HIGH_ORDERS, pcp_drain, pcp_excess, pcp_refill, sizes

SOURCE = "include/linux/pagevec.h; mm/page_alloc.c: zone_batchsize, pageset_set_batch, 4.16"
LRU_BATCH = 15

__all__ = ["HIGH_ORDERS", "LRU_BATCH", "pcp_drain", "pcp_excess", "pcp_refill", "sizes"]
