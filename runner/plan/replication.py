"""More replicates where the pilot says that an interval needs them: the `until` of an experiment's `replicates`.

Stein's two stages: the first `min` replicates are a pilot, whose spread alone says how many a row needs,
n = (t s / h)^2, and so many it gets at once. Whoever looks again after every replicate and stops when the interval
happens to be narrow stops too early; docs/statistics.md has how often the intervals hold. Replicates that fall into
modes have no spread to plan with: such a row gets `max`, and its modes are shown.
"""

import math
from dataclasses import replace
from typing import Any

from mmrun.runner.plan.plan import Plan, further, row_key
from mmrun.runner.store.store import Store

CONFIDENCE = 0.95


def extended(plan: Plan, store: Store) -> Plan | None:
    """The plan with the replicates that its rows need by now; None when no row needs more."""
    until = plan.experiment.replicates.until
    if until is None:
        return None
    values: dict[tuple[str, ...], dict[int, float]] = {}
    counts: dict[tuple[str, ...], int] = {}
    for cell in plan.cells:
        if cell.random:
            row = row_key(cell.axes)
            counts[row] = counts.get(row, 0) + 1
            value = number(store.metrics(cell.key), until.metric)
            if value is not None:
                values.setdefault(row, {})[cell.replicate] = value
    pilot, most = plan.experiment.replicates.min, plan.experiment.replicates.max
    known = {cell.key for cell in plan.cells}
    more = [
        cell
        for row, count in counts.items()
        if (wanted := min(most, needed(values.get(row, {}), pilot, until.half_width))) > count
        for cell in further(plan, int(wanted), {row})
        if cell.key not in known
    ]
    if not more:
        return None
    order = {row: place for place, row in enumerate(dict.fromkeys(row_key(cell.axes) for cell in plan.cells))}
    cells = sorted([*plan.cells, *more], key=lambda cell: (order[row_key(cell.axes)], cell.replicate))
    return replace(plan, cells=tuple(cells))


def number(found: dict[str, Any] | None, metric: str) -> float | None:
    """The value of the metric, derived ones included; None where the run has none."""
    from mmrun.runner import metrics

    value = None if found is None else metrics.value(metric, found)
    return value if value is not None and math.isfinite(value) else None


def needed(values: dict[int, float], pilot: int, half_width: float) -> float:
    """Replicates after which the 95 % interval of the mean is expected to reach `half_width` of it to either side.

    `values` by replicate: the first `pilot` tell, all of them whether there are modes. Infinite where nothing can be
    expected: modes, or a mean of 0. A pilot whose values agree is enough, and more runs do not mend one that was lost.
    """
    from scipy.stats import t

    from mmrun.runner.report.shape import modes_of

    first = [value for replicate, value in values.items() if replicate < pilot]
    if len(first) < 2:
        return pilot
    if len(modes_of(list(values.values()))) > 1:
        return math.inf
    mean = math.fsum(first) / len(first)
    spread = math.sqrt(math.fsum((x - mean) ** 2 for x in first) / (len(first) - 1))
    if spread == 0:
        return pilot
    if mean == 0:
        return math.inf
    reach = float(t.ppf((1 + CONFIDENCE) / 2, len(first) - 1)) * spread / (half_width * abs(mean))
    return max(float(pilot), math.ceil(reach**2))
