"""What can be asked of it: the hook that tracepoints call, and words for `explain`."""

from mmrun.model.core.mechanism import CORE, Subject, hooks

HOOKS = {
    **hooks(
        CORE,
        18,
        ("trace_event", "point fields", "0, after the fields in `event` went to the ring, if somebody wants them"),
    ),
}

SUBJECTS = (
    Subject(
        "tracepoints",
        "`mmrun run --events 'vmscan:*' --trace-out FILE` writes the kernel's trace events as ftrace prints them; "
        "`mmrun trace events` lists those there are. docs/tracepoints.md.",
        (),
        ("ftrace", "trace events", "trace-cmd", "perf trace", "tracing"),
    ),
)
