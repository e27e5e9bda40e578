"""Tracepoints of contiguous memory areas (include/trace/events/cma.h); the formats of 6.18 were read."""

from mmrun.model.core.timeline import always
from mmrun.model.core.tracepoint import tracepoint

H = "include/trace/events/cma.h, 6.18"

cma_alloc_start = tracepoint(
    50, "cma", "cma_alloc_start", "area count available total align",
    always("name=cma{area} request_count={count} available_count={available} total_count={total} align={align}", H),
)  # fmt: skip
cma_alloc_finish = tracepoint(
    51, "cma", "cma_alloc_finish", "area pfn count align error",
    always("name=cma{area} pfn=0x{pfn:x} page={page} count={count} align={align} errorno={error}", H),
)  # fmt: skip
cma_alloc_busy_retry = tracepoint(
    52, "cma", "cma_alloc_busy_retry", "area pfn count align",
    always("name=cma{area} pfn=0x{pfn:x} page={page} count={count} align={align}", H),
)  # fmt: skip
cma_release = tracepoint(
    53, "cma", "cma_release", "area pfn count",
    always("name=cma{area} pfn=0x{pfn:x} page={page} count={count}", H),
)  # fmt: skip
