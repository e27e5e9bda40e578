"""From a built table to the panels of a figure: which point or word stands where, in the unit of the axis."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

from mmrun.model.core.frozen import frozen
from mmrun.runner.report.canvas import facets_of
from mmrun.runner.report.captions import NONPOSITIVE, why_lost
from mmrun.runner.report.figure_style import COLOURS, Look, looks
from mmrun.runner.report.observations import Key, Runs
from mmrun.runner.report.plots import Panel, Point
from mmrun.runner.report.report_block import Figure, ReportBlock, as_tuple, label_text
from mmrun.runner.report.sweep_facts import NOT_SWEPT, SweepFacts
from mmrun.runner.report.tables import TableModel
from mmrun.runner.report.words import scale_for

QUANTITIES = ("bytes", "ns", "bytes/s", "ratio")


@frozen
class Panels:
    """The panels of a figure by their labels on the facets, across first.

    `grid`: labels across and down; `numbers`: whether x is a quantity; `reasons`: why the model has no such cells.
    """

    panels: list[tuple[Key, Panel]]
    grid: list[list[str]]
    ylabel: str
    numbers: bool
    reasons: list[str]

    @property
    def all(self) -> list[Panel]:
        """The panels alone."""
        return [panel for _, panel in self.panels]


def make_panels(figure: Figure, block: ReportBlock, model: TableModel, runs: Runs) -> Panels:
    """Every panel of the figure, from the table of its numbers and the sweep they come from."""
    words, facets = model.words, facets_of(figure)
    grid = [_labels(model, axis) for axis in facets] + [[""]] * (2 - len(facets))
    xs, lines = _labels(model, figure.x), _lines(figure, model)
    numbers = numeric(xs) if figure.kind == "lines" else None
    if numbers:  # a line follows the quantity, in whatever order the sweep names it
        numbers, xs = map(list, zip(*sorted(zip(numbers, xs, strict=True)), strict=True))
    at = numbers or [float(i) for i in range(len(xs))]
    factor, ylabel = _y_axis(figure, model)
    drawn, unity = looks_of(figure, block, runs.facts, lines), _unity(figure, model)
    fill = _Fill(figure, model, runs, factor, lines, xs)
    made = []
    for across, down in product(grid[0], grid[1]):
        key = (across, down)[: len(facets)]
        shown = [words.label(line) if line else "" for line in lines]
        made.append((key, Panel(shown, drawn, [words.label(x) for x in xs], at, fill.points(key), unity)))
    return Panels(made, grid, ylabel, bool(numbers), list(fill.reasons))


def looks_of(figure: Figure, block: ReportBlock, facts: SweepFacts, lines: Sequence[str]) -> list[Look]:
    """How the lines look: as in the report's other figures with the same axis, if there are colours enough for all."""
    everywhere = [*dict.fromkeys(
        label_text(label) for other in block.figures if other.line == figure.line
        for label in as_tuple(other.where.get(figure.line, ()))
    )]  # fmt: skip
    yardsticks = facts.yardsticks.get(figure.line, ())
    colours = [line for line in [*everywhere, *lines] if line not in yardsticks]
    if set(lines) <= {*everywhere, *yardsticks} and len(set(colours)) <= len(COLOURS):
        order = [*dict.fromkeys([*everywhere, *lines])]
        known = dict(zip(order, looks(order, yardsticks), strict=True))
        return [known[line] for line in lines]
    return looks(lines, yardsticks)


def numeric(labels: Sequence[str]) -> list[float] | None:
    """The labels as numbers, or as quantities of one unit (`4GiB`, `100ns`, `25%`); None if they are words."""
    from mmrun.runner.config.units import UnitError, parse_exact

    try:
        return [float(label) for label in labels]
    except ValueError:
        pass
    for unit in QUANTITIES:
        try:
            return [float(parse_exact(label, unit)) for label in labels]
        except UnitError:
            continue
    return None


@dataclass
class _Fill:
    """Fills panels with points; `reasons` collects why places are n/a."""

    figure: Figure
    model: TableModel
    runs: Runs
    factor: float
    lines: list[str]
    xs: list[str]

    def __post_init__(self) -> None:
        self.reasons: dict[str, None] = {}
        self.fixed = {
            axis: label_text(as_tuple(label)[0])
            for axis, label in self.figure.where.items()
            if len(as_tuple(label)) == 1
        }

    def points(self, facet: Key) -> dict[tuple[str, str], Point]:
        """The points of one panel by (line label, x label) in print."""
        words, found = self.model.words, {}
        for x in self.xs:
            column = {line: self.point(facet, line, x) for line in self.lines}
            if all(point.word == NOT_SWEPT for point in column.values()):
                continue  # the panel has no such place
            for line, point in column.items():
                found[words.label(line) if line else "", words.label(x)] = point
        return found

    def point(self, facet: Key, line: str, x: str) -> Point:
        """The value, or the word for why there is none."""
        key = (*facet, *((line,) if self.figure.line else ()), x)
        entry = self.model.entries.get((key, (), self.model.metrics[0]))
        if entry is None:
            axes = dict(zip(self.model.row_axes, key, strict=True))
            word, why = self.runs.facts.why_absent({**self.fixed, **axes})
            self.reasons |= {why: None} if why else {}
            return Point(None, word=word)
        if self.figure.baseline and entry.is_baseline:
            return Point(1.0) if entry.estimate.n else Point(None, word=why_lost(entry))
        estimate = entry.ratio if self.figure.baseline else entry.estimate
        if estimate is None or (estimate.value is None and not estimate.modes):
            return Point(None, word=why_lost(entry))
        replicates = tuple(value / self.factor for value in estimate.replicates) if estimate.flags else ()
        if estimate.value is None:
            return Point(None, replicates=replicates)
        value, alone = estimate.value / self.factor, estimate.how == "single"
        if value <= 0 and "y" in self.figure.log and self.figure.kind != "heatmap":
            return Point(None, word=NONPOSITIVE)
        point = Point(value, replicates=replicates, alone=alone)
        low, high = estimate.low, estimate.high
        if not self.figure.interval or low is None or high is None or estimate.how in ("exact", "single", "fixed"):
            return point
        return replace(point, low=low / self.factor, high=high / self.factor)


def _lines(figure: Figure, model: TableModel) -> list[str]:
    """Labels told apart in each panel; the baseline is none of them if all ratios to it stand on the line at 1."""
    lines = _labels(model, figure.line) if figure.line else [""]
    base = model.baseline.get(figure.line)
    if len(model.baseline) == 1 and base in lines and len(lines) > 1 and figure.kind != "heatmap":
        lines.remove(base)
    return lines


def _unity(figure: Figure, model: TableModel) -> str:
    return f"{model.words.against(model.baseline)} (= 1)" if figure.baseline else ""


def _labels(model: TableModel, axis: str) -> list[str]:
    """Labels of the axis that occur in the figure, in the order of the sweep."""
    met = {key[model.row_axes.index(axis)] for key in model.rows}
    return [label for label in model.labels[axis] if label in met] + ([""] if "" in met else [])


def _y_axis(figure: Figure, model: TableModel) -> tuple[float, str]:
    """What values are divided by, and the words along the axis."""
    name = model.words.metric(figure.y)
    if figure.baseline:
        return 1.0, f"{name} relative to {model.words.against(model.baseline)}"
    values = [value for entry in model.entries.values() for value in entry.estimate.replicates]
    scale = scale_for(figure.y, values)
    return scale.factor, name + (f" ({scale.unit})" if scale.unit else "")
