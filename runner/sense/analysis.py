"""The analysis: run the screening, read it, run Sobol's design on what mattered, read that. Whole or not at all."""

from collections.abc import Callable
from math import isfinite
from statistics import fmean

import numpy as np

from mmrun.model.core.frozen import frozen
from mmrun.runner.plan.axes import label_text
from mmrun.runner.plan.plan import Plan
from mmrun.runner.report.observations import fate, load_runs
from mmrun.runner.sense.design import Design, Values
from mmrun.runner.sense.morris import Floats, Influence, influences, trajectories
from mmrun.runner.sense.sobol import Share, points, shares

Run = Callable[[], Plan]


class Incomplete(Exception):
    """Cells without a number; `lines` has one for each."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        super().__init__(f"{len(lines)} cells have no number, so there are no indices")


@frozen
class Analysis:
    """What came out. `values`: the metric, or the ratio, at every point; `shares`: of the parameters that have them."""

    values: dict[Values, float]
    influences: dict[str, Influence]
    shares: dict[str, Share]
    cells: int


def analyse(design: Design, run: Run) -> Analysis:
    """Carry out the design; `run` runs the plan of all points added so far.

    Raises `Incomplete` if a cell failed, is missing or has no value of the metric.
    """
    block, names = design.block, list(design.block.ranges)
    paths = trajectories(block.morris.trajectories, block.morris.levels, len(names), design.seed)
    made, at = design.add(names, paths.reshape(-1, len(names)))
    plan = run()
    found = values(design, plan)
    flat = np.array([found[each] for each in made])
    screened = dict(zip(names, influences(at.reshape(paths.shape), flat.reshape(paths.shape[:2])), strict=True))
    shared: dict[str, Share] = {}
    if block.sobol is not None:
        chosen = most(screened, block.sobol.of)
        cube = points(block.sobol.samples, len(chosen), design.seed)
        made, _ = design.add(chosen, cube.reshape(-1, len(chosen)))
        plan = run()
        found = values(design, plan)
        numbers: Floats = np.array([found[each] for each in made]).reshape(cube.shape[:2])
        shared = dict(zip(chosen, shares(numbers, design.seed), strict=True))
    return Analysis(found, screened, shared, len(plan.cells))


def most(screened: dict[str, Influence], count: int) -> list[str]:
    """The parameters of the largest mu*, in the order of the block."""
    first = sorted(screened, key=lambda name: -screened[name].mu_star)[:count]
    return [name for name in screened if name in first]


def values(design: Design, plan: Plan) -> dict[Values, float]:
    """The metric at every point, a mean over replicates; of a ratio that of the two means. Raises `Incomplete`."""
    number = readings(design, plan)
    found, lines = {}, []
    for point in design.points:
        means = [fmean(number[key] for key in design.keys[point, side]) for side in range(len(design.sides))]
        if len(means) == 2 and not means[1]:
            lines.append(f"{words(design, point)}: the ratio's denominator is 0")
            continue
        found[point] = means[0] / means[1] if len(means) == 2 else means[0]
    if lines:
        raise Incomplete(lines)
    return found


def readings(design: Design, plan: Plan) -> dict[str, float]:
    """The metric of every cell by its key. Raises `Incomplete`."""
    metric, lines, found = design.block.metric.text, [], {}
    for cell, row in zip(plan.cells, load_runs(plan.out / "runs.parquet").rows, strict=True):
        became, number = fate(row, metric)
        if became == "ok" and number is not None and isfinite(number):
            found[cell.key] = number
            continue
        why = row.get("error") or row.get("stale") or (f"`{metric}` has no value" if became == "undefined" else "")
        axes = ", ".join(f"{name}={label_text(label)}" for name, label in cell.axes.items())
        lines.append(f"{axes}, replicate {cell.replicate}: {became}{f' ({why})' if why else ''}")
    if lines:
        raise Incomplete(lines)
    return found


def words(design: Design, point: Values) -> str:
    """A point in words: `vm.swappiness=60, machine.costs.lru_lock=20`; what stays at the cell's own is left out."""
    return ", ".join(f"{name}={text}" for name, text in zip(design.block.ranges, point, strict=True) if text)
