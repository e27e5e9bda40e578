"""The sweep grammar: which combinations of axis levels an experiment runs.

    sweep:
      product: {kernel: ["3.1", "6.18"], placement: {local: {tasks.db.mempolicy: {mode: local}}, base: null}}
      zip: {vm.swappiness: [0, 60], vm.page_cluster: [0, 3]}
      exclude: [{kernel: "3.1", placement: local}]
      when: [{if: {placement: local}, then: {kernel: "6.18"}}]
      factorial: {resolution: V, factors: {vm.swappiness: [60, 0], vm.page_cluster: [3, 0]}}

`product`, `zip`, `union`, `sample` and `factorial` nest; several in one mapping multiply. `exclude` drops the rows that
match an entry, `when` keeps, of those that match `if`, the ones that match `then`.
"""

import itertools
from collections.abc import Iterator
from collections.abc import Sequence as Many
from dataclasses import replace
from math import prod
from typing import Protocol

from mmrun.model.core.frozen import frozen
from mmrun.runner.config.problems import Place, Problems, suggest
from mmrun.runner.config.trees import without
from mmrun.runner.config.yaml_nodes import Item, Mapping, Scalar, Sequence
from mmrun.runner.plan.axes import Axis, Level, label_text, read_axis, refused
from mmrun.runner.report.sweep_facts import Factorial

MAX_CELLS = 1_000_000
OPERATORS = ("product", "zip", "union", "sample", "factorial")
FILTERS = ("exclude", "when")
Row = dict[str, Level]


class Block(Protocol):
    """A part of the grammar: how many rows it makes, which axes they have, and the rows themselves."""

    def size(self) -> int: ...
    def names(self) -> list[str]: ...
    def rows(self) -> Iterator[Row]: ...


@frozen
class AxisBlock:
    """One axis by itself."""

    axis: Axis

    def size(self) -> int:
        return len(self.axis.levels)

    def names(self) -> list[str]:
        return [self.axis.name]

    def rows(self) -> Iterator[Row]:
        return ({self.axis.name: level} for level in self.axis.levels)


@frozen
class Rows:
    """Rows that are known already (samples, runs of a factorial)."""

    made: Many[Row]

    def size(self) -> int:
        return len(self.made)

    def names(self) -> list[str]:
        return list(self.made[0]) if self.made else []

    def rows(self) -> Iterator[Row]:
        return iter(self.made)


@frozen
class Product:
    """Every combination of the parts' rows, the last part running fastest."""

    parts: tuple[Block, ...]

    def size(self) -> int:
        return prod(part.size() for part in self.parts)

    def names(self) -> list[str]:
        return [name for part in self.parts for name in part.names()]

    def rows(self) -> Iterator[Row]:
        for combination in itertools.product(*(list(part.rows()) for part in self.parts)):
            yield {name: level for row in combination for name, level in row.items()}


@frozen
class Zip:
    """The parts' rows side by side; all have the same number."""

    parts: tuple[Block, ...]

    def size(self) -> int:
        return min((part.size() for part in self.parts), default=0)

    def names(self) -> list[str]:
        return [name for part in self.parts for name in part.names()]

    def rows(self) -> Iterator[Row]:
        for combination in zip(*(part.rows() for part in self.parts), strict=True):
            yield {name: level for row in combination for name, level in row.items()}


@frozen
class Union:
    """The parts' rows one after the other; parts may have different axes."""

    parts: tuple[Block, ...]

    def size(self) -> int:
        return sum(part.size() for part in self.parts)

    def names(self) -> list[str]:
        return list(dict.fromkeys(name for part in self.parts for name in part.names()))

    def rows(self) -> Iterator[Row]:
        return itertools.chain.from_iterable(part.rows() for part in self.parts)


@frozen
class Dropped:
    """An entry of `exclude` (rows that fit `match`) or of `when` (and not `unless`), with the first row it dropped."""

    match: dict[str, set[str]]
    unless: dict[str, set[str]] | None = None
    row: Row | None = None

    def drops(self, row: Row) -> bool:
        """Whether the entry takes this row out."""
        return fits(row, self.match) and not (self.unless is not None and fits(row, self.unless))


class Grammar:
    """Reads the `sweep:` part of an experiment."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self.dropped: list[Dropped] = []
        self.design: Factorial | None = None

    def rows(self, item: Item | None) -> list[Row]:
        """All rows, in order, filters applied; one empty row when nothing is swept. Errors go to `problems`."""
        if item is None or (isinstance(item, Scalar) and item.value is None):
            return [{}]
        if not isinstance(item, Mapping):
            if not refused(item):
                self.problems.add(item.place, "`sweep` is a mapping", "write sweep: {product: {path: [values]}}")
            return []
        before = len(self.problems)
        for key in item.items:
            if key not in (*OPERATORS, *FILTERS):
                fix = f"put axes under `product:`; {suggest(key, (*OPERATORS, *FILTERS))}"
                self.problems.add(item.keys[key], f"unknown key `{key}` in `sweep`", fix)
        block = self.block(without(item, *(key for key in item.items if key not in OPERATORS)))
        if len(self.problems) > before or block is None:
            return []
        if block.size() > MAX_CELLS:
            self.problems.add(item.place, f"{block.size():,} cells", f"at most {MAX_CELLS:,}; use `sample`")
            return []
        rows = list(block.rows())
        rows = self.filtered(rows, item)
        if not rows and len(self.problems) == before:
            self.problems.add(item.place, "no cell is left in the sweep", "relax `exclude` and `when`")
        self.unique(rows, item)
        return rows

    def block(self, item: Mapping) -> Block | None:
        """A mapping of axes and operators: their product."""
        parts = [part for key in item.items if (part := self.part(key, item))]
        return self.disjoint(parts, item) if parts else None

    def disjoint(self, parts: list[Block], item: Mapping) -> Block | None:
        """The product of parts that share no axis."""
        seen: set[str] = set()
        for part in parts:
            for name in part.names():
                if name in seen:
                    self.problems.add(item.place, f"axis `{name}` is given twice", "a `union` can repeat an axis")
                seen.add(name)
        return parts[0] if len(parts) == 1 else Product(tuple(parts))

    def part(self, key: str, item: Mapping) -> Block | None:
        """One entry of such a mapping."""
        value, place = item.items[key], item.keys[key]
        if refused(value):
            return None
        if key == "sample":
            from mmrun.runner.plan.sampling import read_sample

            rows = read_sample(value, self.problems)
            return Rows(rows) if rows else None
        if key == "factorial":
            return self.factorial(value, place)
        if key in ("product", "zip", "union"):
            return self.operator(key, value, place)
        axis = read_axis(key, place, value, self.problems)
        return AxisBlock(axis) if axis else None

    def factorial(self, value: Item, place: Place) -> Block | None:
        """The runs of a two-level design; a sweep has one."""
        from mmrun.runner.plan.factorial import read_factorial

        if self.design is not None:
            self.problems.add(place, "a second `factorial`", "a sweep has one: split the experiment")
            return None
        found = read_factorial(value, self.problems)
        if found is None:
            return None
        rows, self.design = found
        return Rows(rows)

    def operator(self, key: str, value: Item, place: Place) -> Block | None:
        before = len(self.problems)
        parts = self.parts(key, value)
        if len(self.problems) > before:
            return None
        if not parts:
            self.problems.add(place, f"`{key}` is empty", "name at least one axis")
            return None
        if key == "union":
            return Union(tuple(parts))
        if key == "zip":
            return self.zipped(parts, value)
        holder = value if isinstance(value, Mapping) else Mapping(value.place, {}, {})
        return self.disjoint(parts, holder)

    def parts(self, key: str, value: Item) -> list[Block]:
        """The blocks an operator works on: the entries of a mapping, or a list of mappings."""
        if isinstance(value, Mapping) and key != "union":
            return [part for name in value.items if (part := self.part(name, value))]
        if not isinstance(value, Sequence):
            takes = "a list of mappings" if key == "union" else "a mapping of axes, or a list of such mappings"
            self.problems.add(value.place, f"`{key}` takes {takes}", "see `mmrun explain sweep`")
            return []
        found = []
        for item in value.items:
            if isinstance(item, Mapping):
                block = self.block(item)
                found += [block] if block else []
            elif not refused(item):
                self.problems.add(item.place, f"`{key}` takes a list of mappings", "write - {axis: [values]}")
        return found

    def zipped(self, parts: list[Block], value: Item) -> Block | None:
        sizes = {", ".join(part.names()): part.size() for part in parts}
        if len(set(sizes.values())) > 1:
            shown = "; ".join(f"{names}: {size}" for names, size in sizes.items())
            self.problems.add(value.place, f"`zip` needs axes of one length ({shown})", "make them equal")
            return None
        self.disjoint(parts, Mapping(value.place, {}, {}))
        return Zip(tuple(parts))

    def unique(self, rows: list[Row], item: Mapping) -> None:
        """Refuse rows that have the same labels on the same axes."""
        seen: set[tuple] = set()
        for row in rows:
            key = tuple((name, label_text(level.label)) for name, level in sorted(row.items()))
            if key in seen:
                self.problems.add(
                    item.place, f"the cell {describe(row)} comes twice", "make the parts of `union` disjoint"
                )
                return
            seen.add(key)

    def filtered(self, rows: list[Row], item: Mapping) -> list[Row]:
        """The rows that `exclude` and `when` leave."""
        labels: dict[str, set[str]] = {}
        for row in rows:
            for name, level in row.items():
                labels.setdefault(name, set()).add(label_text(level.label))
        for condition in self.entries(item, "exclude"):
            match = self.condition(condition, labels)
            if match is not None:
                rows = self.keep(rows, Dropped(match))
        for condition in self.entries(item, "when"):
            given, wanted = condition.get("if"), condition.get("then")
            if not isinstance(given, Mapping) or not isinstance(wanted, Mapping) or len(condition.items) != 2:
                self.problems.add(
                    condition.place, "an entry of `when` has `if` and `then`", "write {if: {a: 1}, then: {b: 2}}"
                )
                continue
            first, second = self.condition(given, labels), self.condition(wanted, labels)
            if first is not None and second is not None:
                rows = self.keep(rows, Dropped(first, second))
        return rows

    def keep(self, rows: list[Row], dropped: "Dropped") -> list[Row]:
        """The rows that the condition leaves; what it drops is remembered by the condition and its first row."""
        gone = next((row for row in rows if dropped.drops(row)), None)
        if gone is None:
            return rows
        self.dropped.append(replace(dropped, row=gone))
        return [row for row in rows if not dropped.drops(row)]

    def entries(self, item: Mapping, key: str) -> list[Mapping]:
        value = item.get(key)
        if value is None or refused(value):
            return []
        if not isinstance(value, Sequence):
            self.problems.add(value.place, f"`{key}` takes a list", f"write {key}: [{{axis: label}}]")
            return []
        for part in value.items:
            if not isinstance(part, Mapping) and not refused(part):
                self.problems.add(part.place, f"an entry of `{key}` maps axes to labels", "write {axis: label}")
        return [part for part in value.items if isinstance(part, Mapping)]

    def condition(self, item: Mapping, labels: dict[str, set[str]]) -> dict[str, set[str]] | None:
        """Axis to the labels it may have; None when something in it is unknown."""
        before = len(self.problems)
        found: dict[str, set[str]] = {}
        for name, value in item.items.items():
            if name not in labels:
                self.problems.add(item.keys[name], f"`{name}` is not an axis of the sweep", suggest(name, labels))
                continue
            for part in value.items if isinstance(value, Sequence) else (value,):
                if not isinstance(part, Scalar):
                    self.problems.add(part.place, "a label is expected", f"labels: {', '.join(sorted(labels[name]))}")
                    continue
                text = part.text if part.value is None else label_text(part.value)
                if text not in labels[name] and not refused(part):
                    what = f"axis `{name}` has no label `{text}`"
                    self.problems.add(part.place, what, suggest(text, labels[name]))
                found.setdefault(name, set()).add(text)
        return found if len(self.problems) == before else None


def fits(row: Row, match: dict[str, set[str]]) -> bool:
    """Whether a row has one of the wanted labels on every named axis."""
    return all(name in row and label_text(row[name].label) in wanted for name, wanted in match.items())


def describe(row: Row) -> str:
    """A row in words: `kernel=3.1, placement=local`."""
    return ", ".join(f"{name}={label_text(level.label)}" for name, level in row.items()) or "the only cell"
