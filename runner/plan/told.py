"""Whether the runs will tell what a report asks for: metrics of scopes, columns of series; asked before they run.

A name is fine when one of the cells that the table or figure is confined to will have it; what a cell will tell is
`mmrun.model.catalogue`'s to say.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from mmrun.model import catalogue
from mmrun.model.core.mechanism import SCOPES
from mmrun.model.description import Cell
from mmrun.runner.config.experiment import Experiment
from mmrun.runner.config.problems import Problems, suggest
from mmrun.runner.config.trees import place_of
from mmrun.runner.metrics import PREFIX, declared, is_metric, value
from mmrun.runner.plan.axes import Label, label_text
from mmrun.runner.report.report_block import Effects, Figure, ReportBlock, Table, as_tuple

Rows = Sequence[tuple[dict[str, Label], Cell]]


class Names:
    """What the cells of a plan will tell, by the parts that it depends on; most cells are alike."""

    def __init__(self, rows: Rows) -> None:
        self.rows, self.known = rows, dict[Any, dict[str, float]]()

    def columns(self, cell: Cell, tell: Callable[[Cell], Any]) -> dict[str, float]:
        """The names that a cell will tell, with a number each."""
        parts = (cell.tasks, cell.machine, cell.cgroups, cell.slab, cell.sampling)
        key = (tell, *map(id, parts), cell.policy["idle"].variant, cell.policy["lru"].variant)
        if key not in self.known:
            self.known[key] = dict.fromkeys(tell(cell), 1.0)
        return self.known[key]

    def told(self, name: str, where: Mapping[str, Any], tell: Callable[[Cell], Any]) -> bool:
        """Whether one of the cells within `where` will tell `name`, or what it is computed from."""
        return any(value(name, self.columns(cell, tell)) is not None for cell in self.within(where))

    def within(self, where: Mapping[str, Any]) -> Iterator[Cell]:
        """The cells that have one of the labels on each axis."""
        wanted = {axis: set(map(label_text, as_tuple(labels))) for axis, labels in where.items()}
        seen = set[tuple[int, ...]]()
        for axes, cell in self.rows:
            if all(label_text(axes.get(axis)) in labels for axis, labels in wanted.items()):
                key = (*map(id, (cell.tasks, cell.machine, cell.cgroups, cell.slab, cell.sampling)),
                       *map(id, (cell.policy["idle"], cell.policy["lru"])))  # fmt: skip
                if key not in seen:
                    seen.add(key)
                    yield cell

    @cached_property
    def every(self) -> dict[str, None]:
        """Every name that any cell will tell."""
        return {name: None for cell in self.within({}) for name in self.columns(cell, catalogue.metrics)}


def check_names(experiment: Experiment, rows: Rows, problems: Problems) -> None:
    """Note every metric and column of the experiment that no cell will tell, at its place."""
    names = Names(rows)
    if not rows:
        return
    for path, message, fix in (*_report(experiment.report, names), *_until(experiment, names)):
        problems.add(place_of(experiment.tree, *path), message, fix)


def _until(experiment: Experiment, names: Names) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    until = experiment.replicates.until
    if until is not None and is_metric(until.metric) and not names.told(until.metric, {}, catalogue.metrics):
        yield ("replicates", "until", "metric"), *absent(until.metric, names)


def _report(block: ReportBlock, names: Names) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
    several: dict[str, tuple[Table | Effects, ...]] = {"tables": block.tables, "effects": block.effects}
    for kind, items in several.items():
        for i, item in enumerate(items):
            for j, name in enumerate(as_tuple(item.metrics)):
                if _wanting(name, item, names, catalogue.metrics):
                    yield ("report", kind, i, "metrics", j), *absent(name, names)
    for i, figure in enumerate(block.figures):
        here = ("report", "figures", i)
        if figure.kind == "map":
            if not any(cell.sampling.memory_map for cell in names.within(figure.where)):
                yield (
                    (*here, "kind"),
                    "no cell of this figure writes a map",
                    "add sampling: {every: 10ms, memory_map: true}",
                )
            continue
        if figure.kind != "series":
            if _wanting(figure.y, figure, names, catalogue.metrics):
                yield (*here, "y"), *absent(figure.y, names)
            continue
        if not any(names.columns(cell, catalogue.series) for cell in names.within(figure.where)):
            yield (*here, "kind"), "no cell of this figure writes a series", "add sampling: {every: 10ms}"
            continue
        for key, name in (("x", figure.x or "time_ns"), ("y", figure.y)):
            if not names.told(name, figure.where, catalogue.series):
                known = {each for cell in names.within(figure.where) for each in names.columns(cell, catalogue.series)}
                yield (*here, key), f"no series has a column `{name}`", suggest(name, {*known, *_derived()})


def _wanting(name: str, item: Table | Figure | Effects, names: Names, tell: Callable[[Cell], Any]) -> bool:
    """Whether nobody tells the metric; names that are none at all have an error already."""
    return is_metric(name) and not names.told(name, item.where, tell)


def _derived() -> list[str]:
    return [name for name, metric in declared().items() if metric.expression]


def absent(name: str, names: Names) -> tuple[str, str]:
    """Message and fix for a metric that no cell will tell: of whom it is told, or what there is of that thing."""
    scoped = PREFIX.fullmatch(name)
    if scoped is None:
        return f"no cell of this experiment tells `{name}`", _where_told(name)
    whole, leaf = scoped[1], scoped[2]
    kind, _, thing = whole.partition(".")
    of_it = [each for each in names.every if each.startswith(f"{whole}.")]
    if not of_it:
        things = {found[1] for each in names.every if (found := PREFIX.fullmatch(each))}
        alike = [each for each in things if each.partition(".")[0].rstrip("0123456789") == kind.rstrip("0123456789")]
        what = f"no {kind} `{thing}`" if thing else f"no `{kind}`"
        return f"{what} is told of, in `{name}`", suggest(whole, alike)
    near = suggest(name, of_it)
    told = _where_told(leaf)
    return f"`{leaf}` is not told of `{whole}`", near if near.startswith("did you mean") and not told else told or near


def _where_told(leaf: str) -> str:
    scopes = [SCOPES[scope] for scope in catalogue.scopes(leaf)]
    return f"it is told {', '.join(scopes)}" if scopes else ""
