"""What can be varied and read: areas, the axis, requests, counters, costs."""

from typing import Annotated

from mmrun.model.core.mechanism import CORE, NO_FRAME, Axis, Case, Matters, Subject, Told, counters, hooks
from mmrun.model.rules.bounds import Range, Why
from mmrun.model.rules.record import Record, record
from mmrun.model.units import MiB, Nanoseconds, Pages, TiB

CONTIGUOUS_STREAMS = ("camera", "codec")
HAS_REQUESTS = Matters(
    "a cell whose tasks ask for contiguous memory",
    lambda case, _: any(task.stream.kind in CONTIGUOUS_STREAMS for task in case.cell.tasks.values()),
)
HAS_AREAS = Matters("a machine with `cma` areas", lambda case, _: bool(case.cell.machine.cma))
AXES = (
    Axis(
        "contiguous",
        27,
        "where physically contiguous memory for devices comes from",
        ("AREA",),
        Matters(
            "a machine with `cma` areas, or a cell whose tasks ask for contiguous memory",
            lambda case, _: HAS_AREAS.when(case, _) or HAS_REQUESTS.when(case, _),
        ),
    ),
)
HOOKS = {
    **hooks(
        CORE,
        216,
        ("contig_alloc", "task argument", "OK; contiguous memory that is not to be had is counted"),
        ("contig_release", "task argument", "OK"),
        optional=True,
    ),
    **hooks(
        "contiguous",
        70,
        ("dma_alloc", "task buffer pages", "first frame of adjacent ones (of a chain: the first), or NONE", NO_FRAME),
        ("dma_free", "buffer", "0, after the buffer's pages were given back"),
        default=True,
    ),
}


@record
class CmaArea(Record):
    """A contiguous memory area (cma=, a device tree's linux,cma): set aside at boot, for drivers."""

    MATTERS = Matters(
        "a machine whose contiguous memory comes from areas",
        lambda case, _: case.variants["contiguous"].constants["AREA"] != "none",
    )
    size: Annotated[Pages, Range(ge=4 * MiB, le=TiB, multiple_of=4 * MiB), Why("examples: 64MiB, 512MiB")]
    """Size, in whole pageblocks of every version."""
    node: Annotated[int, Range(ge=0)] = 0
    """Node whose memory it is part of: the highest there that is free and in one zone."""


CMA_COUNTERS = counters("""
cma_alloc_success | none | requests for contiguous memory that an area served | events
cma_alloc_fail | lower | requests for contiguous memory that an area did not serve | events
cma_alloc_busy_retry | lower | ranges of an area that could not be emptied, so that the next one was tried | events
cma_alloc_pages_success | none | pages that areas gave
cma_alloc_pages_fail | lower | pages that areas were asked for and did not give
cma_release_pages_success | none | pages given back to areas
""")
CONTIG_COUNTERS = counters("""
contig_isolated | none | pages taken from their lists for contiguous ranges, free ones and those to be moved
contig_dropped | none | clean pages of files dropped from contiguous ranges instead of moved
""")
REQUEST_COUNTERS = counters("""
contig_alloc_success | none | buffers of contiguous memory that drivers were given | events
contig_alloc_fail | lower | buffers of contiguous memory that drivers asked for and were not given | events
contig_alloc_ns | lower | time of these requests together | ns
""")
COUNTERS = {**CMA_COUNTERS, **CONTIG_COUNTERS, **REQUEST_COUNTERS}  # of the machine

GAUGES = counters("""
nr_free_cma | none | free pages of contiguous memory areas when the run ends, those on per-CPU lists not included
contig_pages | none | pages of contiguous memory that drivers hold when the run ends
contig_idle_pages | lower | pages of areas that are kept for drivers and in no use when the run ends
""")
LATENCIES = counters("""
contig_success_ratio | higher | share of the requests for contiguous memory that were served | 1
contig_min_ns | lower | the shortest request for contiguous memory
contig_mean_ns | lower | a request for contiguous memory, on average
contig_p50_ns | lower | half of the requests for contiguous memory took at most so long
contig_p99_ns | lower | 99 of 100 requests for contiguous memory took at most so long
contig_max_ns | lower | the longest request for contiguous memory
""", unit="ns")  # fmt: skip
TOLD = (Told("machine", GAUGES, sampled=True), Told("machine", LATENCIES, counted=True))


def asks(case: Case) -> bool:
    """Whether tasks ask for contiguous memory."""
    return HAS_REQUESTS.when(case, None)


@record
class Costs(Record):
    """CPU time of its steps."""

    MATTERS = HAS_REQUESTS
    contig_scan: Nanoseconds = 15
    """Looking at a page of a range that is to be emptied (5-50, estimate)."""
    drain_all_pages: Nanoseconds = 10_000
    """Having every CPU give back its free pages (estimate: 10 us, and 3 us a CPU)."""
    drain_all_cpu: Nanoseconds = 3_000
    """What each CPU adds to that."""
    contig_clear_page: Nanoseconds = 300
    """Clearing a page of a buffer for a device (150-400)."""


SUBJECTS = (
    Subject(
        "cma",
        "Areas are set aside under `machine.cma`; who gets contiguous memory, and how, is the axis `contiguous`. "
        "Streams of kind `camera` and `codec` ask for it; behind an IOMMU no contiguity is needed (`scatter-gather`).",
        ("machine.cma", "contiguous", "cma_alloc_success", "nr_free_cma"),
        ("contiguous memory", "contiguous memory allocator", "alloc_contig_range", "dma_alloc_contiguous", "cmatotal"),
    ),
)
