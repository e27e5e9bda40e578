"""Tracepoints of contiguous memory areas (include/trace/events/cma.h); read in 4.4, 4.9, 5.19, 6.1, 6.12 and 6.18."""

from mmrun.model.core.timeline import since
from mmrun.model.core.tracepoint import tracepoint

FIRST = "mm: cma: add trace events to debug physically-contiguous memory allocations, 4.1"
SPLIT = "mm: cma: add trace events for CMA alloc perf testing, 5.13"
NAMED, FIRST_SEEN, SPLIT_SEEN = "name=cma{area} pfn=0x{pfn:x} page={page} count={count}", "3.7 to 4.4", "4.10 to 5.19"

cma_alloc_start = tracepoint(
    50, "cma", "cma_alloc_start", "area count available total align",
    since("5.13", "name=cma{area} count={count} align={align}", SPLIT, SPLIT_SEEN),
    since("6.16", "name=cma{area} request_count={count} available_count={available} total_count={total} align={align}",
          "include/trace/events/cma.h, 6.18", "6.13 to 6.18"),
)  # fmt: skip
cma_alloc_finish = tracepoint(
    51, "cma", "cma_alloc_finish", "area pfn count align error",
    since("4.1", ("cma_alloc", "pfn={pfn:x} page={page} count={count} align={align}"), FIRST, FIRST_SEEN),
    since("5.13", NAMED + " align={align}", SPLIT, SPLIT_SEEN),
    since("6.2", NAMED + " align={align} errorno={error}", "include/trace/events/cma.h, 6.12",
          "6.2 to 6.12"),
    opened_by="cma_alloc_start",
)  # fmt: skip
cma_alloc_busy_retry = tracepoint(
    52, "cma", "cma_alloc_busy_retry", "area pfn count align",
    since("5.13", NAMED + " align={align}", SPLIT, SPLIT_SEEN),
)  # fmt: skip
cma_release = tracepoint(
    53, "cma", "cma_release", "area pfn count",
    since("4.1", "pfn={pfn:x} page={page} count={count}", FIRST, FIRST_SEEN),
    since("5.13", NAMED, SPLIT, SPLIT_SEEN),
)  # fmt: skip
