"""The cells of an experiment's file or of a directory of results, by name; what their runs counted.

A name is a key's beginning, the number of a row, or labels: `machine=512M,reclaim=3.1`. What a name leaves open is as
in the cell beside it, or as in the first row.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mmrun.model.api import Outcome
from mmrun.model.core.frozen import frozen
from mmrun.model.description import Cell
from mmrun.runner.config.problems import ConfigError, ConfigErrors, EnvironmentProblem
from mmrun.runner.config.validators import validator
from mmrun.runner.plan.axes import label_text
from mmrun.runner.plan.plan import make_plan, row_key
from mmrun.runner.plan.select import Named, matching
from mmrun.runner.report.report_block import ReportBlock
from mmrun.runner.report.report_block import decode as report_of
from mmrun.runner.store.records import plain
from mmrun.runner.store.store import Store

ROW = re.compile("[0-9]{1,6}")
BETWEEN = re.compile(r",(?=[^,=]+=)")
Metrics = Mapping[str, Any]
Simulate = Callable[..., Outcome]


@frozen
class Planned:
    """A run that a manifest names."""

    key: str
    axes: dict[str, Any]
    replicate: int


@frozen
class Source:
    """Runs in the order of the sweep, replicates of a row side by side.

    `told(run)` is what a run counted, None where nothing is stored; `cell(run)` its description.
    """

    path: Path
    runs: tuple[Named, ...]
    report: ReportBlock
    cell: Callable[[Named], Cell]
    told: Callable[[Named], Metrics | None]

    def rows(self) -> list[list[Named]]:
        """The replicates of each row."""
        found: dict[tuple[str, ...], list[Named]] = {}
        for run in self.runs:
            found.setdefault(row_key(run.axes), []).append(run)
        return list(found.values())


def opened(path: Path) -> Source:
    """The cells of a file or directory. ConfigErrors for a file with errors, EnvironmentProblem for no results."""
    if path.is_dir():
        return _results(path)
    plan = make_plan(path)
    cells = {planned.key: planned.cell for planned in plan.cells}
    return Source(path, plan.cells, plan.report, lambda run: cells[run.key], lambda run: None)


def _results(path: Path) -> Source:
    said: list[str] = []
    store = Store(path, said.append)
    manifest = store.manifest()
    if manifest is None:
        raise EnvironmentProblem("; ".join(said) or f"{path}: no sweep has run here (no manifest.json)")
    runs = tuple(Planned(each["key"], each["axes"], int(each.get("replicate", 0))) for each in manifest["cells"])

    def cell(run: Named) -> Cell:
        record = store.get(run.key, series=False)
        try:
            found: Cell = validator(Cell).validate_python(record and record.cell)
        except ValueError:
            raise EnvironmentProblem(f"{path}: the record of {run.key} describes no cell of this version") from None
        return found

    return Source(path, runs, report_of(manifest.get("report") or {}), cell, lambda run: store.metrics(run.key))


def named(source: Source, name: str, beside: Sequence[Named] = ()) -> list[Named]:
    """The replicates of the row that a name stands for, or the one it names. ConfigErrors where there is none.

    What it leaves open is as in the runs `beside`, their replicates too.
    """
    rows = source.rows()
    if ROW.fullmatch(name):
        if int(name) >= len(rows):
            fix = f"rows are numbered from 0 to {len(rows) - 1}"
            raise ConfigErrors([ConfigError(source.path, 0, 0, f"there is no row {name}", fix)])
        return rows[int(name)]
    found = matching(source.runs, BETWEEN.split(name), source.path, "cell")
    best = max(found, key=lambda run: _alike(run, beside[0])) if beside else found[0]
    row = [run for run in found if run.axes == best.axes]
    return _confined(source, row, beside)


def _alike(run: Named, other: Named) -> int:
    return sum(label_text(label) == label_text(other.axes.get(axis)) for axis, label in run.axes.items())


def _confined(source: Source, row: list[Named], beside: Sequence[Named]) -> list[Named]:
    """The replicates that were named for the cell beside, where some were and the row has them."""
    whole = [run.replicate for run in source.runs if beside and run.axes == beside[0].axes]
    wanted = {run.replicate for run in beside}
    return [run for run in row if len(wanted) == len(whole) or run.replicate in wanted] or row


def pairs(here: Sequence[Named], base: Sequence[Named]) -> list[tuple[Named, Named]]:
    """Runs of the same replicate; the only run of a row without randomness beside each of the other's."""
    if len(here) == 1 and len(base) > 1:
        here = [here[0]] * len(base)
    elif len(base) == 1 and len(here) > 1:
        base = [base[0]] * len(here)
    else:
        there = {run.replicate: run for run in base}
        here = [run for run in here if run.replicate in there]
        base = [there[run.replicate] for run in here]
    return list(zip(here, base, strict=True))


def counted(source: Source, run: Named, simulate: Simulate) -> Metrics:
    """What a run counted: as stored, or from a run now."""
    stored = source.told(run)
    if stored is None and source.path.is_dir():
        raise EnvironmentProblem(f"{source.path}: no result of {run.key}; `mmrun sweep` runs what is missing")
    if stored is not None:
        return stored
    return {name: plain(value) for name, value in simulate(source.cell(run)).metrics.items()}


def title(run: Named, replicate: bool = True) -> str:
    """A run's key, labels and replicate."""
    axes = " ".join(f"{name}={label_text(label)}" for name, label in run.axes.items() if label_text(label))
    return f"{run.key[:8]} {axes}".strip() + (f" replicate={run.replicate}" if replicate else "")
