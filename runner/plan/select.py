"""One cell out of a plan, for `mmrun run`: chosen by key or by axis labels, then changed by settings."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from mmrun.model.description import Cell
from mmrun.runner.config.cells import Cells
from mmrun.runner.config.paths import is_text
from mmrun.runner.config.problems import ConfigError, ConfigErrors, Place, Problems, suggest
from mmrun.runner.config.yaml_nodes import Scalar, parse
from mmrun.runner.plan.axes import Assignment, Level, head, label_text
from mmrun.runner.plan.plan import Plan, PlannedCell
from mmrun.runner.plan.sweep import Grammar


class Named(Protocol):
    """What is needed of a cell to be found by name."""

    @property
    def key(self) -> str: ...
    @property
    def axes(self) -> dict[str, Any]: ...
    @property
    def replicate(self) -> int: ...


Each = TypeVar("Each", bound=Named)


def chosen(plan: Plan, wanted: list[str]) -> list[PlannedCell]:
    """The cells that match every word: a key's beginning or `axis=label` (`replicate=0` too). Raises ConfigErrors."""
    return matching(plan.cells, wanted, plan.config, "--cell")


def matching(cells: Sequence[Each], wanted: Sequence[str], source: Path, where: str) -> list[Each]:
    """The same of any cells; `source` is named as where they come from, `where` as who asked."""
    problems = Problems()
    found = list(cells)
    for word in wanted:
        name, sign, label = word.partition("=")
        if not sign:
            left = [cell for cell in found if cell.key.startswith(name)]
            fix = "`mmrun plan --json` lists the keys"
        elif name not in (names := [*cells[0].axes, "replicate"]):
            left, fix = [], suggest(name, names)
        else:
            left = [cell for cell in found if label_of(cell, name) == label]
            fix = suggest(label, {label_of(cell, name) for cell in cells})
        if not left:
            problems.add(Place(Path(where), 1, 1), f"no cell `{word}` in {source}", fix)
            problems.raise_if_any()
        found = left
    return found


def label_of(cell: Named, name: str) -> str:
    """The label of a cell on an axis, or its replicate, as text."""
    return label_text(cell.replicate if name == "replicate" else cell.axes[name])


def with_settings(plan: Plan, cell: PlannedCell, settings: list[str]) -> Cell:
    """The cell with `path=value` settings applied to its description, as a sweep's axis would. Raises ConfigErrors."""
    if not settings:
        return cell.cell
    problems = Problems()
    rows = Grammar(problems).rows(plan.experiment.tree.get("sweep"))
    row = rows[sum(item.replicate == 0 for item in plan.cells[: plan.cells.index(cell) + 1]) - 1]
    cells = Cells(problems)
    tree = cells.tree(plan.experiment.tree, row)
    levels = {text: setting(text, problems) for text in settings}
    made = None
    if tree is not None and len(problems) == 0:
        made = cells.cell(tree, {text: level for text, level in levels.items() if level})
    problems.raise_if_any()
    if made is None:
        raise ConfigErrors([])
    return replaced_replicate(made, cell.replicate)


def replaced_replicate(cell: Cell, replicate: int) -> Cell:
    """The cell as that replicate."""
    from dataclasses import replace

    return replace(cell, replicate=replicate)


def setting(text: str, problems: Problems) -> Level | None:
    """`path=value` as a level that sets it; the value is YAML, as in an experiment file, but a name needs no quotes."""
    path, sign, value = text.partition("=")
    place = Place(Path(f"--set {text}"), 1, 1)
    if not sign:
        problems.add(place, "a setting is `path=value`", "such as --set vm.swappiness=10")
        return None
    if not head(path, place, problems):
        return None
    dotted, tried = tuple(path.split(".")), Problems()
    mapping = parse(f"{path}: {value}".encode(), place.file, tried)
    item = None if mapping is None else mapping.get(path)
    if is_text(dotted) and value and (item is None or (isinstance(item, Scalar) and not isinstance(item.value, str))):
        item = Scalar(place, value, value)
    elif item is None or len(tried):
        problems.errors |= tried.errors or {ConfigError(place.file, 1, 1, f"`{path}` is no path", ""): None}
        return None
    return Level(text, (Assignment(dotted, item, place),), place)
