"""Per-CPU lists as in 5.14 and later, with page vectors of 15 as from 4.16 to 6.8.

4.19 itself sized `high` as six batches; here it follows 5.14, which matters only for how many free pages hide on the
lists.
"""

from mmrun.model.mm.page.variants.pcp.batch_63 import sizes

SOURCE = "include/linux/pagevec.h 4.16 to 6.8; mm/page_alloc.c: zone_batchsize, 5.15"
LRU_BATCH = 15

__all__ = ["LRU_BATCH", "sizes"]
