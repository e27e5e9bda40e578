"""Events as Chrome's JSON, which Perfetto and chrome://tracing open: a track an actor, stalls as slices, counters.

What has a beginning and an end in the events is a slice (`Tracepoint.opened_by`), and so is whatever says for how many
microseconds its actor was `delayed`, and an actor's time off its CPU, where context switches are among the events. All
else is an instant. Slices of a track nest, as viewers need: one that would reach beyond the one around it ends with it.
Gauges that the cell samples are counter tracks.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from mmrun.model.catalogue import POSITION
from mmrun.model.counters import COUNTERS
from mmrun.model.tracepoints import Event, decode, words_of
from mmrun.model.tracing.watch import Seen

PID = 1  # of the machine, whose threads the actors are
SWITCH = "sched_switch"


class Slice(NamedTuple):
    """Part of an actor's time (ns): its row, from when to when, what it is called, its category, fields."""

    actor: int
    begin: int
    end: int
    name: str
    category: str
    args: dict[str, Any]


def lines(seen: Seen, version: str, series: Mapping[str, np.ndarray]) -> Iterator[str]:
    """The JSON text, an event a line."""
    yield '{"displayTimeUnit": "ns", "traceEvents": ['
    following = ""
    for row in (*_tracks(seen), *_events(seen, version), *_counters(series)):
        yield f"{following}{json.dumps(row)}"
        following = ","
    yield "]}"


def _tracks(seen: Seen) -> Iterator[dict[str, Any]]:
    """Names of the machine and of its actors, in their order."""
    yield {"ph": "M", "pid": PID, "tid": 0, "name": "process_name", "args": {"name": "machine"}}
    for place, who in enumerate(seen.actors):
        row = {"ph": "M", "pid": PID, "tid": who.pid}
        yield row | {"name": "thread_name", "args": {"name": who.comm}}
        yield row | {"name": "thread_sort_index", "args": {"sort_index": place}}


def _events(seen: Seen, version: str) -> Iterator[dict[str, Any]]:
    """Slices and instants by time; of slices that begin together the longer one first."""
    slices, instants = _Slices(seen), list[tuple[int, dict[str, Any]]]()
    for event in decode(seen.words):
        reads = event.point.reads(version)
        if reads is None:
            continue
        slices.now = event.time
        if not slices.take(event, reads[0]):
            tid = seen.actors[event.actor].pid
            args = words_of(event, seen.actors) | {"cpu": event.cpu}
            row = {"ph": "i", "s": "t", "pid": PID, "tid": tid, "cat": event.point.system, "name": reads[0]}
            instants.append((event.time, row | {"ts": event.time / 1000, "args": args}))
    rows = [(one.begin, _complete(one, seen)) for one in nested(slices.close())]
    yield from (row for _, row in sorted([*rows, *instants], key=lambda pair: pair[0]))


def _complete(one: Slice, seen: Seen) -> dict[str, Any]:
    row = {"ph": "X", "pid": PID, "tid": seen.actors[one.actor].pid, "cat": one.category, "name": one.name}
    return row | {"ts": one.begin / 1000, "dur": (one.end - one.begin) / 1000, "args": one.args}


def nested(slices: list[Slice]) -> list[Slice]:
    """Slices in the order in which they begin, those of an actor cut so that each lies within or beside each other."""
    found, around = [], dict[int, list[int]]()
    for one in sorted(slices, key=lambda each: (each.begin, -each.end)):
        ends = around.setdefault(one.actor, [])
        while ends and ends[-1] <= one.begin:
            ends.pop()
        end = min(one.end, ends[-1]) if ends else one.end
        found.append(one._replace(end=end))
        ends.append(end)
    return found


class _Slices:
    """Collects slices while events come in order of time."""

    def __init__(self, seen: Seen) -> None:
        self.seen, self.now = seen, 0
        self.opens = {event.point.opened_by for event in decode(seen.words)} - {""}
        self.open: dict[tuple[int, str], Slice] = {}
        self.done: list[Slice] = []

    def take(self, event: Event, name: str) -> bool:
        """Whether an event begins or ends a slice, or is one."""
        point = event.point
        if point.name == SWITCH:
            return self._switch(event)
        if point.name in self.opens:
            self._begin(event, event.actor, point.name, point.slice)
        elif "delayed" in point.fields:
            began = event.time - 1000 * event.fields[point.fields.index("delayed")]
            args = words_of(event, self.seen.actors) | {"cpu": event.cpu}
            self.done.append(Slice(event.actor, began, event.time, name, point.system, args))
        else:
            return self._end(event.actor, point.opened_by, words_of(event, self.seen.actors))
        return True

    def close(self) -> list[Slice]:
        """All slices; one that is open when the trace ends is closed there."""
        for key in list(self.open):
            self._end(*key, {})
        return self.done

    def _switch(self, event: Event) -> bool:
        prev, _, following = event.fields
        state = words_of(event, self.seen.actors)["state"]
        if following >= 0:
            self._end(following, SWITCH, {})
        if prev >= 0:
            self._begin(event, prev, SWITCH, f"off CPU ({state})")
        return True

    def _begin(self, event: Event, actor: int, key: str, name: str) -> None:
        if (actor, key) not in self.open:
            args = words_of(event, self.seen.actors) | {"cpu": event.cpu}
            self.open[actor, key] = Slice(actor, event.time, event.time, name, event.point.system, args)

    def _end(self, actor: int, key: str, args: dict[str, Any]) -> bool:
        begun = self.open.pop((actor, key), None)
        if begun:
            self.done.append(begun._replace(end=self.now, args=begun.args | args))
        return begun is not None


def _counters(series: Mapping[str, np.ndarray]) -> Iterator[dict[str, Any]]:
    """The machine's gauges along the run; what is counted from the start on is no gauge."""
    for name in series:
        if name in COUNTERS or name in POSITION or "." in name:
            continue
        for ts, value in zip(series["time_ns"].tolist(), series[name].tolist(), strict=True):
            yield {"ph": "C", "pid": PID, "tid": 0, "name": name, "ts": ts / 1000, "args": {"value": value}}
