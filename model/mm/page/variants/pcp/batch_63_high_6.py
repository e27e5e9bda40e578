"""Per-CPU lists of 4.19 to 5.13: batch of 63 pages on large zones, drained at six batches; page vectors of 15."""

from mmrun.model.mm.page.variants.pcp.batch_31 import HIGH_ORDERS, pcp_drain, pcp_excess, pcp_refill

SOURCE = "mm/page_alloc.c: zone_batchsize, pageset_set_batch, 4.19"
LRU_BATCH = 15

__all__ = ["HIGH_ORDERS", "LRU_BATCH", "pcp_drain", "pcp_excess", "pcp_refill", "sizes"]


def sizes(managed: int, low_wmark: int, node_cpus: int) -> tuple[int, int]:
    """(batch, high) of a zone's per-CPU lists in pages; zones of less than 32 MiB come to a high of 0: no lists."""
    batch = max(1, min(managed >> 12, 64))
    batch = (1 << (batch + batch // 2).bit_length() - 1) - 1
    return max(1, batch), 6 * batch
