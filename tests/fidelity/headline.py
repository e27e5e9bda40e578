"""The headline: one row for every kind of recording, with what was aimed at."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from tests.fidelity import numa, slab
from tests.fidelity.compare import Counts, Result
from tests.fidelity.explained import off
from tests.fidelity.generations_report import compared
from tests.fidelity.markdown import table
from tests.fidelity.spread import allowed, countable
from tests.fidelity.unknowns import SENSITIVE, TLB

HEAD = ("recordings", "count", "number", "median %", "90th %", "worst %", "aimed at", "met")
RAHEAD = ("faultaround", "default-ra", "default-ra-fa")


def errors(results: Iterable[Result], *quantities: str, middle: bool = False) -> np.ndarray:
    """Absolute relative errors of the quantities, all together, in per cent."""
    found = (result.error(quantity, middle) for result in results for quantity in quantities)
    return np.array([100 * abs(error) for error in found if error is not None])


def row(kind: str, count: str, found: np.ndarray, aim: tuple[float, float] | None = None) -> list[str]:
    """Errors in per cent; `aim`: median and 90th percentile."""
    if not found.size:
        return [kind, count, "0", "–", "–", "–", "–", ""]
    middle, ninth = float(np.median(found)), float(np.quantile(found, 0.9))
    aimed, met = "–", ""
    if aim is not None:
        aimed, met = f"{aim[0]:g} / {aim[1]:g}", "yes" if middle <= aim[0] and ninth <= aim[1] else "no"
    return [kind, count, str(found.size), f"{middle:.2f}", f"{ninth:.2f}", f"{found.max():.2f}", aimed, met]


def share_row(kind: str, count: str, held: Sequence[bool], aim: float) -> list[str]:
    """A share of counts in per cent, and what it should be at least."""
    share = 100 * float(np.mean(held)) if held else 0.0
    text = f"{sum(held)} of {len(held)}: {share:.0f} %"
    return [kind, count, str(len(held)), text, "", "", f"{aim:g} %", "yes" if share >= aim else "no"]


def inside(result: Result, quantity: str, runs: Sequence[Counts]) -> bool:
    """Whether the recorded count lies within the range of the runs, or the kernel's spread of it."""
    few, many = allowed(result.case, quantity)
    recorded, found = result.case.value(quantity) or 0, [run[quantity] for run in runs]
    return bool(found) and min(found) - many <= recorded <= max(found) + few


def in_range(results: Iterable[Result], runs: Callable[[Result], Sequence[Counts]]) -> list[bool]:
    """For every count of every case, whether it lies within the range of the runs."""
    return [inside(r, quantity, runs(r)) for r in results if runs(r) for quantity in countable(r.case)]


def moved(result: Result) -> tuple[Counts, ...]:
    """The case at every limit and phase tried: what the model makes of it for want of a page or a moment."""
    return (*result.runs, *(run for unknown in SENSITIVE for run in result.at(unknown.name)))


def within_spread(results: Iterable[Result]) -> list[bool]:
    """For every count of every case, whether it is the kernel's."""
    held = []
    for result in results:
        wrong = {each.quantity for each in off(result)}
        held += [quantity not in wrong for quantity in countable(result.case)]
    return held


def summary(results: Sequence[Result]) -> str:
    """All rows."""
    host = [r for r in results if not r.case.guest and not r.case.on_disk]
    plain = [r for r in host if not r.case.variant]
    large, small = [r for r in plain if not r.case.small], [r for r in plain if r.case.small]
    lagging = [r for r in host if r.case.variant == "lazyflush"]
    disks = [r for r in results if r.case.on_disk]
    rows = [
        row("large limits", "misses", errors(large, "misses"), (0.05, 0.5)),
        row("large limits", "deactivations", errors(large, "deactivations"), (0.5, 5.0)),
        row("small limits", "misses", errors(small, "misses")),
        share_row("small limits", "counts within the kernel's spread", within_spread(small), 90),
        share_row("small limits", "counts within the model's own sensitivity", in_range(small, moved), 90),
        row("disks", "misses", errors(disks, "misses")),
        share_row("disks", "counts within the range of the disks", in_range(disks, lambda r: r.runs), 90),
        row("lagging statistics, nearest run", "misses", errors(lagging, "misses"), (0.5, 2.0)),
        row("lagging statistics, median run", "misses", errors(lagging, "misses", middle=True)),
        share_row("lagging statistics", "counts within the range of the runs", in_range(lagging, lambda r: r.runs), 90),
        row("readahead and fault-around", "misses", errors([r for r in host if r.case.variant in RAHEAD], "misses")),
        row("readahead and fault-around", "scans", errors([r for r in host if r.case.variant in RAHEAD], "scans")),
    ]
    for kernel, aim in {"6.1": (0.5, 2.0), "6.12": (0.5, 2.0), "6.1+mglru": (2.0, 5.0)}.items():
        own = [r for r in results if r.case.kernel == kernel]
        big, few = [r for r in own if not r.case.small], [r for r in own if r.case.small]
        rows.append(row(f"guest of {kernel}, large limits", "misses", errors(big, "misses"), aim))
        rows.append(row(f"guest of {kernel}, small limits", "misses", errors(few, "misses")))
        held = in_range(few, lambda r: (*moved(r), *r.at(TLB.name)))
        words = "counts within the model's own sensitivity, TLB included"
        rows.append(share_row(f"guest of {kernel}, small limits", words, held, 90))
    for era in dict.fromkeys(r.case.era for r in compared()):
        big = [r for r in compared() if r.case.era == era and not r.case.small and r.case.tick_us]
        found = np.array([100 * abs(error) for r in big if (error := r.error("misses")) is not None])
        rows.append(row(f"guest of {era}, large limits", "misses", found, (0.5, 2.0)))
    unspilled = np.abs(numa.errors(numa.placements())) * 100
    rows.append(row("two nodes", "pages placed, by node where they fit", unspilled, (0.05, 0.05)))
    end_state = np.abs(list(slab.nearest(slab.simulated())[1].values())) * 100
    rows.append(row("shrinkers in a group", "quantities of the nearest recorded end state", end_state))
    return table(HEAD, rows)
