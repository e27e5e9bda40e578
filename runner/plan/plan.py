"""The plan of an experiment: every cell with its key, axis labels and replicate, in the order of the sweep.

A cell's random streams are named by the experiment's seed, the task and the replicate, never by what is swept: all rows
see the same input, so that comparisons between them are paired by replicate.
"""

from collections.abc import Iterator
from collections.abc import Mapping as Dict
from dataclasses import replace
from pathlib import Path
from typing import Any

from mmrun.model.core.frozen import frozen
from mmrun.model.description import Cell
from mmrun.model.randomness import draws
from mmrun.runner.config.cells import Cells
from mmrun.runner.config.experiment import Experiment, load
from mmrun.runner.config.problems import Problems
from mmrun.runner.config.trees import find, place_of
from mmrun.runner.config.yaml_nodes import Scalar
from mmrun.runner.plan.axes import Label, label_text
from mmrun.runner.plan.facts import facts_of
from mmrun.runner.plan.identity import Identity
from mmrun.runner.plan.sweep import MAX_CELLS, Dropped, Grammar, Row
from mmrun.runner.plan.told import check_names
from mmrun.runner.report.report_block import ReportBlock
from mmrun.runner.report.report_block import problems as report_problems
from mmrun.runner.report.sweep_facts import NO_FACTS, Factorial, SweepFacts

BASE = "base"
ENOUGH_ERRORS = 500


@frozen
class PlannedCell:
    """One cell of a plan. `axes` holds a label per swept axis, in the order of the sweep.

    `random`: whether anything in it draws random numbers; a cell without has one replicate, as all would be alike.
    """

    key: str
    axes: dict[str, Label]
    cell: Cell
    replicate: int
    random: bool = True


@frozen
class Plan:
    """Everything a sweep runs and writes; `cells` are in sweep order, replicates of a row side by side."""

    name: str
    config: Path
    cells: tuple[PlannedCell, ...]
    report: ReportBlock
    out: Path
    experiment: Experiment
    identity: Identity
    facts: SweepFacts = NO_FACTS


class Chance:
    """Whether chance plays a part in cells. Those with the same streams and policies are looked at once."""

    def __init__(self) -> None:
        self.known: dict[Any, tuple[bool, Any]] = {}

    def plays(self, cell: Cell) -> bool:
        """Whether anything in the cell draws random numbers."""
        policy = tuple([(variant.variant, variant.file) for variant in cell.policy.values()])
        key = (cell.kernel, bool(cell.cgroups), id(cell.tasks), policy)
        if key not in self.known:
            self.known[key] = bool(draws(cell)), cell.tasks  # the tasks are kept so that their id stays their own
        return self.known[key][0]


@frozen
class Checked:
    """An experiment without an error: its rows, labels and resolved cell of each, before they become replicates."""

    experiment: Experiment
    rows: tuple[tuple[dict[str, Label], Cell], ...]
    dropped: tuple[Dropped, ...]
    traces: dict[str, str | None]
    """Content digests by path."""
    design: Factorial | None = None

    def counted(self) -> Iterator[tuple[dict[str, Label], Cell, bool, int]]:
        """The rows, whether chance plays a part in each, and how many replicates it has."""
        chance = Chance()
        for axes, cell in self.rows:
            random = chance.plays(cell)
            yield axes, cell, random, self.experiment.replicates.min if random else 1


def make_plan(config: Path, out: Path | None = None) -> Plan:
    """Read and check the experiment `config`. Raises `ConfigErrors` with every error.

    `out` is the result directory, `results/<name>` by default.
    """
    return expanded(check(config), out)


def plan_of(experiment: Experiment, problems: Problems, out: Path | None = None) -> Plan:
    """The plan of an experiment that was read with `problems`. Raises `ConfigErrors` with every error."""
    return expanded(checked(experiment, problems), out)


def check(config: Path) -> Checked:
    """Read and check the experiment `config`. Raises `ConfigErrors` with every error."""
    problems = Problems()
    experiment = load(config, problems)
    if experiment is None:
        problems.raise_if_any()
        raise AssertionError("an experiment that cannot be read has errors")
    return checked(experiment, problems)


def checked(experiment: Experiment, problems: Problems) -> Checked:
    """The rows of an experiment that was read with `problems`. Raises `ConfigErrors` with every error."""
    grammar = Grammar(problems)
    rows = grammar.rows(experiment.tree.get("sweep"))
    count = len(rows) * experiment.replicates.min
    if count > MAX_CELLS:
        where = place_of(experiment.tree, "replicates")
        problems.add(where, f"{count:,} cells with replicates", f"at most {MAX_CELLS:,}")
        rows = rows[:1]
    cells = Cells(problems)
    names = list(dict.fromkeys(name for row in rows for name in row))
    planned = [
        (axes_of(row, names, experiment), cells.cell(experiment.tree, row)) for row in until_enough(rows, problems)
    ]
    if not rows:  # the sweep itself is wrong; the rest of the file is still worth checking
        cells.cell(experiment.tree, {})
    check_report(experiment, [axes for axes, _ in planned], problems, grammar.design)
    found = tuple((axes, cell) for axes, cell in planned if cell is not None)
    check_names(experiment, found, problems)
    problems.raise_if_any()
    return Checked(experiment, found, tuple(grammar.dropped), cells.streams.digests, grammar.design)


def expanded(rows: Checked, out: Path | None = None) -> Plan:
    """The plan of an experiment: every row as its replicates, with their keys."""
    experiment, identity = rows.experiment, Identity(rows.traces)
    made = tuple(
        planned_cell(identity, axes, cell, replicate, random)
        for axes, cell, random, count in rows.counted()
        for replicate in range(count)
    )
    name = experiment.name
    return Plan(
        name, experiment.config, made, experiment.report, out or Path("results") / name, experiment, identity,
        facts_of(experiment, rows.dropped, rows.rows, rows.design),
    )  # fmt: skip


def planned_cell(
    identity: Identity, axes: dict[str, Label], cell: Cell, replicate: int, random: bool = True
) -> PlannedCell:
    """The cell of a row as replicate number `replicate`."""
    numbered = replace(cell, replicate=replicate)
    return PlannedCell(identity.key(numbered), axes, numbered, replicate, random)


def further(plan: Plan, count: int, rows: set[tuple[str, ...]]) -> tuple[PlannedCell, ...]:
    """Replicates beyond the first `min`, up to `count` in all (at most `max`), of the rows named by `row_key`."""
    first = {row_key(item.axes): item for item in plan.cells if item.replicate == 0}
    have = plan.experiment.replicates
    numbers = range(have.min, min(count, have.max))
    wanted = [item for key, item in first.items() if key in rows and item.random]
    return tuple(planned_cell(plan.identity, item.axes, item.cell, number) for item in wanted for number in numbers)


def row_key(axes: Dict[str, Label]) -> tuple[str, ...]:
    """What tells rows of a plan apart: their labels as text, in sweep order."""
    return tuple(label_text(label) for label in axes.values())


def until_enough(rows: list[Row], problems: Problems) -> Iterator[Row]:
    """The rows, up to where so many errors are known that more would not help."""
    for row in rows:
        if len(problems) > ENOUGH_ERRORS:
            return
        yield row


def axes_of(row: Row, names: list[str], experiment: Experiment) -> dict[str, Label]:
    """A label for every axis of the sweep; where a part of a `union` lacks an axis, what the experiment itself says."""
    return {name: row[name].label if name in row else default(name, experiment) for name in names}


def default(name: str, experiment: Experiment) -> Label:
    """The experiment's own value at an axis' path, or "base"."""
    item = find(experiment.tree, tuple(name.split(".")))
    return item.value if isinstance(item, Scalar) and isinstance(item.value, str | int | float) else BASE


def check_report(
    experiment: Experiment, axes: list[dict[str, Label]], problems: Problems, design: Factorial | None = None
) -> None:
    """Note names in the `report:` block that the sweep, or its factorial, does not have."""
    item = experiment.tree.get("report")
    if item is None or not axes:
        return
    labels = {name: list(dict.fromkeys(row[name] for row in axes)) for name in axes[0]}
    for path, message in report_problems(experiment.report, labels, factors=design.levels if design else ()):
        problems.add(place_of(item, *path), message)
