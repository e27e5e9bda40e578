"""Per-CPU lists of 3.1: batch of 31 pages on large zones, refilled at 0, drained at 6 batches; page vectors of 14."""

SOURCE = "mm/page_alloc.c: zone_batchsize, setup_pageset; include/linux/pagevec.h, 3.1"
LRU_BATCH = 14


def sizes(managed: int, low_wmark: int, node_cpus: int) -> tuple[int, int]:
    """(batch, high) of a zone's per-CPU lists in pages."""
    batch = max(1, min(managed // 1024, 128) // 4)
    batch = (1 << (batch + batch // 2).bit_length() - 1) - 1
    return max(1, batch), 6 * batch
