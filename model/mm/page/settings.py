"""Physical memory: what can be set and read."""

from typing import Literal

from mmrun.model.core.mechanism import Axis, Subject, Told, counters
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

ZONE_GAUGES = counters("""
nr_free_pages | higher | free pages, those on per-CPU lists included, when the run ends
nr_page_table_pages | none | page-table pages when the run ends
""")
NODE_GAUGES = counters("""
nr_free_pages | higher | free pages, those on per-CPU lists included, when the run ends
nr_file_pages | none | page-cache pages on the node when the run ends
nr_mapped | none | page-cache pages of the node that are mapped when the run ends
nr_dirty | none | dirty file pages on the node when the run ends
nr_writeback | none | pages of the node being written when the run ends
""")
WATERMARKS = counters("""
watermark_min | none | free pages that only urgent allocations may take, over all zones | pages
watermark_low | none | free pages below which kswapd is woken, over all zones | pages
watermark_high | none | free pages at which kswapd rests, over all zones | pages
""")
TOLD = (
    Told("machine", WATERMARKS),
    Told("machine", ZONE_GAUGES, sampled=True),
    Told("node", NODE_GAUGES, sampled=True),
)


@record
class Sysctl(Record):
    """Settings under /proc/sys/vm."""

    min_free_kbytes: int | None = None
    """Total of the zones' min watermarks; default isqrt(16 * lowmem kB), within bounds by version.
    transparent_hugepage may raise the default, not what is set here."""
    watermark_scale_factor: int | None = None
    """Distance between watermarks in 1/10000 of the zone; default 10. Not before 4.6."""
    transparent_hugepage: Literal["always", "madvise", "never"] | None = None
    """/sys/kernel/mm/transparent_hugepage/enabled: anonymous memory is in huge pages everywhere, where a region has
    `advice: hugepage`, or nowhere. Both also raise the default of min_free_kbytes as khugepaged does. Default never:
    not built into a default kernel."""
    numa_zonelist_order: Literal["default", "node", "zone"] | None = None
    """Order of fallback zones; `zone` exists before 4.14 only."""


@record
class Costs(Record):
    """CPU time of its steps."""

    buddy: Nanoseconds = 50
    """One visit to the buddy allocator under the zone lock (estimate)."""


SUBJECTS = (
    Subject(
        "cma",
        "Contiguous memory areas are not modelled: no area is set aside, no stream asks for adjacent pages, and as "
        "pages never migrate, those pinned for a moment are in nobody's way.",
        (),
        ("contiguous memory", "contiguous memory allocator", "cma_alloc", "alloc_contig_range", "dma_alloc_contiguous"),
    ),
    Subject(
        "watermark_boost_factor",
        "Not modelled: boosts follow from fragmentation, and all pages are of order 0 here.",
        ("watermark_scale_factor", "min_free_kbytes", "watermarks"),
        ("vm.watermark_boost_factor", "watermark boost"),
    ),
    Subject(
        "memory hotplug",
        "Not modelled: nodes have the memory they start with, and pages of it never go bad.",
        (),
        ("hotplug", "hwpoison", "memory failure", "ballooning", "balloon"),
    ),
    Subject(
        "lowmem_reserve_ratio",
        "What higher zones may take of lower ones has the kernel's default ratios; it cannot be set.",
        ("watermarks",),
        ("vm.lowmem_reserve_ratio",),
    ),
)
