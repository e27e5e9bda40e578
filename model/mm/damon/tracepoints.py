"""DAMON's tracepoints (include/trace/events/damon.h); formats of 5.19, 6.1 and 6.12 were read.

Addresses are bytes: of physical memory, or of a task's address space, in which its mappings lie end to end.
"""

from mmrun.model.core.timeline import since
from mmrun.model.core.tracepoint import tracepoint

REGION = "target_id={target} nr_regions={nr_regions} {start}-{end}: {nr_accesses}"

damon_aggregated = tracepoint(
    103, "damon", "damon_aggregated", "target nr_regions start end nr_accesses age",
    since("5.15", REGION, "mm/damon: add a tracepoint"),
    since("5.18", REGION + " {age}", "mm/damon: add 'age' of region tracepoint support", "between 5.16 and 5.19"),
)  # fmt: skip
damos_before_apply = tracepoint(
    104, "damon", "damos_before_apply", "target nr_regions start end nr_accesses age",
    since("6.7", "ctx_idx=0 scheme_idx=0 target_idx={target} nr_regions={nr_regions} {start}-{end}: {nr_accesses} "
          "{age}", "mm/damon/core: add a tracepoint for damos apply target regions", "between 6.2 and 6.12"),
)  # fmt: skip
damon_monitor_intervals_tune = tracepoint(
    171, "damon", "damon_monitor_intervals_tune", "sample_us",
    since("6.17", "sample_us={sample_us}", "include/trace/events/damon.h, what damo parses", "6.15 to 6.17"),
)  # fmt: skip
