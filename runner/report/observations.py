"""Stored results as a report sees them: cells of the sweep, their replicates, and what became of each run."""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any, Literal

from mmrun.model.core.frozen import frozen
from mmrun.runner import metrics
from mmrun.runner.report.report_block import Where, as_tuple, label_text
from mmrun.runner.report.sweep_facts import NO_FACTS, SweepFacts
from mmrun.runner.store.table_file import read_table

Fate = Literal["ok", "oom", "died", "failed", "stale", "missing", "undefined"]
Key = tuple[str, ...]


@frozen
class Sample:
    """One metric of one cell: values of the runs that have one, and how many runs met which fate.

    A run is known by its replicate, after its labels on pooled axes if there are any.
    """

    values: dict[tuple[str | int, ...], float] = field(default_factory=dict)
    fates: Counter[Fate] = field(default_factory=Counter)
    random: bool = True
    """Whether anything in these cells draws random numbers."""
    cells: int = 1
    """Cells along the pooled axes; 1 without any."""
    fixed: frozenset[Key] = frozenset()
    """Those of them, by their labels on pooled axes, that draw no random numbers and have one run."""

    def beside(self, other: "Sample") -> dict[tuple[str | int, ...], float]:
        """The values, the one run of a cell without randomness also as the pair of every replicate of the other's."""
        alone = {key[:-1]: value for key, value in self.values.items() if key[:-1] in self.fixed}
        return {key: alone[key[:-1]] for key in other.values if key[:-1] in alone} | self.values


@frozen
class Runs:
    """Rows of runs.parquet: a mapping per run, without nulls. `axes`: axis -> labels as text, in sweep order.

    `facts`: what the sweep left out, and which labels are yardsticks.
    """

    axes: dict[str, list[str]]
    rows: list[dict[str, Any]]
    facts: SweepFacts = NO_FACTS

    def where(self, wanted: Where) -> "Runs":
        """The runs at the given labels; the axes keep only these."""
        chosen = {axis: {label_text(label) for label in as_tuple(labels)} for axis, labels in wanted.items()}
        rows = [row for row in self.rows if all(label_text(row.get(axis)) in labels for axis, labels in chosen.items())]
        axes = {
            axis: [x for x in labels if axis not in chosen or x in chosen[axis]] for axis, labels in self.axes.items()
        }
        return Runs(axes, rows, self.facts)

    def key(self, row: Mapping[str, Any], axes: Sequence[str]) -> Key:
        """The row's labels on these axes."""
        return tuple(label_text(row.get(axis)) for axis in axes)

    def keys(self, axes: Sequence[str]) -> list[Key]:
        """Combinations of labels that occur on these axes, in sweep order."""
        places = [{label: i for i, label in enumerate(self.axes.get(axis, []))} for axis in axes]
        seen = {self.key(row, axes) for row in self.rows}

        def order(key: Key) -> list[tuple[int, str]]:
            return [(place.get(label, len(place)), label) for place, label in zip(places, key, strict=True)]

        return sorted(seen, key=order)

    def by_cell(self, pool: Collection[str] = ()) -> dict[Key, list[dict[str, Any]]]:
        """Runs grouped by all axes but those of `pool`; without any, each group is the replicates of a cell."""
        axes = [axis for axis in self.axes if axis not in pool]
        groups: dict[Key, list[dict[str, Any]]] = {}
        for row in self.rows:
            groups.setdefault(self.key(row, axes), []).append(row)
        return groups

    def sample(
        self, rows: Iterable[Mapping[str, Any]], metric: str, pool: Sequence[str] = (), count_oom: bool = False
    ) -> Sample:
        """The metric of these runs (replicates of one cell, or of the cells along the axes of `pool`).

        `count_oom`: runs that the OOM killer or their death ended have a value too, what they had reached by then.
        """
        rows = list(rows)
        cells = {self.key(row, pool) for row in rows}
        fixed = frozenset(self.key(row, pool) for row in rows if not row.get("random", True))
        sample = Sample(random=fixed != cells, cells=len(cells), fixed=fixed)
        for row in rows:
            reached, number = fate(row, metric, count_oom)
            sample.fates[reached] += 1
            if number is not None:
                sample.values[(*self.key(row, pool), int(row["replicate"]))] = number
        return sample

    def stale(self) -> Counter[str]:
        """Number of runs by the reason why they are not of the present model and config."""
        return Counter(row["stale"] for row in self.rows if row.get("stale"))

    def count(self) -> Counter[Fate]:
        """Number of runs by fate, metrics aside."""
        return Counter(fate(row)[0] for row in self.rows)


def fate(row: Mapping[str, Any], metric: str | None = None, count_oom: bool = False) -> tuple[Fate, float | None]:
    """What became of a run, and its value of the metric if it has one that means something.

    What was computed by an older model or config is `stale` and never a number.
    """
    status = row.get("status", "missing")
    if row.get("stale"):
        return "stale", None
    if status != "ok":
        return ("missing" if status == "missing" else "failed"), None
    ended: Fate = {"oom": "oom", "died": "died"}.get(str(row.get("outcome")), "ok")  # type: ignore[assignment]
    if metric is None or (ended != "ok" and not (count_oom or metrics.metric(metric).after_oom)):
        return ended, None
    number = metrics.value(metric, row)
    if number is None or not math.isfinite(number):
        return "undefined", None
    return (ended if ended != "ok" and not metrics.metric(metric).after_oom else "ok"), number


def load_runs(path: Path) -> Runs:
    """Read runs.parquet, in which cells that were not run have a row of status `missing`.

    Raises FileNotFoundError if there is no such file, ValueError if it is not a table of runs.
    """
    table, axes = read_table(path)
    rows = [{k: v for k, v in row.items() if v is not None} for row in table.to_pylist()]
    return Runs(_labels(table, axes), rows)


def stale_runs(out: Path) -> int:
    """How many runs of the results in `out` are not of the model, the policies and the configuration of its sweep."""
    table, _ = read_table(out / "runs.parquet", ["stale"])
    return sum(map(bool, table["stale"].to_pylist())) if "stale" in table.column_names else 0


def load_series(path: Path, wanted: Collection[str]) -> Runs | None:
    """The `wanted` columns of series.parquet, a row per cell whose columns hold arrays; None if nothing was sampled."""
    if not path.exists():
        return None
    table, names = read_table(path, wanted)
    if not table.num_rows:
        return None
    axes = _labels(table, names)
    identity = [*axes, "replicate"]
    keys = list(zip(*(table[name].to_pylist() for name in identity), strict=True))
    columns = {name: table[name].to_numpy() for name in table.column_names if name not in identity}
    starts = [i for i, key in enumerate(keys) if i == 0 or key != keys[i - 1]]
    rows: list[dict[str, Any]] = []
    for start, end in zip(starts, [*starts[1:], len(keys)], strict=True):
        labels = {name: label for name, label in zip(identity, keys[start], strict=True) if label is not None}
        rows.append({**labels, **{name: column[start:end] for name, column in columns.items()}})
    return Runs(axes, rows)


def _labels(table: Any, axes: Iterable[str]) -> dict[str, list[str]]:
    """Axis -> labels in order of appearance; rows stand in the order of the sweep."""
    return {
        axis: [label for label in dict.fromkeys(map(label_text, table[axis].to_pylist())) if label] for axis in axes
    }
