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
        name, template = name_and_template(event.point, version, compat)
        if not template:
            continue
        who = seen.actors[event.actor]
        seconds, ns = divmod(event.time, 1_000_000_000)
        head = f"{who.comm:>16}-{who.pid:<7} [{event.cpu:03d}] {flags} {seconds:5d}.{ns // 1000:06d}"
        yield f"{head}: {name}: {template.format_map(words_of(event))}"


def flag_characters(version: str) -> str:
    """Interrupts on, nothing to reschedule, in a task, preemptible: as many characters as the version has for that."""
    if before(version, FLAGS_SINCE):
        return ""
    return "...." if before(version, FIFTH_SINCE) else "....."


def name_and_template(point: Tracepoint, version: str, compat: bool) -> tuple[str, str]:
    """What a version calls an event and how its line reads; no template where it has no such event."""
    template = point.template(version)
    name, colon, rest = template.partition(": ")
    if not colon or "=" in name:
        name, rest = point.name, template
    if compat:
        name, rest = point.also or name, rest.replace("0x{pfn:x}", "{pfn}")
    return name, rest
