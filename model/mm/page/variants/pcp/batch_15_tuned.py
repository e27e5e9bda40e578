"""Per-CPU lists of 6.7 and 6.8: high tunes itself as today; page vectors of 15 as from 4.16 on."""

from mmrun.model.mm.page.variants.pcp.batch_63 import HIGH_ORDERS, high_max, pcp_drain, pcp_excess, pcp_refill, sizes

SOURCE = "mm: tune PCP high automatically, 6.7; include/linux/pagevec.h 4.16 to 6.8"
LRU_BATCH = 15

__all__ = ["HIGH_ORDERS", "LRU_BATCH", "high_max", "pcp_drain", "pcp_excess", "pcp_refill", "sizes"]
