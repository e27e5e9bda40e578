"""Settings of an experiment that change nothing in any of its cells: warnings, which stop nothing.

What a setting needs to have an effect the mechanisms declare beside it (`Matters`); here it is asked of every cell that
has the setting. One that matters in some cell of a sweep is left alone.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mmrun.model import registry, workloads
from mmrun.model.core.mechanism import Case
from mmrun.model.description import Cell
from mmrun.model.effects import missing
from mmrun.runner.config.experiment import Experiment
from mmrun.runner.config.problems import ConfigError, Place, Problems
from mmrun.runner.config.trees import Dotted, place_of
from mmrun.runner.config.yaml_nodes import Item, Mapping
from mmrun.runner.config.yaml_nodes import Sequence as Listed
from mmrun.runner.plan.axes import SWEPT, Label, label_text
from mmrun.runner.plan.sweep import Grammar

PER_SECOND = 20_000_000  # accesses that a core simulates, about
LONG = 8 * 3600  # seconds of a cell that are worth a word


@dataclass(eq=False)
class Setting:
    """A setting as somebody wrote it, in all cells or in those with an axis' label, and what it was found to need."""

    path: Dotted
    place: Place
    axis: str = ""
    label: str = ""
    needs: str = ""

    def matters(self, case: Case, labels: dict[str, str]) -> bool:
        """Whether it has an effect in a cell with these labels; if the cell has it in vain, notes what that lacks."""
        if self.axis and labels.get(self.axis) != self.label:
            return False
        self.needs = missing(case, self.path) or ""
        return not self.needs


def warnings(experiment: Experiment, rows: Sequence[tuple[dict[str, Label], Cell]]) -> list[ConfigError]:
    """What is odd about an experiment that can be run, in the order of the file; `rows` are its labels and cells."""
    doubtful, seen = list(_settings(experiment.tree)), set[Any]()
    for axes, cell in rows:
        if not doubtful:
            break
        labels = {name: label_text(label) for name, label in axes.items()}
        key = (*_key(cell), *labels.values())
        if key not in seen:
            seen.add(key)
            case = registry.case(cell)
            doubtful = [each for each in doubtful if not each.matters(case, labels)]
    cells = {id(cell.tasks): cell for _, cell in rows}.values()
    return sorted([*_worded([each for each in doubtful if each.needs]), *_long(experiment.tree, cells)])


def _key(cell: Cell) -> tuple[Any, ...]:
    chosen = tuple(variant.variant for variant in cell.policy.values())
    return (cell.kernel, chosen, *map(id, (cell.tasks, cell.machine, cell.cgroups, cell.slab, cell.sampling)))


def _settings(tree: Mapping) -> Iterator[Setting]:
    """Everything that the file says of cells, sweep included; a path with `*` is too many things to have one place."""
    for head in SWEPT:
        if head in tree.items:
            yield from (Setting(path, place) for path, place in leaves(tree.items[head], (head,), tree.keys[head]))
    done = set[int]()
    for row in Grammar(Problems()).rows(tree.get("sweep")):
        for axis, level in row.items():
            if id(level) in done:
                continue
            done.add(id(level))
            for each in level.sets:
                if "*" not in each.path:
                    for path, place in leaves(each.item, each.path, each.place):
                        yield Setting(path, place, axis, label_text(level.label))


def leaves(item: Item, path: Dotted, place: Place) -> Iterator[tuple[Dotted, Place]]:
    """The paths of the plain values in a tree, and where their keys stand."""
    if isinstance(item, Mapping):
        for key, part in item.items.items():
            yield from leaves(part, (*path, key), item.keys[key])
    elif isinstance(item, Listed):
        for index, part in enumerate(item.items):
            yield from leaves(part, (*path, str(index)), part.place)
    else:
        yield path, place


def _worded(idle: list[Setting]) -> Iterator[ConfigError]:
    """A warning each, of settings side by side that lack the same one for all."""
    alike: dict[tuple[Dotted, str, str, str], list[Setting]] = {}
    for each in idle:
        alike.setdefault((each.path[:-1], each.needs, each.axis, each.label), []).append(each)
    for (above, needs, _, _), found in alike.items():
        names = ", ".join(dict.fromkeys(each.path[-1] for each in found))
        place = min(each.place for each in found)
        what = f"`{'.'.join((*above, names))}` changes nothing in this experiment"
        yield ConfigError(place.file, place.line, place.column, what, f"it matters in {needs}")


def _long(tree: Mapping, cells: Iterable[Cell]) -> Iterator[ConfigError]:
    """A cell that takes hours."""
    most = max(map(_accesses, cells), default=0)
    if most > LONG * PER_SECOND:
        place = place_of(tree, "tasks")
        what = f"a cell has {most:,} accesses, which take about {most / PER_SECOND / 3600:,.0f} hours"
        yield ConfigError(place.file, place.line, place.column, what, "shorter streams, or patience")


def _accesses(cell: Cell) -> int:
    return sum(task.count * workloads.accesses_of(task.stream.kind, task.stream.params) for task in cell.tasks.values())
