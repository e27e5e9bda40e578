"""The model's counts beside the kernel's: errors, the kernel's own spread, agreement on which accesses miss."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np

from mmrun.model.api import Outcome, simulate
from mmrun.model.description import Cell
from tests.fidelity.cases import anonymous_pages, cell, first_touches, trace_pages, with_pages
from tests.fidelity.recorded import QUANTITIES, Case, recorded_misses
from tests.fidelity.spread import COUNTABLE, all_within, countable
from tests.fidelity.unknowns import DISK, LIMIT, PHASE, SENSITIVE, Lasted, open_in

WORKER_PERIOD = 2_000_000_000  # ns between two folds by the kernel's statistics worker
WORKER_PHASES = 8  # moments of the worker at which a lagging replay is simulated, each at every pace
PACES = (1.0, 1.5, 2.0)  # wall time of the replay as a multiple of what was recorded on a busy machine


@dataclass(frozen=True)
class Agreement:
    """Which accesses miss in the kernel and in the model.

    `itself`: how the model agrees with itself when its limit is a page lower or higher (the worse); `phased`: when the
    monitor reads memory.stat later (the worst); `nearby`: how the kernel and the model agree at the best of all these
    and of the limits further away.
    """

    recorded: np.ndarray
    simulated: np.ndarray
    itself: float
    phased: float
    nearby: float

    @property
    def both(self) -> int:
        """Accesses that miss in kernel and model."""
        return int(np.count_nonzero(self.recorded & self.simulated))

    @property
    def jaccard(self) -> float:
        """Accesses that miss in both, as a share of those that miss in either."""
        return jaccard(self.recorded, self.simulated)

    @property
    def same(self) -> float:
        """Share of all accesses on which model and kernel agree."""
        return float(np.mean(self.recorded == self.simulated))


Counts = dict[str, float]


@dataclass(frozen=True)
class Trial:
    """Counts of a run at one value of one unknown; None when the task was killed."""

    unknown: str
    value: str
    counts: Counts | None


@dataclass(frozen=True)
class Result:
    """One case in the model: counts of the runs that survived, how many were killed, curves of the nearest run.

    One run for most; one at every disk, or moment of the statistics worker, for cases that cannot be had without.
    `trials`: runs at the values of what the recording leaves open.
    """

    case: Case
    runs: tuple[Counts, ...]
    killed: int
    series: dict[str, np.ndarray]
    agreement: Agreement | None
    trials: tuple[Trial, ...] = ()

    @property
    def simulated(self) -> int:
        """How often the case was simulated."""
        return len(self.runs) + self.killed

    def nearest(self) -> dict[str, float] | None:
        """The run whose counts are together closest to the recorded ones; None when all were killed."""
        return min(self.runs, key=lambda run: distance(self.case, run), default=None)

    def value(self, quantity: str) -> float | None:
        """The simulated count, of the nearest run where there are several; None when all were killed."""
        nearest = self.nearest()
        return None if nearest is None else nearest[quantity]

    def range(self, quantity: str) -> tuple[float, float] | None:
        """Smallest and largest count of the simulated runs; None when all were killed."""
        values = [run[quantity] for run in self.runs]
        return (min(values), max(values)) if values else None

    def at(self, unknown: str) -> tuple[Counts, ...]:
        """Counts of the runs at the values of an unknown, of those that survived."""
        return tuple(trial.counts for trial in self.trials if trial.unknown == unknown and trial.counts is not None)

    def with_trials(self, unknown: str) -> "Result":
        """The case with the runs at the values of an unknown among its runs, of which the nearest counts."""
        return replace(self, runs=(*self.runs, *self.at(unknown)))

    def sensitivity(self, quantity: str, unknown: str) -> float | None:
        """How far the values of an unknown move the count, as a share of it; None where it was not tried or too few."""
        known = self.value(quantity)
        moved = [abs(run[quantity] - known) for run in self.at(unknown)] if known else []
        return max(moved) / known if known and known >= COUNTABLE and moved else None

    def error(self, quantity: str, middle: bool = False) -> float | None:
        """(simulated - recorded) / recorded; None where either is missing or too few were counted.

        `middle` takes the median of the runs instead of the nearest.
        """
        simulated, recorded = self.value(quantity), self.case.value(quantity)
        if middle and self.runs:
            simulated = float(np.median([run[quantity] for run in self.runs]))
        if simulated is None or recorded is None or recorded < COUNTABLE:
            return None
        return (simulated - recorded) / recorded


def distance(case: Case, run: Counts) -> float:
    """How far the counts of a run are from the recorded ones, all together."""
    return float(sum(abs(np.log(max(run[name], 1) / (case.value(name) or 1))) for name in countable(case)))


def counts(case: Case, outcome: Outcome) -> dict[str, float]:
    """The quantities of a simulated run, from the counters that the recorded ones come from."""
    metrics = outcome.metrics

    def total(name: str, kinds: Sequence[str] = case.kinds) -> float:
        return sum(float(metrics[name.format(kind)]) for kind in kinds)

    read = case.backend == "fileread"
    reclaimed = ("anon", "file") if case.guest else case.kinds  # a guest's memory.stat has the sum only
    refaults, left = total("workingset_activate_{}"), float(metrics["pgdeactivate"])
    entered = read and not case.guest  # where pages that joined the active list had to be counted by what left it
    stayed = float(metrics["nr_active_file"]) if entered else 0
    return {
        "misses": float(metrics["misses" if read else "pgmajfault"]),
        "swap-outs": float(metrics["pswpout"]),
        "scans": total("pgscan_{}", reclaimed),
        "steals": total("pgsteal_{}", reclaimed),
        "activations": stayed + left - refaults if entered else float(metrics["pgactivate"]),
        "deactivations": left,
        "refault activations": refaults,
    }


def agreement(case: Case, misses: np.ndarray, moved: Mapping[str, Sequence[np.ndarray]]) -> Agreement | None:
    """Compare the accesses that missed, and those of runs at values of an unknown (`moved`).

    First touches of anonymous pages count as misses for neither side.
    """
    pages = trace_pages(case.trace)[0]
    recorded = recorded_misses(case, pages.size)
    if recorded is None:
        return None
    counted = ~(first_touches(pages) & (pages < anonymous_pages(case)))
    own = misses & counted
    limits, phases = ([other & counted for other in moved.get(name, ())] for name in (LIMIT.name, PHASE.name))
    return Agreement(
        recorded,
        own,
        itself=min((jaccard(own, other) for other in limits[:2]), default=1.0),
        phased=min((jaccard(own, other) for other in phases), default=1.0),
        nearby=max(jaccard(recorded, other) for other in (own, *limits, *phases)),
    )


def jaccard(one: np.ndarray, other: np.ndarray) -> float:
    """Accesses that miss in both, as a share of those that miss in either."""
    return int(np.count_nonzero(one & other)) / max(1, int(np.count_nonzero(one | other)))


def members(case: Case, folder: Path) -> Iterator[tuple[str, Cell]]:
    """The case in every way without which it cannot be simulated: one cell for most. In words -> the cell."""
    base = cell(case, folder)
    if case.on_disk:
        yield from DISK.cells(base, Lasted(0, 0))
    elif case.variant == "lazyflush":
        yield from _lagging(case, folder)
    else:
        yield "", base


def _lagging(case: Case, folder: Path) -> Iterator[tuple[str, Cell]]:
    """Lagging statistics.

    The recording does not tell when the statistics worker ran, how fast the replay went by the worker's clock, nor to
    a page how much kernel memory was charged: one cell for every phase and pace, with the limit a page lower, equal or
    higher.
    """
    accesses = trace_pages(case.trace)[0].size
    busy = float(simulate(cell(case, folder)).metrics["elapsed_ns"])
    for number, (phase, pace) in enumerate(product(range(WORKER_PHASES), PACES)):
        wall = (case.seconds() or 1.0) * pace * 1e9
        until_worker = min(WORKER_PERIOD, wall) * (phase + 0.5) / WORKER_PHASES
        start = round(WORKER_PERIOD - until_worker)
        member = cell(case, folder, think=max(0, round((wall - busy) / accesses)), start=start)
        more = number // len(PACES) % 3 - 1
        yield f"worker after {until_worker / 1e9:.2f} s, pace {pace:g}, {more:+d} pages", with_pages(member, more)


def replay(case: Case, folder: Path) -> Result:
    """Simulate a case; where it is off, also at values of what is open, until one brings in all its counts.

    At every value, off or not, where the limit is small or misses were recorded: there it is compared with itself.
    """
    wants_misses = recorded_misses(case, 1) is not None
    outcomes = [(name, simulate(member, record_misses=wants_misses)) for name, member in members(case, folder)]
    alive = [(name, outcome) for name, outcome in outcomes if outcome.metrics["outcome"] == "ok"]
    trials, moved = [Trial(DISK.name, name, _counts(case, outcome)) for name, outcome in outcomes if case.on_disk], {}
    if len(outcomes) == 1 and alive:
        only = alive[0][1]
        thorough = case.small or wants_misses
        if thorough or not all_within(case, counts(case, only)):
            trials, moved = _tried(case, folder, only, thorough)
    nearest = min(alive, key=lambda one: distance(case, counts(case, one[1])), default=outcomes[0])[1]
    misses = nearest.misses if alive else None
    return Result(
        case=case,
        runs=tuple(counts(case, outcome) for _, outcome in alive),
        killed=len(outcomes) - len(alive),
        series=nearest.series,
        agreement=None if misses is None else agreement(case, misses, moved),
        trials=tuple(trials),
    )


def _counts(case: Case, outcome: Outcome) -> Counts | None:
    return counts(case, outcome) if outcome.metrics["outcome"] == "ok" else None


def _tried(case: Case, folder: Path, base: Outcome, thorough: bool) -> tuple[list[Trial], dict[str, list[np.ndarray]]]:
    """The runs at the values of the unknowns of the case, and what missed in them, by unknown."""
    lasted = Lasted(float(base.metrics["elapsed_ns"]), case.seconds() or 1.0)
    trials, moved = [], defaultdict(list)
    for unknown in open_in(case):
        for value, member in unknown.cells(cell(case, folder), lasted):
            outcome = simulate(member, record_misses=base.misses is not None and unknown in SENSITIVE)
            found = _counts(case, outcome)
            trials.append(Trial(unknown.name, value, found))
            if outcome.misses is not None and found is not None:
                moved[unknown.name].append(outcome.misses)
            if found is not None and not thorough and all_within(case, found):
                return trials, moved
    return trials, moved


@dataclass(frozen=True)
class Summary:
    """Errors of one quantity over a group of cases, and the kernel's own spread over the repeats of those cases."""

    quantity: str
    errors: np.ndarray
    spreads: np.ndarray

    @property
    def median(self) -> float:
        """Median absolute relative error."""
        return float(np.median(self.errors))

    @property
    def ninth(self) -> float:
        """90th percentile of the absolute relative error."""
        return float(np.quantile(self.errors, 0.9))

    @property
    def worst(self) -> float:
        """Largest absolute relative error."""
        return float(self.errors.max())


def summaries(results: Iterable[Result], keep: Callable[[Case], bool], middle: bool = False) -> list[Summary]:
    """One summary for every quantity that the kept cases have; `middle` as in `Result.error`."""
    kept = [result for result in results if keep(result.case)]
    found = []
    for quantity in QUANTITIES:
        errors = [abs(error) for result in kept if (error := result.error(quantity, middle)) is not None]
        counted = [result.case for result in kept if (result.case.value(quantity) or 0) >= COUNTABLE]
        spreads = [spread for case in counted if (spread := case.spread(quantity)) is not None]
        if errors:
            found.append(Summary(quantity, np.array(errors), np.array(spreads)))
    return found
