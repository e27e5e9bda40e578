"""DAMON's tracepoints (include/trace/events/damon.h); the format with an age was read."""

from mmrun.model.core.timeline import since
from mmrun.model.core.tracepoint import tracepoint

H = "include/trace/events/damon.h"

damon_aggregated = tracepoint(
    170, "damon", "damon_aggregated", "target nr_regions start end nr_accesses age",
    since("5.15", "target_id={target} nr_regions={nr_regions} {start}-{end}: {nr_accesses}", f"{H}, 5.15"),
    since("5.17", "target_id={target} nr_regions={nr_regions} {start}-{end}: {nr_accesses} {age}",
          "mm/damon: add 'age' of region tracepoint support", "5.16 to 5.17"),
)  # fmt: skip
damon_monitor_intervals_tune = tracepoint(
    171, "damon", "damon_monitor_intervals_tune", "sample_us",
    since("6.17", "sample_us={sample_us}", f"{H}, what damo parses", "6.15 to 6.17"),
)  # fmt: skip
