"""What happened in a stretch of two runs: their trace events, counted and added up."""

import re
from collections import Counter
from collections.abc import Iterable
from itertools import islice

from mmrun.model.core.frozen import frozen
from mmrun.model.tracepoints import decode, selected, tracepoints
from mmrun.model.tracing.watch import Seen, Watch
from mmrun.runner.events import ftrace

SUMMED = re.compile(r"\b((?:nr|usec|usect)_\w+|count|size)=\{(\w+)\}")  # what of a line can be added up
LINES = 4
BUFFER = 256 << 20  # bytes


@frozen
class Happened:
    """An event's number in both runs, who emitted most of them, sums of what it tells."""

    event: str
    here: int
    base: int
    who: str
    sums: dict[str, tuple[int, int]]


@frozen
class Events:
    """The events of a stretch, those whose number differs most first; first lines of that one; how many were lost."""

    found: list[Happened]
    lines: list[str]
    lost: tuple[int, int]


def watch(patterns: Iterable[str], times: tuple[int, int]) -> Watch:
    """What to watch between two times (ns)."""
    return Watch(selected(patterns), begin=times[0], end=max(times[1], times[0] + 1), buffer=BUFFER)


def events(here: Seen, base: Seen, version: str) -> Events:
    """What both saw; `version`: by which the lines of `here` read."""
    ours, theirs = _counted(here), _counted(base)
    found = []
    for name in dict.fromkeys((*ours, *theirs)):
        (count, sums, who), (other, others, whose) = (side.get(name, (0, Counter[str](), Counter[str]()))
                                                      for side in (ours, theirs))  # fmt: skip
        both = {field: (sums[field], others[field]) for field in dict.fromkeys((*sums, *others))}
        both = {field: values for field, values in both.items() if any(values)}
        found.append(Happened(name, count, other, _most(who or whose), both))
    found.sort(key=lambda each: (-abs(each.here - each.base), each.event))
    first = next((each.event for each in found if each.here), "")
    return Events(found, list(islice(_lines(here, version, first), LINES)), (here.lost, base.lost))


def _most(who: Counter[str]) -> str:
    name, count = who.most_common(1)[0]
    return name if count == who.total() else f"{name} ({100 * count // who.total()} %)"


def _counted(seen: Seen) -> dict[str, tuple[int, Counter[str], Counter[str]]]:
    """By event: how many, sums of fields, by whom."""
    found: dict[str, tuple[int, Counter[str], Counter[str]]] = {}
    for event in decode(seen.words):
        count, sums, who = found.get(event.point.name, (0, Counter(), Counter()))
        line = event.point.reads(ftrace.COMPAT_VERSION)
        fields = dict(zip(event.point.fields, event.fields, strict=True))
        sums.update({label: fields[field] for label, field in SUMMED.findall(line[1] if line else "")
                     if field in fields})  # fmt: skip
        who[seen.actors[event.actor].comm] += 1
        found[event.point.name] = count + 1, sums, who
    return found


def _lines(seen: Seen, version: str, event: str) -> Iterable[str]:
    reads = tracepoints()[event].reads(version) if event else None
    return (line for line in ftrace.lines(seen, version, "ftrace") if reads and f": {reads[0]}: " in line)
