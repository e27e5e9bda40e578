"""Stored results as a report sees them: cells of the sweep, their replicates, and what became of each run."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from runner import metrics
from runner.report_block import Label, Where, as_tuple, label_text

Fate = Literal["ok", "oom", "failed", "missing", "undefined"]
Key = tuple[str, ...]


@dataclass(frozen=True)
class Sample:
    """One metric of one cell: values by replicate of the runs that have one, and how many runs met which fate."""

    values: dict[int, float] = field(default_factory=dict)
    fates: Counter[Fate] = field(default_factory=Counter)

    @property
    def asked(self) -> int:
        """Replicates that were planned."""
        return self.fates.total()


@dataclass(frozen=True)
class Runs:
    """Rows of runs.parquet: a mapping per run, without Nones. `axes`: axis -> labels as text, in sweep order."""

    axes: dict[str, list[str]]
    rows: list[dict[str, Any]]

    def where(self, wanted: Where) -> "Runs":
        """The runs at the given labels; the axes keep only these."""
        chosen = {axis: {label_text(label) for label in as_tuple(labels)} for axis, labels in wanted.items()}
        rows = [row for row in self.rows if all(label_text(row.get(axis)) in labels for axis, labels in chosen.items())]
        axes = {
            axis: [x for x in labels if axis not in chosen or x in chosen[axis]] for axis, labels in self.axes.items()
        }
        return Runs(axes, rows)

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

    def by_cell(self) -> dict[Key, list[dict[str, Any]]]:
        """Runs grouped by all axes; each group is the replicates of a cell."""
        groups: dict[Key, list[dict[str, Any]]] = {}
        for row in self.rows:
            groups.setdefault(self.key(row, list(self.axes)), []).append(row)
        return groups

    def sample(self, rows: Iterable[Mapping[str, Any]], metric: str) -> Sample:
        """The metric of these runs (replicates of one cell)."""
        sample = Sample()
        for row in rows:
            reached, number = fate(row, metric)
            sample.fates[reached] += 1
            if number is not None:
                sample.values[int(row["replicate"])] = number
        return sample

    def count(self) -> Counter[Fate]:
        """Number of runs by fate, metrics aside."""
        return Counter(fate(row)[0] for row in self.rows)


def fate(row: Mapping[str, Any], metric: str | None = None) -> tuple[Fate, float | None]:
    """What became of a run, and its value of the metric if it has one that means something."""
    status = row.get("status", "missing")
    if status != "ok":
        return ("missing" if status == "missing" else "failed"), None
    out_of_memory = row.get("outcome") == "oom"
    if metric is None or (out_of_memory and not metrics.metric(metric).after_oom):
        return ("oom" if out_of_memory else "ok"), None
    number = metrics.value(metric, row)
    return ("ok", number) if number is not None else ("undefined", None)


def load_runs(
    path: Path, axes: Mapping[str, Sequence[Label]], planned: Iterable[tuple[Mapping[str, Any], int]] = ()
) -> Runs:
    """Read runs.parquet at `path`. Raises FileNotFoundError if there is none.

    `planned`: (axis labels, replicate) of every cell of the sweep; those without a row count as missing.
    """
    import pyarrow.parquet as parquet

    rows = [{k: v for k, v in row.items() if v is not None} for row in parquet.read_table(path).to_pylist()]
    runs = Runs({axis: [label_text(label) for label in labels] for axis, labels in axes.items()}, rows)
    names = list(axes)
    have = {(runs.key(row, names), int(row["replicate"])) for row in rows}
    for labels, replicate in planned:
        if (runs.key(labels, names), replicate) not in have:
            rows.append({**labels, "replicate": replicate, "status": "missing"})
    return runs


def axes_of(cells: Iterable[Mapping[str, Label]]) -> dict[str, list[Label]]:
    """Axes with their labels in order of appearance, from the axis labels of each cell."""
    axes: dict[str, list[Label]] = {}
    for cell in cells:
        for axis, label in cell.items():
            labels = axes.setdefault(axis, [])
            if label_text(label) not in map(label_text, labels):
                labels.append(label)
    return axes
