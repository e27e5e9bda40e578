"""Physical memory: what can be set and read."""

from typing import Literal

from mmrun.model.core.mechanism import Axis, counters
from mmrun.model.rules.record import Record, record
from mmrun.model.units import Nanoseconds

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


@record
class Sysctl(Record):
    """Settings under /proc/sys/vm."""

    min_free_kbytes: int | None = None
    """Total of the zones' min watermarks; default isqrt(16 * lowmem kB), within bounds by version."""
    watermark_scale_factor: int | None = None
    """Distance between watermarks in 1/10000 of the zone; default 10. Not before 4.6."""
    numa_zonelist_order: Literal["default", "node", "zone"] | None = None
    """Order of fallback zones; `zone` exists before 4.14 only."""


@record
class Costs(Record):
    """CPU time of its steps."""

    buddy: Nanoseconds = 50
    """One visit to the buddy allocator under the zone lock (estimate)."""
