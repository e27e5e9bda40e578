"""The model's counts beside the kernel's: errors, the kernel's own spread, agreement on which accesses miss."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np

from mmrun.model.api import Outcome, simulate
from mmrun.model.description import Cell
from tests.fidelity.cases import DISKS, anonymous_pages, cell, first_touches, trace_pages, with_pages, with_tlb
from tests.fidelity.recorded import QUANTITIES, Case, recorded_misses

WORKER_PERIOD = 2_000_000_000  # ns between two folds by the kernel's statistics worker
PHASES = 8  # moments of the worker at which a lagging replay is simulated, each at every pace
PACES = (1.0, 1.5, 2.0)  # wall time of the replay as a multiple of what was recorded on a busy machine
PAGES = 3  # what kernel memory is charged at the end differs by as much between repeats of one case
FLUSHES = (0.01, 0.03, 0.1, 0.3, 1.0)  # of a guest's replay: how long its TLB may have kept translations
COUNTABLE = 100  # smaller counts are listed but not averaged: there, one page is more than 1 %


@dataclass(frozen=True)
class Agreement:
    """Which accesses miss in the kernel and in the model.

    `itself`: how the model agrees with itself when its limit is a page lower or higher (the worse); `nearby`: how the
    kernel and the model agree at the best of the limits that are up to `PAGES` away.
    """

    recorded: np.ndarray
    simulated: np.ndarray
    itself: float
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


@dataclass(frozen=True)
class Result:
    """One case in the model: counts of the runs that survived, how many were killed, curves of the first run.

    `neighbours`: counts with the limit up to `PAGES` lower and higher, where there is one run only. `stale`: counts
    with a TLB that is emptied only every so often (`FLUSHES`), for guests.
    """

    case: Case
    runs: tuple[dict[str, float], ...]
    killed: int
    series: dict[str, np.ndarray]
    agreement: Agreement | None
    neighbours: tuple[dict[str, float], ...] = ()
    stale: tuple[dict[str, float], ...] = ()

    @property
    def simulated(self) -> int:
        """How often the case was simulated."""
        return len(self.runs) + self.killed

    def nearest(self) -> dict[str, float] | None:
        """The run whose counts are together closest to the recorded ones; None when all were killed."""
        wanted = {name: value for name in QUANTITIES if (value := self.case.value(name)) and value >= COUNTABLE}
        return min(
            self.runs,
            key=lambda run: sum(abs(np.log(max(run[name], 1) / value)) for name, value in wanted.items()),
            default=None,
        )

    def value(self, quantity: str) -> float | None:
        """The simulated count, of the nearest run where there are several; None when all were killed."""
        nearest = self.nearest()
        return None if nearest is None else nearest[quantity]

    def range(self, quantity: str) -> tuple[float, float] | None:
        """Smallest and largest count of the simulated runs; None when all were killed."""
        values = [run[quantity] for run in self.runs]
        return (min(values), max(values)) if values else None

    def page_range(self, quantity: str) -> tuple[float, float] | None:
        """Smallest and largest count over limits up to `PAGES` lower and higher; None when all were killed."""
        values = [run[quantity] for run in (*self.runs, *self.neighbours)]
        return (min(values), max(values)) if values else None

    def with_stale(self) -> "Result":
        """The case with the runs through a TLB among its runs."""
        return replace(self, runs=(*self.runs, *self.stale))

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


def counts(case: Case, outcome: Outcome) -> dict[str, float]:
    """The quantities of a simulated run, from the counters that the recorded ones come from."""
    metrics = outcome.metrics

    def total(name: str) -> float:
        return sum(float(metrics[name.format(kind)]) for kind in case.kinds)

    read = case.backend == "fileread"
    refaults, left = total("workingset_activate_{}"), float(metrics["pgdeactivate"])
    entered = read and not case.guest  # where pages that joined the active list had to be counted by what left it
    stayed = float(metrics["nr_active_file"]) if entered else 0
    return {
        "misses": float(metrics["misses" if read else "pgmajfault"]),
        "swap-outs": float(metrics["pswpout"]),
        "scans": total("pgscan_{}"),
        "steals": total("pgsteal_{}"),
        "activations": stayed + left - refaults if entered else float(metrics["pgactivate"]),
        "deactivations": left,
        "refault activations": refaults,
    }


def agreement(case: Case, misses: np.ndarray, perturbed: Iterable[Outcome]) -> Agreement | None:
    """Compare the accesses that missed; first touches of anonymous pages count as misses for neither side."""
    pages = trace_pages(case.trace)[0]
    recorded = recorded_misses(case, pages.size)
    if recorded is None:
        return None
    counted = ~(first_touches(pages) & (pages < anonymous_pages(case)))
    others = [other.misses & counted for other in perturbed if other.misses is not None]
    itself = min(jaccard(misses & counted, other) for other in others[:2])
    nearby = max(jaccard(recorded, other) for other in (misses & counted, *others))
    return Agreement(recorded, misses & counted, itself, nearby)


def jaccard(one: np.ndarray, other: np.ndarray) -> float:
    """Accesses that miss in both, as a share of those that miss in either."""
    return int(np.count_nonzero(one & other)) / max(1, int(np.count_nonzero(one | other)))


def members(case: Case, folder: Path) -> Iterator[Cell]:
    """The case in every way that its recording leaves open: one cell for most."""
    if case.on_disk:
        yield from (cell(case, folder, disk=disk) for disk in DISKS)
    elif case.variant == "lazyflush":
        yield from _lagging(case, folder)
    else:
        yield cell(case, folder)


def _lagging(case: Case, folder: Path) -> Iterator[Cell]:
    """Lagging statistics.

    The recording does not tell when the statistics worker ran, how fast the replay went by the worker's clock, nor to
    a page how much kernel memory was charged: one cell for every phase and pace, with the limit a page lower, equal or
    higher.
    """
    accesses = trace_pages(case.trace)[0].size
    busy = float(simulate(cell(case, folder)).metrics["elapsed_ns"])
    for number, (phase, pace) in enumerate(product(range(PHASES), PACES)):
        wall = (case.seconds() or 1.0) * pace * 1e9
        until_worker = min(WORKER_PERIOD, wall) * (phase + 0.5) / PHASES
        start = round(WORKER_PERIOD - until_worker)
        member = cell(case, folder, think=max(0, round((wall - busy) / accesses)), start=start)
        yield with_pages(member, number // len(PACES) % 3 - 1)


def replay(case: Case, folder: Path) -> Result:
    """Simulate a case in every way its recording leaves open."""
    wants_misses = recorded_misses(case, 1) is not None
    cells = list(members(case, folder))
    outcomes = [simulate(member, record_misses=wants_misses) for member in cells]
    alive = [outcome for outcome in outcomes if outcome.metrics["outcome"] == "ok"]
    misses = alive[0].misses if alive else None
    perturbed = []
    if len(cells) == 1 and alive:
        nearby = [sign * more for more in range(1, PAGES + 1) for sign in (-1, 1)]
        perturbed = [simulate(with_pages(cells[0], more), record_misses=wants_misses) for more in nearby]
    stale = []
    if case.guest and alive:
        lasted = float(alive[0].metrics["elapsed_ns"])
        stale = [simulate(with_tlb(cells[0], round(lasted * share))) for share in FLUSHES]
    return Result(
        case=case,
        runs=tuple(counts(case, outcome) for outcome in alive),
        killed=len(outcomes) - len(alive),
        series=(alive or outcomes)[0].series,
        agreement=None if misses is None else agreement(case, misses, perturbed),
        neighbours=tuple(counts(case, other) for other in perturbed if other.metrics["outcome"] == "ok"),
        stale=tuple(counts(case, other) for other in stale if other.metrics["outcome"] == "ok"),
    )


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
