"""A table of a report in memory: entries at (row, column, metric), each with its estimate, comparison and lost runs.

`build` fills it from stored runs; `mmrun.runner.report.table_text` and `mmrun.runner.report.table_latex` print it.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import field, replace
from itertools import product
from statistics import fmean

from mmrun.model.core.frozen import frozen
from mmrun.runner.report.observations import Fate, Key, Runs, Sample
from mmrun.runner.report.report_block import ReportBlock, Table, as_tuple, label_text
from mmrun.runner.report.stats import Comparison, Estimate, compare, holm, named_rng, summarise
from mmrun.runner.report.sweep_facts import NOT_SWEPT
from mmrun.runner.report.words import Words


@frozen(kw_only=True)
class Entry:
    """One cell of the sweep under one metric. `ratio` is None without a baseline and for the baseline itself.

    `random`: whether anything in the cell draws random numbers; without, one run is all there is. `base_fates`: what
    became of the baseline's runs.
    """

    estimate: Estimate
    fates: Counter[Fate]
    ratio: Comparison | None = None
    is_baseline: bool = False
    random: bool = True
    base_fates: Counter[Fate] = field(default_factory=Counter)
    units: int = 0
    """What n counts, had none been lost: replicates, or cells where several are pooled."""


@frozen(kw_only=True)
class TableModel:
    """A built table. `entries` has no key where the sweep has no cell; `tests` is the size of the Holm family."""

    spec: Table
    words: Words
    labels: dict[str, list[str]]
    row_axes: tuple[str, ...]
    column_axes: tuple[str, ...]
    metrics: tuple[str, ...]
    rows: list[Key]
    columns: list[Key]
    entries: dict[tuple[Key, Key, str], Entry]
    baseline: dict[str, str]
    fates: Counter[Fate]
    tests: int
    absent: dict[tuple[Key, Key], tuple[str, str]] = field(default_factory=dict)
    """Why there is no cell at (row, column), where the sweep knows: a word, and the model's reason if it has one."""

    @property
    def title(self) -> str:
        """The caption's first sentence."""
        if self.spec.title:
            return self.spec.title.rstrip(".")
        return self.words.title(self.metrics, (*self.row_axes, *self.column_axes))

    @property
    def show(self) -> tuple[str, ...]:
        """The parts printed for each metric; with n where cells were given different numbers of replicates."""
        shown = self.spec.show or (("value", "ratio", "p") if self.baseline else ("value", "interval"))
        asked = {entry.units for entry in self.entries.values() if entry.random}
        return shown if len(asked) < 2 or "n" in shown else (*shown, "n")

    def values(self, metric: str) -> list[float]:
        """The values of the metric all over the table; modes where there is no one value."""
        shown = [entry.estimate for key, entry in self.entries.items() if key[2] == metric]
        modes = [mode.value for estimate in shown if estimate.how == "modes" for mode in estimate.modes]
        return [estimate.value for estimate in shown if estimate.value is not None] + modes


def shown_axes(table: Table, runs: Runs) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Axes of the rows and of the columns; without `rows`, those that are neither columns nor fixed to one label."""
    columns = as_tuple(table.columns)
    fixed = {axis for axis, labels in table.where.items() if len(as_tuple(labels)) == 1} | {*as_tuple(table.pool)}
    rows = as_tuple(table.rows) or tuple(axis for axis in runs.axes if axis not in {*columns, *fixed})
    return rows, columns


def build(table: Table, block: ReportBlock, runs: Runs) -> TableModel:
    """Summarise the runs into the table. Raises ValueError if two cells of the sweep fall on one place."""
    rows, columns = shown_axes(table, runs)
    runs = runs.where(table.where)
    baseline = {axis: label_text(as_tuple(label)[0]) for axis, label in table.baseline.items()}
    names = tuple(as_tuple(table.metrics))
    entries = _entries(table, runs, rows, columns, names, baseline)
    keys = [key for key, entry in entries.items() if entry.ratio is not None and entry.ratio.p is not None]
    for key, p in zip(keys, holm([entries[key].ratio.p for key in keys]), strict=True):  # type: ignore[union-attr]
        entries[key] = replace(entries[key], ratio=replace(entries[key].ratio, p_holm=p))  # type: ignore[type-var]
    return TableModel(
        spec=table, words=Words(block.labels, tuple(runs.axes)), labels=runs.axes,
        row_axes=rows, column_axes=columns, metrics=names,
        rows=runs.keys(rows), columns=runs.keys(columns), entries=entries, baseline=baseline, fates=runs.count(),
        tests=len(keys), absent=_absent(table, runs, rows, columns, {key[:2] for key in entries}),
    )  # fmt: skip


def _absent(
    table: Table, runs: Runs, rows: tuple[str, ...], columns: tuple[str, ...], there: set[tuple[Key, Key]]
) -> dict[tuple[Key, Key], tuple[str, str]]:
    """Places without a cell that the sweep left out on purpose; what it never asked for is not among them."""
    fixed = {axis: label_text(as_tuple(one)[0]) for axis, one in table.where.items() if len(as_tuple(one)) == 1}
    found = {}
    for place in product(runs.keys(rows), runs.keys(columns)):
        if place not in there:
            labels = fixed | dict(zip((*rows, *columns), (*place[0], *place[1]), strict=True))
            found[place] = runs.facts.why_absent(labels)
    return {place: why for place, why in found.items() if why[0] != NOT_SWEPT}


def _entries(
    table: Table,
    runs: Runs,
    rows: tuple[str, ...],
    columns: tuple[str, ...],
    names: tuple[str, ...],
    baseline: dict[str, str],
) -> dict[tuple[Key, Key, str], Entry]:
    pool = as_tuple(table.pool)
    axes, cells = [axis for axis in runs.axes if axis not in pool], runs.by_cell(pool)
    entries: dict[tuple[Key, Key, str], Entry] = {}
    for cell, replicates in cells.items():
        labels = dict(zip(axes, cell, strict=True))
        place = tuple(labels[a] for a in rows), tuple(labels[a] for a in columns)
        base = tuple({**labels, **baseline}[a] for a in axes)
        for name in names:
            if (*place, name) in entries:
                raise ValueError(f"table {table.name}: several cells fall on {place}; show or fix every swept axis")
            sample = runs.sample(replicates, name, pool, table.count_oom)
            entry = Entry(
                estimate=_estimate(table, sample),
                fates=sample.fates,
                is_baseline=bool(baseline) and base == cell,
                random=sample.random,
                units=sample.cells if pool else sample.fates.total(),
            )
            if baseline and base != cell:
                reference = runs.sample(cells.get(base, ()), name, pool, table.count_oom)
                ratio = paired(table, name, cell, sample, reference)
                entry = replace(entry, ratio=ratio, base_fates=reference.fates)
            entries[(*place, name)] = entry
    return entries


def _estimate(table: Table, sample: Sample) -> Estimate:
    return summarise(
        units(table, sample.values), table.statistic, table.confidence, sample.random, alike=not as_tuple(table.pool)
    )


def units(table: Table, values: Mapping[tuple[str | int, ...], float]) -> list[float]:
    """The numbers that n counts, in order: one a run; where cells are pooled, one a cell, the mean of its replicates.

    Replicates of one cell are alike: counted each, they would make an interval over cells look better than it is.
    """
    if not as_tuple(table.pool):
        return [values[run] for run in sorted(values)]
    cells: dict[tuple[str | int, ...], list[float]] = {}
    for run in sorted(values):
        cells.setdefault(run[:-1], []).append(values[run])
    return [fmean(replicates) for replicates in cells.values()]


def paired(table: Table, name: str, cell: Key, sample: Sample, reference: Sample) -> Comparison:
    """The sample against its baseline over the replicates that both have."""
    ours, theirs = sample.beside(reference), reference.beside(sample)
    shared = ours.keys() & theirs.keys()
    values, base = (units(table, {run: each[run] for run in shared}) for each in (ours, theirs))
    rng, random, alike = named_rng("ratio", name, *cell), sample.random or reference.random, not as_tuple(table.pool)
    return compare(values, base, rng, table.statistic, table.confidence, table.test, random, alike)
