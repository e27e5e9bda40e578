"""More replicates where `replicates: {min, max, until}` asks for them: which rows are not known well enough yet.

The decision looks at the finished replicates 0..n-1 of a row only, so that a resumed or repeated sweep takes the same
decisions and ends with the same cells.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from statistics import fmean, stdev
from typing import Any

from runner.experiment import Until
from runner.metrics import value
from runner.plan import Plan, PlannedCell, planned_cell, row_key

LEVEL = 0.95
Row = tuple[str, ...]


def grow(plan: Plan, metrics_of: Callable[[str], Mapping[str, Any] | None]) -> Plan:
    """The plan with more replicates of the rows whose interval is too wide; the same plan when none is.

    `metrics_of` gives the metrics of a finished cell by key, or None: rows with a cell that failed do not grow.
    """
    until = plan.experiment.replicates.until
    if until is None:
        return plan
    rows: dict[Row, list[PlannedCell]] = {}
    for cell in plan.cells:
        rows.setdefault(row_key(cell.axes), []).append(cell)
    cells: list[PlannedCell] = []
    for row in rows.values():
        have = [number(metrics_of(cell.key), until.metric) for cell in row]
        wanted = min(next_count(have, until), plan.experiment.replicates.max)
        first = row[0]
        more = range(len(row), wanted)
        cells += [*row, *(planned_cell(plan.identity, first.axes, first.cell, replicate) for replicate in more)]
    return plan if len(cells) == len(plan.cells) else replace(plan, cells=tuple(cells))


def number(metrics: Mapping[str, Any] | None, metric: str) -> float | None:
    """The metric of a finished cell; None where there is none."""
    return None if metrics is None else value(metric, metrics)


def next_count(values: list[float | None], until: Until) -> int:
    """How many replicates a row should have next: those it has when they are enough, else about half as many again."""
    known = [number for number in values if number is not None]
    count = len(values)
    if len(known) < count or half_width(known) <= until.half_width:
        return count
    return count + max(1, count // 2)


def half_width(values: list[float]) -> float:
    """Half width of Student's interval over the mean; 0 when all values agree, infinite for one value or mean 0."""
    if len(values) < 2:
        return math.inf
    if min(values) == max(values):
        return 0.0
    from scipy.special import stdtrit

    middle = fmean(values)
    spread = float(stdtrit(len(values) - 1, 0.5 + LEVEL / 2)) * stdev(values) / math.sqrt(len(values))
    return abs(spread / middle) if middle else math.inf
