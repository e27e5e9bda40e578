"""Events as Chrome's JSON, which Perfetto and chrome://tracing open: a track an actor, stalls as slices, counters.

What has a beginning and an end in the events is a slice: `..._begin` to `..._end`, `..._start` to `..._finish`,
`..._wake` to `..._sleep`; and whatever says for how many microseconds its actor was `delayed`. All else is an instant.
Gauges that the cell samples are counter tracks.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from mmrun.model.catalogue import POSITION
from mmrun.model.counters import COUNTERS
from mmrun.model.tracepoints import Event, decode, words_of
from mmrun.model.tracing.watch import Seen, Who

PID = 1  # of the machine, whose threads the actors are
PAIRS = {"_begin": "_end", "_start": "_finish", "_wake": "_sleep"}
ENDS = {end: begin for begin, end in PAIRS.items()}


def lines(seen: Seen, version: str, series: Mapping[str, np.ndarray]) -> Iterator[str]:
    """The JSON text, an event a line."""
    yield '{"displayTimeUnit": "ns", "traceEvents": ['
    following = ""
    for row in (*_tracks(seen), *_events(seen, version), *_counters(series)):
        yield f"{following}{json.dumps(row)}"
        following = ","
    yield "]}"


def _tracks(seen: Seen) -> Iterator[dict[str, Any]]:
    """Names of the machine and of its actors."""
    yield {"ph": "M", "pid": PID, "tid": 0, "name": "process_name", "args": {"name": "machine"}}
    for who in seen.actors:
        yield {"ph": "M", "pid": PID, "tid": who.pid, "name": "thread_name", "args": {"name": who.comm}}


def _events(seen: Seen, version: str) -> Iterator[dict[str, Any]]:
    """Slices and instants; a slice that is open when the trace ends is closed there."""
    open_slices: dict[tuple[int, str], bool] = {}
    last = 0.0
    for event in decode(seen.words):
        reads = event.point.reads(version)
        if reads is None:
            continue
        last = event.time / 1000
        yield from _one(event, reads[0], seen.actors, last, open_slices)
    for (tid, name), is_open in open_slices.items():
        if is_open:
            yield {"ph": "E", "pid": PID, "tid": tid, "name": name, "ts": last}


def _one(
    event: Event, name: str, actors: Sequence[Who], ts: float, open_slices: dict[tuple[int, str], bool]
) -> Iterator[dict[str, Any]]:
    tid, args = actors[event.actor].pid, words_of(event, actors) | {"cpu": event.cpu}
    row = {"pid": PID, "tid": tid, "cat": event.point.system, "args": args}
    stem, _, suffix = name.rpartition("_")
    suffix = f"_{suffix}"
    if suffix in PAIRS:
        if not open_slices.get((tid, stem)):
            open_slices[tid, stem] = True
            yield row | {"ph": "B", "name": stem, "ts": ts}
    elif suffix in ENDS:
        if open_slices.get((tid, stem)):
            open_slices[tid, stem] = False
            yield row | {"ph": "E", "name": stem, "ts": ts}
    elif "delayed" in event.point.fields:
        delayed = event.fields[event.point.fields.index("delayed")]
        yield row | {"ph": "X", "name": name, "ts": ts - delayed, "dur": delayed}
    else:
        yield row | {"ph": "i", "s": "t", "name": name, "ts": ts}


def _counters(series: Mapping[str, np.ndarray]) -> Iterator[dict[str, Any]]:
    """The machine's gauges along the run; what is counted from the start on is no gauge."""
    for name in series:
        if name in COUNTERS or name in POSITION or "." in name:
            continue
        for ts, value in zip(series["time_ns"].tolist(), series[name].tolist(), strict=True):
            yield {"ph": "C", "pid": PID, "tid": 0, "name": name, "ts": ts / 1000, "args": {"value": value}}
