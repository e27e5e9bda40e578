"""Per-CPU lists since 5.14, with page vectors of 15 as from 4.16 to 6.8."""

from mmrun.model.mm.page.variants.pcp.batch_63 import sizes

SOURCE = "include/linux/pagevec.h 4.16 to 6.8; mm/page_alloc.c: zone_batchsize, zone_highsize, 5.15"
LRU_BATCH = 15

__all__ = ["LRU_BATCH", "sizes"]
