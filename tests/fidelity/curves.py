"""Curves by number: how far the model is from the recorded samples along every replay that has some."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from tests.fidelity.compare import Result
from tests.fidelity.markdown import table
from tests.fidelity.recorded import curves

# Panel -> recorded and simulated column; `{}` stands for the kinds of pages the case has.
PANELS = {
    "scanned": ("pgscan_{}", "pgscan_{}"),
    "deactivated": ("pgdeactivate", "pgdeactivate"),
    "refaults\nactivated": ("workingset_activate_{}", "workingset_activate_{}"),
    "active lists": ("mc_active_{}", "nr_active_{}"),
    "inactive lists": ("mc_inactive_{}", "nr_inactive_{}"),
}
GAUGES = ("active lists", "inactive lists")
LEAST = 1000  # pages or events: what a curve must come to for its gap to be a share of it
WORST = 15


@dataclass(frozen=True)
class Gap:
    """Distance of simulated from recorded samples: largest and mean, as shares of the end of the recorded curve.

    Of list sizes, which may end at nothing, as shares of the limit.
    """

    result: Result
    panel: str
    largest: float
    mean: float


def pair(result: Result, panel: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where the recorded samples were taken (accesses), what they were, and what the model has there."""
    recorded, simulated = PANELS[panel]
    kernel, series, kinds = curves()[result.case.name], result.series, result.case.kinds
    dots = np.sum([kernel[name] for name in {recorded.format(kind) for kind in kinds}], axis=0, dtype=np.int64)
    line = np.sum([series[name] for name in {simulated.format(kind) for kind in kinds}], axis=0)
    begun = series["access"][0] > 0 if len(series["access"]) else True
    at = np.concatenate(([0], series["access"])) if begun else series["access"]
    line = np.concatenate(([0], line)) if begun else line
    return kernel["at"], dots, np.interp(kernel["at"], at, line)


def gaps(results: Iterable[Result]) -> list[Gap]:
    """Every curve of every case, but those that come to too little."""
    found = []
    for result in results:
        if result.case.name not in curves() or not result.runs:
            continue
        for panel in PANELS:
            _, dots, line = pair(result, panel)
            whole = float(result.case.limit_pages if panel in GAUGES else dots[-1])
            if whole >= LEAST:
                far = np.abs(line - dots) / whole
                found.append(Gap(result, panel, float(far.max()), float(far.mean())))
    return found


def group(result: Result) -> str:
    """What a case's curves are put together with."""
    case = result.case
    if case.on_disk:
        return "disks"
    if case.variant:
        return "readahead, fault-around, advice, lag"
    return "plain, small limits" if case.small else "plain, large limits"


def distribution(found: Sequence[Gap]) -> str:
    """Largest and mean gaps by group and panel: median, 90th percentile and worst over the curves."""
    rows = []
    for name in dict.fromkeys(group(gap.result) for gap in found):
        for panel in PANELS:
            members = [gap for gap in found if group(gap.result) == name and gap.panel == panel]
            if members:
                largest = np.array([gap.largest for gap in members]) * 100
                mean = np.array([gap.mean for gap in members]) * 100
                figures = (np.median(largest), np.quantile(largest, 0.9), largest.max(), np.median(mean), mean.max())
                label = panel.replace("\n", " ")
                rows.append([name, label, str(len(members)), *(f"{figure:.2f}" for figure in figures)])
    head = ("cases", "curve", "curves", "largest gap, median %", "90th %", "worst %", "mean gap, median %", "worst %")
    return table(head, rows)


def worst(found: Sequence[Gap]) -> str:
    """The curves that are furthest off."""
    rows = [
        [gap.result.case.name, gap.panel.replace("\n", " "), f"{100 * gap.largest:.2f}", f"{100 * gap.mean:.2f}"]
        for gap in sorted(found, key=lambda gap: -gap.largest)[:WORST]
    ]
    return table(("case", "curve", "largest gap %", "mean gap %"), rows)
