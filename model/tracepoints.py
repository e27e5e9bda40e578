"""The tracepoints of all mechanisms, how they are named, and what stands in a ring."""

from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import cache
from typing import NamedTuple

import numpy as np

from mmrun.model.core.mechanism import NO_FRAME
from mmrun.model.core.tracepoint import ACTOR, DECLARED, KINDS, Tracepoint
from mmrun.model.mechanisms import parts
from mmrun.model.tracing.watch import HEADER, PRIO, Who

VMEMMAP, PAGE_STRUCT = 0xFFFFEA0000000000, 64  # where x86-64 keeps its struct pages, and how large one is


class Event(NamedTuple):
    """An event: ns of simulated time, its tracepoint, CPU, row of the actor, fields in order."""

    time: int
    point: Tracepoint
    cpu: int
    actor: int
    fields: tuple[int, ...]


@cache
def tracepoints() -> dict[str, Tracepoint]:
    """All there are, by name, in the order of mechanisms."""
    modules = parts("tracepoints")
    found = [value for module in modules for value in vars(module).values() if isinstance(value, Tracepoint)]
    return {point.name: point for point in found}


def selected(patterns: Iterable[str]) -> frozenset[int]:
    """Numbers of those that match, by any of their names: `mm_page_alloc`, `vmscan`, `vmscan:*`, `*`.

    ValueError for a pattern that none does.
    """
    found: set[int] = set()
    for pattern in patterns:
        numbers = {point.number for point in tracepoints().values() if _matches(point, pattern)}
        if not numbers:
            known = [*tracepoints(), *dict.fromkeys(point.system for point in tracepoints().values())]
            near = get_close_matches(pattern, known, 1)
            fix = f"did you mean `{near[0]}`?" if near else "`mmrun trace events` lists them"
            raise ValueError(f"no tracepoint `{pattern}`; {fix}")
        found |= numbers
    return frozenset(found)


def _matches(point: Tracepoint, pattern: str) -> bool:
    names = {*point.names, *(f"{point.system}:{name}" for name in point.names)}
    return pattern == point.system or any(fnmatchcase(name, pattern) for name in names)


def decode(words: np.ndarray) -> Iterator[Event]:
    """The events of a ring by time; actors run ahead of each other, so they were written in no order."""
    starts, at = [], 0
    heads = words.tolist()
    while at < len(heads):
        starts.append(at)
        at += HEADER + len(DECLARED[heads[at + 1] & 0xFFFF].fields)
    for at in sorted(starts, key=lambda start: heads[start]):
        point = DECLARED[heads[at + 1] & 0xFFFF]
        fields = tuple(heads[at + HEADER : at + HEADER + len(point.fields)])
        yield Event(heads[at], point, heads[at + 1] >> 16 & 0xFFFF, heads[at + 1] >> 32, fields)


class Comm(str):
    """The name of an actor, with its `pid` and `prio`."""

    pid: int
    prio: int

    def __new__(cls, name: str, pid: int, prio: int) -> "Comm":
        """As it is in a line of sched_switch."""
        made = super().__new__(cls, name)
        made.pid, made.prio = pid, prio
        return made


def comm_of(row: int, actors: Sequence[Who]) -> Comm:
    """Who an actor's row is, or the idle task of CPU -1 - row."""
    if 0 <= row < len(actors):
        return Comm(actors[row].comm, actors[row].pid, actors[row].prio)
    return Comm(f"swapper/{-1 - row}", 0, PRIO)


def words_of(event: Event, actors: Sequence[Who] = ()) -> dict[str, int | str]:
    """An event's fields by name, those of a kind in words, and `page`, where the struct page of `pfn` would be.

    `actors`: who is who (`Seen.actors`).
    """
    point = event.point
    found: dict[str, int | str] = {}
    for name, kind, value in zip(point.fields, point.kinds, event.fields, strict=True):
        found[name] = comm_of(value, actors) if kind == ACTOR else KINDS[kind](value) if kind else value
    pfn = found.get("pfn")
    if isinstance(pfn, int):
        found["page"] = f"{0 if pfn == NO_FRAME else VMEMMAP + PAGE_STRUCT * pfn:016x}"
    return found
