"""In what two cells differ: configuration as resolved, ways of their versions, where times went, counters."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from mmrun.model import registry
from mmrun.model.core.frozen import frozen
from mmrun.model.description import Cell
from mmrun.model.eras import era
from mmrun.model.mm.task.settings import APART, OF_RECLAIM, RECLAIMS
from mmrun.model.randomness import draws
from mmrun.runner.compare.apart import NOT_STARTED
from mmrun.runner.compare.moved import Moved, moved
from mmrun.runner.report.stats import Estimate, difference
from mmrun.runner.store.records import cell_dict
from mmrun.runner.store.states import leaves

ABSENT = None
IGNORED = ("replicate", "seed")
ORDER = ("kernel", "machine", "tasks", "cgroups", "slab", "policy", "vm", "flags")
Metrics = Mapping[str, Any]


@frozen
class Setting:
    """A setting in which two cells differ: its path, and what it is in both; None where one has no such thing."""

    path: str
    here: Any
    base: Any


@frozen
class Time:
    """A part of a task's time, in ns over its copies, means of replicates. `change`: of the paired differences.

    `part`: empty for all of it. `inside`: part of the time in reclaim that stands above it.
    """

    task: str
    part: str
    here: float
    base: float
    change: Estimate
    inside: bool = False


@frozen
class Differences:
    """Two cells side by side. `pairs`: replicates that were compared."""

    settings: list[Setting]
    times: list[Time]
    counters: list[Moved]
    outcomes: tuple[list[str], list[str]]
    pairs: int


def differences(here: Cell, base: Cell, ours: Sequence[Metrics], theirs: Sequence[Metrics]) -> Differences:
    """Two cells, and what runs of them counted: element i of both of one replicate."""
    random = bool(draws(registry.resolve(here))) or bool(draws(registry.resolve(base)))
    outcomes = [list(dict.fromkeys(str(told.get("outcome", "ok")) for told in side)) for side in (ours, theirs)]
    return Differences(
        settings(here, base), times(ours, theirs, random), moved(ours, theirs, random), (outcomes[0], outcomes[1]),
        len(ours),
    )  # fmt: skip


def settings(here: Cell, base: Cell) -> list[Setting]:
    """Every setting in which the cells differ, defaults and flags of their versions filled in."""
    mine, theirs = (_leaves(_whole(registry.resolve(cell))) for cell in (here, base))
    paths = [path for path in dict.fromkeys((*mine, *theirs)) if mine.get(path, ABSENT) != theirs.get(path, ABSENT)]
    paths.sort(key=lambda path: (_place(path), path))
    return [Setting(path, mine.get(path, ABSENT), theirs.get(path, ABSENT)) for path in paths]


def _whole(cell: Cell) -> dict[str, Any]:
    """The cell and its version's flags as nested plain values."""
    found = {name: value for name, value in cell_dict(cell).items() if name not in IGNORED}
    return found | {"flags": dict(era(cell.kernel).flags)}


def _leaves(tree: dict[str, Any]) -> dict[str, Any]:
    """Its leaves, without empty ones."""
    return {path: value for path, value in leaves(tree).items() if value not in ({}, [])}


def _place(path: str) -> int:
    head = path.partition(".")[0]
    return ORDER.index(head) if head in ORDER else len(ORDER)


def times(ours: Sequence[Metrics], theirs: Sequence[Metrics], random: bool) -> list[Time]:
    """Where the time of each task went in both, its largest parts first; what is 0 in both is left out."""
    names = [name.removesuffix(f".{APART[0]}") for told in (ours[0], theirs[0]) for name in told
             if name.startswith("task.") and name.endswith(f".{APART[0]}")]  # fmt: skip
    found = []
    for task in dict.fromkeys(names):
        parts = [_time(task, part, ours, theirs, random) for part in (*APART, NOT_STARTED)]
        parts = sorted((part for part in parts if part.here or part.base), key=lambda part: -max(part.here, part.base))
        inside = [_time(task, part, ours, theirs, random, True) for part in OF_RECLAIM]
        last = max((place for place, part in enumerate(parts) if part.part in RECLAIMS), default=-1) + 1
        found.append(_time(task, "", ours, theirs, random))
        found += [*parts[:last], *(part for part in inside if part.here or part.base), *parts[last:]]
    return found


def _time(
    task: str, part: str, ours: Sequence[Metrics], theirs: Sequence[Metrics], random: bool, inside: bool = False
) -> Time:
    parts = (part,) if part else (*APART, NOT_STARTED)
    here, base = ([sum(told.get(f"{task}.{each}", 0) for each in parts) for told in side] for side in (ours, theirs))
    change = difference(here, base, random=random)
    means = [float(Fraction(sum(side), len(side))) for side in (here, base)]
    return Time(task.removeprefix("task."), part, means[0], means[1], change, inside)
