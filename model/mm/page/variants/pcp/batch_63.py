"""Per-CPU lists since 5.14: batch of 63 pages, high: the low watermark shared among CPUs; folio batches of 31."""

SOURCE = "mm/page_alloc.c: zone_batchsize, zone_highsize; include/linux/pagevec.h (31 since 6.9), 6.18"
LRU_BATCH = 31


def sizes(managed: int, low_wmark: int, node_cpus: int) -> tuple[int, int]:
    """(batch, high) of a zone's per-CPU lists in pages."""
    batch = max(1, min(managed >> 12, 64))
    batch = max(1, (1 << (batch + batch // 2).bit_length() - 1) - 1)
    return batch, max(low_wmark // max(1, node_cpus), 4 * batch)
