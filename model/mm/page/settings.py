"""Physical memory: what can be set and read."""

from collections.abc import Iterator
from typing import Annotated, Literal

from mmrun.model.core.mechanism import NO_FRAME, Axis, Subject, Told, counters, hooks
from mmrun.model.rules.bounds import Range
from mmrun.model.rules.record import Fault, Record, record
from mmrun.model.units import Nanoseconds

NodeNumber = Annotated[int, Range(ge=0)]
AXES = (
    Axis("watermarks", 4, "free-page levels at which reclaim starts and stops", ("MIN_FREE_CEILING_KB", "gap")),
    Axis("zonelist", 5, "order in which zones are tried when one is full", ("ZONE_ORDER", "charge", "weight")),
    Axis("fallback", 16, "from which pageblocks memory comes when none of the wanted type is free"),
    Axis("pcp", 6, "sizes of the per-CPU free lists and page batches", ("HIGH_ORDERS", "LRU_BATCH", "sizes")),
)

ALLOC_COUNTERS = counters("""
pgalloc | none | pages handed out by the allocator
pgfree | none | pages given back to the allocator
mm_page_alloc_extfrag | lower | blocks taken from pageblocks of another type | events
extfrag_fragmenting | lower | of these, blocks smaller than a pageblock | events
""")

COUNTERS = ALLOC_COUNTERS  # of the machine

ZONE_GAUGES = counters("""
nr_free_pages | higher | free pages, those on per-CPU lists included, when the run ends
nr_page_table_pages | none | page-table pages when the run ends
nr_free_cma | higher | free pages in contiguous memory areas, those on per-CPU lists not included, when the run ends
""")
NODE_GAUGES = counters("""
nr_free_pages | higher | free pages, those on per-CPU lists included, when the run ends
nr_file_pages | none | page-cache pages on the node when the run ends
nr_mapped | none | page-cache pages of the node that are mapped when the run ends
nr_dirty | none | dirty file pages on the node when the run ends
nr_writeback | none | pages of the node being written when the run ends
nr_free_pages_blocks | higher | free pages of the node that make up whole pageblocks when the run ends
unusable_index_order9 | lower | thousandths of the node's free pages that are in no free block of 2 MiB or more | 1
""")
WATERMARKS = counters("""
watermark_min | none | free pages that only urgent allocations may take, over all zones | pages
watermark_low | none | free pages below which kswapd is woken, over all zones | pages
watermark_high | none | free pages at which kswapd rests, over all zones | pages
watermark_boost | none | pages by which fallbacks have raised all three when the run ends, over all zones | pages
""")
MAP_GAUGES = counters("""
state | none | what a part of memory is: migratetype and pages by use, packed (model/mm/page/memory_map.py) | 1
""")
MAP_PARTS, PAGEBLOCK = 512, 2 << 20  # as many parts at most; bytes


def map_parts(memory: int) -> int:
    """How many parts the map of so much memory (bytes) has: each a pageblock, or as many as keep them within 512."""
    blocks = -(-memory // PAGEBLOCK)
    return -(-blocks // -(-blocks // MAP_PARTS))


TOLD = (
    Told("machine", WATERMARKS),
    Told("map", MAP_GAUGES, along=True, when=lambda case: case.cell.sampling.memory_map),
    Told("machine", ZONE_GAUGES, sampled=True),
    Told("node", NODE_GAUGES, sampled=True),
)


HOOKS = {
    **hooks(
        "fallback",
        17,
        ("rmqueue_fallback", "zone order migratetype alloc_flags", "a block of another type, or NONE", NO_FRAME),
    ),
    **hooks(
        "pcp",
        21,
        ("pcp_refill", "cpu zone order", "blocks of 2^order pages that an empty per-CPU list takes at once"),
        ("pcp_excess", "cpu zone order", "pages that per-CPU lists give back after a free of 2^order pages; 0: none"),
        ("pcp_drain", "cpu zone count index", "0; `count` pages went back, `index`: the list freed to"),
    ),
}


@record
class Mempolicy(Record):
    """Where a task's pages come from, as set_mempolicy(2)."""

    mode: Literal["local", "bind", "preferred", "preferred-many", "interleave", "weighted-interleave"] = "local"
    """`weighted-interleave` exists since 6.9, `preferred-many` since 5.15."""
    nodes: tuple[NodeNumber, ...] | Literal["remote", "all"] = ()
    """Node mask. `remote`: the nodes other than the task's own, nearest first; `all`: every node."""
    weights: tuple[Annotated[int, Range(ge=1, le=255)], ...] | Literal["auto"] = "auto"
    """weighted-interleave: pages per round and node; `auto` derives them from bandwidth."""

    def faults(self) -> Iterator[Fault]:
        """Nodes and weights that the mode does not take, or lacks."""
        named = self.nodes if isinstance(self.nodes, tuple) else None
        if self.mode == "local" and self.nodes:
            yield Fault(("nodes",), "`local` takes no nodes", "leave `nodes` out, or use `bind`")
        if self.mode != "local" and not self.nodes:
            yield Fault((), f"`{self.mode}` needs nodes", "write nodes: [0], nodes: remote or nodes: all")
        if self.mode == "preferred" and (self.nodes == "all" or len(named or ()) > 1):
            yield Fault(("nodes",), "`preferred` takes one node", "or use `preferred-many`")
        if named and len(set(named)) < len(named):
            yield Fault(("nodes",), "a node is named twice", "a node mask names each once")
        if self.weights != "auto" and self.mode != "weighted-interleave":
            yield Fault(("weights",), f"`{self.mode}` takes no weights", "leave `weights` out")


FIXED = {
    "numa_zonelist_order": "zonelists are made with the machine",
    "transparent_hugepage": "tables and daemons of the machine follow from it",
}


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
    percpu_pagelist_fraction: int | None = None
    """Part of a zone that each CPU's lists may hold, one in so many pages; batches are a quarter. Up to 5.13."""
    percpu_pagelist_high_fraction: int | None = None
    """Part of a zone that the lists of its CPUs together may hold, one page in so many: their high mark. Since 5.14."""
    watermark_boost_factor: int | None = None
    """How far fallbacks may raise the watermarks, in 1/10000 of high; default 15000, 0 switches it off. Not before
    5.0."""
    defrag_mode: int | None = None
    """1: no allocation mixes types within pageblocks while there is another way. Default 0, not before 6.15."""
    numa_zonelist_order: Literal["default", "node", "zone"] | None = None
    """Order of fallback zones; `zone` exists before 4.14 only."""


@record
class Costs(Record):
    """CPU time of its steps."""

    buddy: Nanoseconds = 50
    """One visit to the buddy allocator under the zone lock (estimate)."""


SUBJECTS = (
    Subject(
        "buddyinfo",
        "Free blocks by order and how fragmented memory is: `unusable_index_order9` and `nr_free_pages_blocks` of each "
        "node, a map of memory along the run, and in Python what /proc/buddyinfo, pagetypeinfo and zoneinfo have "
        "(docs/fragmentation.md). A machine can begin aged: `machine.nodes.start`.",
        ("unusable_index_order9", "nr_free_pages_blocks", "sampling.memory_map", "machine.nodes.start", "pcp"),
        ("pagetypeinfo", "unusable_index", "extfrag_index", "memory map", "pagesets"),
    ),
    Subject(
        "pageblocks",
        "Memory is kept apart by what can be moved, in pageblocks of 2 MiB. Where a block of another type is taken "
        "after all, the axis fallback says how much goes with it; since 5.0 the zone's watermarks rise for a while.",
        ("fallback", "watermark_boost_factor", "mm_page_alloc_extfrag"),
        ("migratetype", "watermark boost", "mobility"),
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
