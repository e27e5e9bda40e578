"""Results of a sweep: a row a run, as columns of numpy, an Arrow table or a pandas frame; and their series."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmrun.errors import ResultsError
from mmrun.runner import metrics
from mmrun.runner.plan.axes import label_text
from mmrun.runner.report.observations import load_series
from mmrun.runner.store.table_file import read_table

if TYPE_CHECKING:
    import numpy as np

FIXED = ("replicate", "random", "status", "error", "stale")


@dataclass(frozen=True, eq=False)
class Series:
    """What one run sampled: name -> array with an entry a sample (`time_ns`, `access`, counters since the start)."""

    axes: dict[str, Any]
    replicate: int
    columns: dict[str, "np.ndarray"]

    def __getitem__(self, name: str) -> "np.ndarray":
        return self.columns[name]


@dataclass(frozen=True, eq=False)
class Runs:
    """Results of a sweep, one row a run (a cell and replicate), in the order of the sweep.

    Columns are the axes with their labels, `replicate`, `status` ("ok", "failed", "stale", "missing"), `error`, `stale`
    (why a result is not of the present model and configuration; "" where it is), then every recorded metric: counts,
    times in ns under names that end in `_ns`, none for a run that is not "ok". Derived metrics (`miss_ratio`) can be
    asked for by name. `directory` is where they were read from.
    """

    table: Any
    """The rows as a `pyarrow.Table`, nulls where a run has no such value."""
    axes: dict[str, tuple[Any, ...]]
    """Axis -> labels that occur, in sweep order."""
    metrics: tuple[str, ...]
    """Names of the recorded metrics."""
    directory: Path

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return iter(self.rows)

    def __repr__(self) -> str:
        axes = ", ".join(f"{name} ({len(labels)})" for name, labels in self.axes.items())
        return f"<{len(self)} runs over {axes or 'no axis'}, {len(self.metrics)} metrics, {self.directory}>"

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """A mapping a run, without what it does not have."""
        return [{name: value for name, value in row.items() if value is not None} for row in self.table.to_pylist()]

    def to_arrow(self) -> Any:
        """The rows as a `pyarrow.Table`."""
        return self.table

    def where(self, wanted: Mapping[str, Any]) -> "Runs":
        """The runs at these labels: `{"policy.lru": "mglru", "replicate": [0, 1]}`. KeyError for no such column."""
        import pyarrow as pa

        keep = [True] * len(self)
        for name, labels in wanted.items():
            if name not in self.table.column_names:
                raise KeyError(f"no column {name!r}; axes are {', '.join(self.axes) or 'none'}")
            texts = {label_text(each) for each in (labels if isinstance(labels, list | tuple | set) else (labels,))}
            found = [label_text(value) in texts for value in self.table[name].to_pylist()]
            keep = [one and other for one, other in zip(keep, found, strict=True)]
        left = self.table.filter(pa.array(keep, pa.bool_()))
        return Runs(left, _labels(left, list(self.axes)), self.metrics, self.directory)

    @property
    def failed(self) -> "Runs":
        """The runs that failed; `error` says why."""
        return self.where({"status": "failed"})

    def column(self, name: str) -> "np.ndarray":
        """One column or metric, an entry a run: numbers as float64 with nan for none, whole numbers of a column without
        gaps as int64, else objects. KeyError for a name that is neither recorded nor derived."""
        import numpy as np

        if name in self.table.column_names:
            column = self.table[name].to_pylist()
        elif name in metrics.declared():
            column = [metrics.value(name, row) for row in self.rows]
        else:
            near = metrics.suggestion(name)
            raise KeyError(f"no metric {name!r}" + (f"; did you mean {near!r}?" if near else ""))
        kinds = {type(value) for value in column if value is not None}
        if kinds == {int} and None not in column:
            return np.array(column, np.int64)
        if kinds <= {int, float} and (kinds or name not in (*self.axes, *FIXED)):
            return np.array([np.nan if value is None else value for value in column], np.float64)
        found = np.empty(len(column), object)
        found[:] = column
        return found

    def columns(self, *names: str) -> "dict[str, np.ndarray]":
        """Columns by name, each with an entry a run; without names all of them."""
        return {name: self.column(name) for name in names or self.table.column_names}

    def frame(self, *names: str) -> Any:
        """A pandas DataFrame: axes, replicate, status and the metrics `names`, or every column. Needs pandas."""
        try:
            import pandas as pd
        except ImportError as error:
            raise ImportError(
                "mmrun.Runs.frame() needs pandas, which is not installed (pip install pandas); "
                "columns() gives numpy arrays, to_arrow() a pyarrow.Table"
            ) from error
        if not names:
            return self.table.to_pandas()
        return pd.DataFrame(self.columns(*dict.fromkeys((*self.axes, "replicate", "status", *names))))

    def series(self, *names: str) -> list[Series]:
        """What each of these runs sampled, in their order; runs without series are left out. Without names: all.

        KeyError for a name that was not sampled.
        """
        import pyarrow.parquet as parquet

        path = self.directory / "series.parquet"
        sampled = parquet.read_schema(path).names if path.exists() else []
        if wrong := [name for name in names if name not in sampled]:
            raise KeyError(f"{', '.join(wrong)} was not sampled")
        found = load_series(path, set(names or sampled) | {"time_ns", "access"})
        ours = {self._identity(row) for row in self.rows}
        known = [row for row in found.rows if self._identity(row) in ours] if found else []
        return [
            Series(
                {axis: row[axis] for axis in self.axes if axis in row}, int(row["replicate"]),
                {name: column for name, column in row.items() if name not in (*self.axes, "replicate")},
            )
            for row in known
        ]  # fmt: skip

    def _identity(self, row: Mapping[str, Any]) -> tuple[str, ...]:
        return tuple(label_text(row.get(name)) for name in (*self.axes, "replicate"))


def load(directory: str | PathLike[str]) -> Runs:
    """The results that a sweep left in a directory. ResultsError where there are none."""
    path = Path(directory) / "runs.parquet"
    try:
        table, axes = read_table(path)
    except FileNotFoundError:
        raise ResultsError(f"{directory}: no results of a sweep (no runs.parquet)") from None
    except OSError as error:
        raise ResultsError(f"{path}: no results of a sweep ({error.strerror or error})") from error
    except ValueError as error:
        raise ResultsError(str(error)) from error
    names = tuple(name for name in table.column_names if name not in (*axes, *FIXED))
    return Runs(table, _labels(table, axes), names, Path(directory))


def _labels(table: Any, axes: list[str]) -> dict[str, tuple[Any, ...]]:
    return {
        axis: tuple(dict.fromkeys(value for value in table[axis].to_pylist() if value is not None)) for axis in axes
    }
