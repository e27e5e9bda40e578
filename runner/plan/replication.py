"""More replicates where an interval is still too wide: the `until` of an experiment's `replicates`."""

from dataclasses import replace
from math import inf, sqrt
from statistics import fmean, stdev
from typing import Any

from mmrun.runner.plan.plan import Plan, further, row_key
from mmrun.runner.store.store import Store

CONFIDENCE = 0.95


def extended(plan: Plan, store: Store) -> Plan | None:
    """The plan with half as many replicates again where an interval is too wide; None when no row needs more."""
    until = plan.experiment.replicates.until
    if until is None:
        return None
    values: dict[tuple[str, ...], list[float]] = {}
    counts: dict[tuple[str, ...], int] = {}
    for cell in plan.cells:
        row = row_key(cell.axes)
        counts[row] = counts.get(row, 0) + 1
        value = number(store.metrics(cell.key), until.metric)
        if value is not None:
            values.setdefault(row, []).append(value)
    wide = {row for row in counts if relative_half_width(values.get(row, [])) > until.half_width}
    known = {cell.key for cell in plan.cells}
    more = [
        cell
        for row in wide
        for cell in further(plan, counts[row] + max(1, counts[row] // 2), {row})
        if cell.key not in known
    ]
    if not more:
        return None
    order = {row: place for place, row in enumerate(counts)}
    cells = sorted([*plan.cells, *more], key=lambda cell: (order[row_key(cell.axes)], cell.replicate))
    return replace(plan, cells=tuple(cells))


def number(found: dict[str, Any] | None, metric: str) -> float | None:
    """The value of the metric, derived ones included; None where the run has none."""
    from mmrun.runner import metrics

    return None if found is None else metrics.value(metric, found)


def relative_half_width(values: list[float]) -> float:
    """Half width of the mean's 95 % t interval over the mean: 0 for equal values, infinite while nothing is known."""
    if len(values) < 2:
        return inf
    spread = stdev(values)
    if spread == 0:
        return 0.0
    mean = fmean(values)
    if mean == 0:
        return inf
    from scipy.stats import t

    return float(t.ppf((1 + CONFIDENCE) / 2, len(values) - 1)) * spread / sqrt(len(values)) / abs(mean)
