"""Per-CPU lists of 4.19 to 5.13: batch of 63 pages on large zones, drained at six batches; page vectors of 15."""

from mmrun.model.mm.page.variants.pcp import batch_63

SOURCE = "mm/page_alloc.c: zone_batchsize, pageset_set_batch, 4.19"
LRU_BATCH = 15


def sizes(managed: int, low_wmark: int, node_cpus: int) -> tuple[int, int]:
    """(batch, high) of a zone's per-CPU lists in pages."""
    batch, _ = batch_63.sizes(managed, low_wmark, node_cpus)
    return batch, 6 * batch
