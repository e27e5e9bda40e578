"""From a number to what stands behind it, against a baseline: parts, counters, the stretch where it arises, events."""

from collections.abc import Sequence
from dataclasses import replace

from mmrun.model import catalogue
from mmrun.model.api import Outcome
from mmrun.model.core.frozen import frozen
from mmrun.model.description import Cell
from mmrun.runner import metrics
from mmrun.runner.compare.apart import Account, Part, Run, account
from mmrun.runner.compare.happened import Events, events, watch
from mmrun.runner.compare.moment import POINTS, Moment, Series, moment
from mmrun.runner.compare.moved import Moved, moved
from mmrun.runner.compare.source import Simulate
from mmrun.runner.store.records import plain

MOST_PARTS, LARGE = 4, 0.1
"""Parts that are followed: so many, of at least this share of all that changed."""
MOST_COUNTERS = 8


@frozen
class Behind:
    """A large part, its share of the change of its sum, and the counters that are declared to move with it.

    `task`: whose it is, where that is known.
    """

    task: str
    part: Part
    share: float
    counters: list[Moved]


@frozen
class Why:
    """All that was found. `counters`: those that moved most of all; `moment`, `events`: None where nobody can tell.

    `patterns`: the events that were watched.
    """

    account: Account
    behind: list[Behind]
    counters: list[Moved]
    moment: Moment | None
    patterns: tuple[str, ...]
    events: Events | None


def run_of(outcome: Outcome) -> Run:
    """What a run counted, in plain numbers."""
    return Run({name: plain(value) for name, value in outcome.metrics.items()}, outcome.times)


def why(name: str, here: Cell, base: Cell, simulate: Simulate, watching: bool = True) -> Why:
    """Follow a metric of a cell against that of another: up to three runs of each. NotTold where a run has none."""
    runs = run_of(simulate(here)), run_of(simulate(base))
    found = account(name, *runs)
    followed = large(found)
    shown = {part.metric for _, part, _ in followed}
    behind = [_behind(*each, shown, *runs) for each in followed]
    counters = moved([runs[0].metrics], [runs[1].metrics])[:MOST_COUNTERS]
    patterns = patterns_of(found, behind)
    when = happened = None
    if watching and found.here != found.base:
        when = _when(found, behind, (here, base), runs, simulate)
    if when is not None and patterns:
        seen = [simulate(cell, watch=watch(patterns, times)).events
                for cell, times in ((here, when.here), (base, when.base))]  # fmt: skip
        assert seen[0] is not None and seen[1] is not None
        happened = events(seen[0], seen[1], here.kernel)
    return Why(found, behind, counters, when, patterns, happened)


def large(found: Account) -> list[tuple[str, Part, float]]:
    """The parts at the leaves that changed most: whose each is, and which share of its factor's change."""
    chosen = []
    for factor, _ in found.factors:
        leaves = [(task, part) for task, part in factor.leaves() if part.metric and part.change]
        all_of_it = sum(abs(part.change) for _, part in leaves)
        chosen += [
            (task if part.name != task else "", part, float(part.change / factor.change) if factor.change else 0.0)
            for task, part in leaves
            if abs(part.change) >= LARGE * all_of_it
        ]
    return sorted(chosen, key=lambda each: -abs(each[2]))[:MOST_PARTS]


def _behind(task: str, part: Part, share: float, shown: set[str], here: Run, base: Run) -> Behind:
    names = {name for cause in catalogue.causes(_leaf(part.metric)) for name in cause.counters} - shown
    return Behind(task, part, share, moved([here.metrics], [base.metrics], names=names)[:MOST_COUNTERS])


def _leaf(name: str) -> str:
    scoped = metrics.PREFIX.fullmatch(name)
    return scoped[2] if scoped else name


def patterns_of(found: Account, behind: Sequence[Behind]) -> tuple[str, ...]:
    """The events that tell of the large parts, or else of the metric's factors."""
    names = [_leaf(each.part.metric) for each in behind] or [factor.metric for factor, _ in found.factors]
    return tuple(dict.fromkeys(event for name in names for cause in catalogue.causes(name) for event in cause.events))


def _when(
    found: Account, behind: Sequence[Behind], cells: tuple[Cell, Cell], runs: tuple[Run, Run], simulate: Simulate
) -> Moment | None:
    """Where the largest part's counter comes apart along the runs; else the time itself, or the metric's column."""
    series = [sampled(cell, run, simulate) for cell, run in zip(cells, runs, strict=True)]
    leaves = [_leaf(each.part.metric) for each in behind]
    last = "time_ns" if found.is_sum and found.name.endswith(("elapsed_ns", "elapsed_s", "per_access_ns")) else ""
    for column in dict.fromkeys((*leaves, last, found.name)):
        if column and (when := moment(column, *series)) is not None:
            return when
    return None


def sampled(cell: Cell, run: Run, simulate: Simulate) -> Series:
    """The run's series, at steps of its length: samples by time change no number, those by accesses would."""
    if cell.sampling.accesses is None:
        every = max(1, int(run.number("elapsed_ns")) // (2 * POINTS))
        cell = replace(cell, sampling=replace(cell.sampling, every=every, memory_map=False))
    return simulate(cell).series


def command(config: str, key: str, patterns: Sequence[str], times: tuple[int, int]) -> str:
    """The command that shows the events."""
    asked = " ".join(f"--events '{pattern}'" for pattern in patterns)
    within = f"--trace-from {times[0]}ns --trace-to {times[1]}ns"
    return f"mmrun run {config} --cell {key} {asked} {within} --trace-out /dev/stdout"
