"""The OOM killer's tracepoint (include/trace/events/oom.h)."""

from mmrun.model.core.timeline import since
from mmrun.model.core.tracepoint import tracepoint

mark_victim = tracepoint(
    60, "oom", "mark_victim", "pid",
    since("4.14", "pid={pid}", "mm, oom: add tracepoints for OOM killer and OOM reaper"),
)  # fmt: skip
