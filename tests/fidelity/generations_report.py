"""The report's section on the replays of Linux 6.14 and 6.17."""

import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

from tests.fidelity.generations import BANDS, MOST_MORE, QUANTITIES, TRAPPED, UNKNOWN, Compared, replay, replays
from tests.fidelity.markdown import table
from tests.fidelity.spread import BATCH


def _errors(results: Sequence[Compared]) -> str:
    """Errors of the larger cases by kernel and count; agings by how many are equal."""
    rows = []
    for era in dict.fromkeys(r.case.era for r in results):
        for quantity in QUANTITIES:
            kept = [r for r in results if r.case.era == era and not r.case.small and r.case.tick_us]
            if quantity == "agings":
                known = [r for r in kept if r.case.value(quantity) is not None]
                equal = sum(r.found[quantity] in r.case.values(quantity) for r in known)
                if known:
                    rows.append([era, quantity, str(len(known)), f"{equal} equal", "", "", ""])
                continue
            errors = [100 * abs(e) for r in kept if (e := r.error(quantity)) is not None]
            if errors:
                met = sum(e <= 100 * BANDS[quantity] for e in errors)
                numbers = [f"{v:.2f}" for v in (np.median(errors), np.quantile(errors, 0.9), max(errors))]
                rows.append([era, quantity, str(len(errors)), *numbers, f"{met} within {100 * BANDS[quantity]:g} %"])
    return table(("kernel", "count", "cases", "median %", "90th %", "worst %", ""), rows)


def _counts(results: Sequence[Compared], ranges: bool) -> str:
    """Simulated and recorded counts of each case, with the range of the runs if asked for."""
    rows = []
    for r in results:
        cells = []
        for quantity in QUANTITIES:
            recorded = "–".join(f"{v:,}" for v in dict.fromkeys(sorted(r.case.values(quantity))))
            low, high = r.range(quantity)
            spread = f" ({low:,.0f}–{high:,.0f})" if ranges else ""
            cells.append(f"{r.found[quantity]:,.0f}{spread} / {recorded}" if recorded else "")
        rows.append([r.case.name, *cells])
    return table(("case (simulated / recorded)", *QUANTITIES), rows)


def _traps(results: Sequence[Compared]) -> str:
    """Which runs of a shifting set are trapped, kernel and model."""
    rows, known = [], [r for r in results if r.case.trace.startswith("ph5") and r.case.generations and r.case.tick_us]
    few = {r.case.trace: r.case.value("misses") or 0 for r in results if not r.case.generations}
    for era in dict.fromkeys(r.case.era for r in known):
        alike = [r for r in known if r.case.era == era]
        least = TRAPPED * max(few[r.case.trace] for r in alike if r.case.trace in few)
        kernel = [(r.case.value("misses") or 0) > least for r in alike]
        model = [r.found["misses"] > least for r in alike]
        same = sum(a == b for a, b in zip(kernel, model, strict=True))
        off = np.median([100 * abs(r.error("misses") or 0) for r in alike])
        rows.append([era, str(len(alike)), str(sum(kernel)), str(sum(model)), str(same), f"{off:.2f}"])
    head = ("kernel", "pairs of seed and limit", "trapped in the kernel", "in the model", "alike", "misses off by %")
    return table(head, rows)


@cache
def compared() -> tuple[Compared, ...]:
    """Every recorded replay in the model."""
    with tempfile.TemporaryDirectory(prefix="mmrun-generations-") as folder:
        return tuple(replay(case, Path(folder)) for case in replays())


def section() -> str:
    """Everything that the report says of these recordings."""
    results = compared()
    small = [r for r in results if r.case.small and r.case.tick_us and not r.case.trace.startswith("ph5")]
    asked = [(r, q) for r in small for q in QUANTITIES if r.case.values(q)]
    inside = sum(r.within(q) for r, q in asked)
    periods = ", ".join(f"{us // 1000}" for us in UNKNOWN)
    return "\n\n".join(
        (
            "Limits of 5,000 pages and more.",
            _errors(results),
            _counts([r for r in results if not r.case.small and r.case.tick_us], False),
            "Of these are off by more, and what limits up to "
            f"{MOST_MORE} pages lower and higher do to the model's counts:",
            _counts([r for r in results if not r.case.small and r.case.tick_us and r.nearby], True),
            "A shifting set that is read: a run is trapped where what is read leaves before it is read again.",
            _traps(results),
            f"Small limits, and the range over limits up to {MOST_MORE} pages lower and higher: {inside} of the "
            f"{len(asked)} counts lie in it, or within a batch of {BATCH} pages.",
            _counts(small, True),
            f"No task woke on purpose: how often the program was switched is not known. Range over every {periods} ms.",
            _counts([r for r in results if not r.case.tick_us], True),
        )
    )
