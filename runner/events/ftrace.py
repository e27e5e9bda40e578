"""Events as ftrace prints them (kernel/trace/trace_output.c), in two dialects.

`ftrace`: names, fields and flag characters of the cell's version. `compat`: what scripts for 6.18 take, as the kernel's
own trace-vmscan-postprocess.pl and trace-pagealloc-postprocess.pl: no flag characters, page frame numbers in decimal,
and the name mm_vmscan_writepage that they still look for.
"""

from collections.abc import Iterator

from mmrun.model.core.timeline import before
from mmrun.model.core.tracepoint import Tracepoint
from mmrun.model.tracepoints import decode, words_of
from mmrun.model.tracing.watch import Seen

COMPAT_VERSION = "6.18"
DIALECTS = ("ftrace", "compat")
FLAGS_SINCE, FIFTH_SINCE = "3.2", "5.15"  # tracing: Add migrate-disabled counter to tracing output


def lines(seen: Seen, version: str, dialect: str) -> Iterator[str]:
    """The text, line by line, oldest event first; events that the version does not have are left out."""
    compat = dialect == "compat"
    version = COMPAT_VERSION if compat else version
    flags = "" if compat else flag_characters(version)
    yield "# tracer: nop"
    yield "#"
    for event in decode(seen.words):
        reads = as_compat(event.point) if compat else event.point.reads(version)
        if reads is None:
            continue
        who = seen.actors[event.actor]
        seconds, ns = divmod(event.time, 1_000_000_000)
        head = f"{who.comm:>16}-{who.pid:<7} [{event.cpu:03d}] {flags} {seconds:5d}.{ns // 1000:06d}"
        yield f"{head}: {reads[0]}: {reads[1].format_map(words_of(event, seen.actors))}"


def flag_characters(version: str) -> str:
    """Interrupts on, nothing to reschedule, in a task, preemptible: as many characters as the version has for that."""
    number = version.partition("+")[0]
    if before(number, FLAGS_SINCE):
        return ""
    return "...." if before(number, FIFTH_SINCE) else "....."


def as_compat(point: Tracepoint) -> tuple[str, str] | None:
    """Name and template of an event for scripts of 6.18; None where that has no such event."""
    reads = point.reads(COMPAT_VERSION)
    return reads and (point.also or reads[0], reads[1].replace("0x{pfn:x}", "{pfn}"))
