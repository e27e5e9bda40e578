"""Physical memory: what can be set and read."""

from mmrun.model.core.mechanism import Axis, counters

AXES = (
    Axis("watermarks", 4, "free-page levels at which reclaim starts and stops", ("MIN_FREE_CEILING_KB", "gap")),
    Axis("zonelist", 5, "order in which zones are tried when one is full", ("ZONE_ORDER", "charge", "weight")),
    Axis("pcp", 6, "sizes of the per-CPU free lists and page batches", ("LRU_BATCH", "sizes")),
)

ALLOC_COUNTERS = counters("""
pgalloc | none | pages handed out by the allocator
pgfree | none | pages given back to the allocator
""")

COUNTERS = ALLOC_COUNTERS  # of the machine
