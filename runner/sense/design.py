"""The cells of a sensitivity analysis: points of the unit cube, as rows that are put into the tree as a sweep's are."""

from dataclasses import dataclass, field, replace
from hashlib import sha256
from math import log
from pathlib import Path

import numpy as np

from mmrun.model import catalogue
from mmrun.model.core.frozen import frozen
from mmrun.model.description import Cell
from mmrun.runner.config.cells import Cells
from mmrun.runner.config.experiment import Experiment, Replicates
from mmrun.runner.config.problems import Problems
from mmrun.runner.config.trees import place_of
from mmrun.runner.config.yaml_nodes import Mapping, Scalar
from mmrun.runner.metrics import is_metric, suggestion
from mmrun.runner.plan.axes import Assignment, Label, Level, head, label_text
from mmrun.runner.plan.identity import Identity
from mmrun.runner.plan.plan import Chance, Checked, Plan, PlannedCell, axes_of, check, planned_cell
from mmrun.runner.plan.sampling import Range, bound, level_at
from mmrun.runner.plan.sweep import MAX_CELLS, Grammar, Row, describe
from mmrun.runner.plan.told import Names, absent
from mmrun.runner.report.report_block import ReportBlock
from mmrun.runner.sense.block import Block, read_block
from mmrun.runner.sense.morris import Floats

SIDE = "side"
Values = tuple[str, ...]


@frozen
class Point:
    """A point of the design: where rounding has put it in the unit cube, and its level of each parameter."""

    at: tuple[float, ...]
    levels: Row


@dataclass
class Design:
    """What a `sense:` block asks for. `sides`: the rows of the sweep that points are laid on, two for a ratio."""

    checked: Checked
    block: Block
    sides: tuple[Row, ...]
    problems: Problems
    points: dict[Values, Point] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.cells = Cells(self.problems)
        self.identity = Identity(self.cells.streams.digests)
        self.chance, self.planned = Chance(), dict[str, PlannedCell]()
        self.keys: dict[tuple[Values, int], list[str]] = {}

    @property
    def experiment(self) -> Experiment:
        """The experiment whose block it is."""
        return self.checked.experiment

    @property
    def seed(self) -> int:
        """A number that the experiment's seed names."""
        text = self.cells.seed(self.experiment.tree)
        return int.from_bytes(sha256(f"sense {text}".encode()).digest()[:8], "big")

    def add(self, names: list[str], cube: Floats) -> tuple[list[Values], Floats]:
        """Add the points of `cube`, shape (points, parameters in `names`); their names and where they really lie.

        Raises `ConfigErrors` where a cell is not sound.
        """
        made = [self.point(names, shares.tolist()) for shares in cube]
        self.problems.raise_if_any()
        return [values for values, _ in made], np.array([point.at for _, point in made])

    def point(self, names: list[str], shares: list[float]) -> tuple[Values, Point]:
        """One point, planned on each side."""
        ranges, keys = self.block.ranges, self.block.names.keys
        levels = {
            name: level_at(name, keys[name], ranges[name], share) for name, share in zip(names, shares, strict=True)
        }
        values = tuple(label_text(levels[name].label) if name in levels else "" for name in ranges)
        at = tuple(share_of(ranges[name], level, self.problems) for name, level in levels.items())
        if values not in self.points:
            self.points[values] = Point(at, levels)
            for side, row in enumerate(self.sides):
                self.keys[values, side] = self.plan_row(row | levels)
        return values, self.points[values]

    def plan_row(self, row: Row) -> list[str]:
        """Plan a row's replicates, all points' with the same numbers and so the same random streams; their keys."""
        cell = self.cells.cell(self.experiment.tree, row)
        if cell is None:
            return []
        random = self.chance.plays(cell)
        count = self.experiment.replicates.min if random else 1
        axes = self.axes(row)
        made = [planned_cell(self.identity, axes, cell, replicate, random) for replicate in range(count)]
        for item in made:
            self.planned.setdefault(item.key, item)
        return [item.key for item in made]

    def axes(self, row: Row) -> dict[str, Label]:
        """The labels of a row: the side, what it is laid on, and every parameter."""
        every = list(dict.fromkeys([*(name for side in self.sides for name in side), *self.block.ranges]))
        return axes_of(row, every, self.experiment)

    def plan(self, out: Path | None) -> Plan:
        """The plan of all points added so far; `out` is `results/<experiment>-sense` by default."""
        name = f"{self.experiment.name}-sense"
        cells = tuple(self.planned.values())
        fixed = Replicates(min=self.experiment.replicates.min, max=self.experiment.replicates.min)
        experiment = replace(self.experiment, replicates=fixed)
        out = out or Path("results") / name
        return Plan(name, experiment.config, cells, ReportBlock(), out, experiment, self.identity)


def share_of(span: Range, level: Level, problems: Problems) -> float:
    """Where in its range a level lies, 0 to 1."""
    item = level.sets[0].item
    assert isinstance(item, Scalar)
    found = bound(item, problems)
    assert found is not None
    low, high, value = float(span.low), float(span.high), float(found[0])
    return log(value / low) / log(high / low) if span.log else (value - low) / (high - low)


def read_design(config: Path) -> Design:
    """The design that the experiment `config` asks for, nothing planned yet. Raises `ConfigErrors` with every error."""
    return design_of(check(config))


def design_of(checked: Checked) -> Design:
    """The design of a checked experiment: its block read, and the ends of every range tried on each side."""
    problems, tree = Problems(), checked.experiment.tree
    item = tree.get("sense")
    if item is None:
        problems.add(tree.place, "`sense` is required", "write sense: {metric: ..., parameters: {...}}")
    block = read_block(item, problems) if item is not None else None
    problems.raise_if_any()
    assert block is not None
    design = Design(checked, block, sides_of(checked, block, problems), problems)
    problems.raise_if_any()
    cells = try_ends(design)
    check_metric(design, cells)
    problems.raise_if_any()
    return design


def sides_of(checked: Checked, block: Block, problems: Problems) -> tuple[Row, ...]:
    """The row that each side is laid on."""
    rows = Grammar(problems).rows(checked.experiment.tree.get("sweep"))
    if block.of is None or block.over is None:
        return (side_of(rows, block, (block.cell,), problems),)
    made = []
    for name, part in (("of", block.of), ("over", block.over)):
        row = side_of(rows, block, (block.cell, part), problems)
        made.append({SIDE: Level(name, (), part.place)} | row)
    if describe(without_side(made[0])) == describe(without_side(made[1])):
        problems.add(block.over.place, "`of` and `over` are the same", "name two levels of an axis")
    return tuple(made)


def without_side(row: Row) -> Row:
    """The row without its side's own label."""
    return {name: level for name, level in row.items() if name != SIDE}


def side_of(rows: list[Row], block: Block, parts: tuple[Mapping | None, ...], problems: Problems) -> Row:
    """The one row of the sweep that has the labels named, with what else is set at paths."""
    axes = {name for row in rows for name in row}
    left, more, last = rows, Row(), block.metric.place
    for part in filter(None, parts):
        for name, item in part.items.items():
            last = part.keys[name]
            text = item.text if isinstance(item, Scalar) else ""
            if name in axes:
                left = [row for row in left if name in row and label_text(row[name].label) == text]
            elif head(name, last, problems):
                more[name] = Level(text or name, (Assignment(tuple(name.split(".")), item, last),), last)
    left = list({describe(row): row for row in (bare(row, block) for row in left)}.values())
    if len(left) != 1:
        free = [name for name in axes if len({label_text(row[name].label) for row in left if name in row}) > 1]
        fix = f"name the level of {', '.join(sorted(free))} under `cell`" if left else "name levels that the sweep has"
        problems.add(last, f"{len(left)} rows of the sweep are so, one is needed", fix)
    return (left[0] if left else {}) | more


def bare(row: Row, block: Block) -> Row:
    """The row without the axes that are parameters."""
    return {name: level for name, level in row.items() if name not in block.ranges}


def try_ends(design: Design) -> list[tuple[dict[str, Label], Cell]]:
    """The cells with one parameter at an end of its range; what is wrong with them is noted at the range."""
    tree, block, cells = design.experiment.tree, design.block, design.cells
    found = []
    for side in design.sides:
        for name, span in block.ranges.items():
            ends = [level_at(name, block.names.keys[name], span, share) for share in (0.0, 1.0)]
            if ends[0].label == ends[1].label:
                design.problems.add(span.place, f"the range of `{name}` has one value", "widen it")
            made = [cells.cell(tree, side | {name: end}) for end in ends]
            found += [(design.axes(side), cell) for cell in made if cell is not None]
    return found


def check_metric(design: Design, cells: list[tuple[dict[str, Label], Cell]]) -> None:
    """Note a metric that nobody knows, or that these cells do not tell; and a design of too many cells."""
    metric, block, problems = design.block.metric, design.block, design.problems
    if not is_metric(metric.text):
        near = suggestion(metric.text)
        problems.add(metric.place, f"unknown metric `{metric.text}`", f"did you mean `{near}`?" if near else "")
    elif cells and not (told := Names(cells)).told(metric.text, {}, catalogue.metrics):
        problems.add(metric.place, *absent(metric.text, told))
    count = block.morris.trajectories * (len(block.ranges) + 1)
    if block.sobol:
        count += block.sobol.samples * (min(block.sobol.of, len(block.ranges)) + 2)
    count *= len(design.sides) * design.experiment.replicates.min
    if count > MAX_CELLS:
        where = place_of(design.experiment.tree, "sense")
        problems.add(where, f"{count:,} cells with replicates", f"at most {MAX_CELLS:,}")
