"""From an experiment's tree and one row of the sweep to a cell, with every error at its place.

Parts that rows share are read once: the setter hands back the same object for the same request, and readers remember by
object.
"""

from dataclasses import dataclass, field
from typing import Any, TypeVar

from mmrun.model import registry
from mmrun.model.core.timeline import FIRST, LAST
from mmrun.model.description import Cell, Cgroup, Entry, Machine, Sampling, SlabCache, Stream, Sysctl, Task
from mmrun.model.eras import why_not
from mmrun.model.rules.record import Fault, Unsound
from mmrun.runner.config.cell_checks import CellCheck, check_machine
from mmrun.runner.config.fields import Reader, hints
from mmrun.runner.config.includes import Machines
from mmrun.runner.config.parts import Parts
from mmrun.runner.config.paths import nobody
from mmrun.runner.config.problems import Place, Problems
from mmrun.runner.config.streams import Streams, read_policy
from mmrun.runner.config.trees import Dotted, PathError, Setter, expand, is_null, place_of
from mmrun.runner.config.yaml_nodes import Item, Mapping, Scalar
from mmrun.runner.config.yaml_scalars import REFUSED
from mmrun.runner.plan.sweep import Row, describe

T = TypeVar("T")
# One object each, so that what was checked once is recognised.
NO_SYSCTL, NO_SAMPLING = Sysctl(), Sampling()
NOTHING: dict[str, Any] = {}
NO_TIMELINE: tuple[Entry, ...] = ()
DURATION, CGROUP_VERSION = hints(Cell)["duration"], hints(Cell)["cgroup_version"]
TIMELINE = hints(Cell)["timeline"]


@dataclass
class Cells:
    """Makes cells; errors go to `problems`."""

    problems: Problems
    memory: dict[tuple[Any, ...], tuple[Any, Any]] = field(default_factory=dict)
    seen: set[tuple[Place, str]] = field(default_factory=set)
    filled: registry.Known = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.machines = Machines(self.problems)
        self.streams = Streams(self.problems)
        self.setter = Setter(self.lift)

    def lift(self, path: Dotted, item: Scalar) -> Mapping | None:
        """A variant given by name, as the mapping in which its parameters can be set."""
        if len(path) == 2 and path[0] == "policy":
            return Mapping(item.place, {"variant": item}, {"variant": item.place})
        return None

    def cell(self, base: Mapping, row: Row) -> Cell | None:
        """The resolved cell (replicate 0) of a row, or None with the reasons in `problems`."""
        tree = self.tree(base, row)
        if tree is None:
            return None
        parts = self.parts(tree)
        if not parts.whole():
            return None
        check = CellCheck(parts, tree, lambda place, message, fix: self.note(place, message, fix, row), self.memory)
        if not check.run():
            return None
        cell = Cell(**vars(parts))
        try:
            return registry.fill(cell, self.filled)
        except ValueError as error:
            for fault in error.faults if isinstance(error, Unsound) else [Fault(("policy",), str(error))]:
                here = fault.path if fault.path[0] in tree.items else ("kernel",)
                self.note(place_of(tree, *here), fault.message, fault.fix, row)
            return None

    def note(self, place: Place, message: str, fix: str, row: Row) -> None:
        """Note an error that depends on the combination: once, with the first row that has it."""
        if (place, message) not in self.seen:
            self.seen.add((place, message))
            first = f"in the cell {describe(row)}; `exclude` it if it is not meant" if row else ""
            self.problems.add(place, message, "; ".join(part for part in (fix, first) if part))

    def tree(self, base: Mapping, row: Row) -> Mapping | None:
        """The tree with everything set that the row's levels set, short paths first."""
        sets = sorted((each for level in row.values() for each in level.sets), key=lambda each: len(each.path))
        tree: Item = base
        before = len(self.problems)
        taken: dict[Dotted, Place] = {}
        for each in sets:
            try:
                tree = self.opened(tree, each.path)
                if wrong := nobody(tree, each.path):
                    self.problems.add(each.place, *wrong)
                    continue
                for path in expand(tree, each.path):
                    if path in taken:
                        fix = f"the other is on line {taken[path].line}"
                        self.problems.add(each.place, f"two axes set `{'.'.join(path)}`", fix)
                    taken[path] = each.place
                    tree = self.setter.put(tree, path, each.item, each.place)
            except PathError as error:
                self.problems.add(each.place, str(error), "name what is there, or define it first")
        return tree if isinstance(tree, Mapping) and len(self.problems) == before else None

    def opened(self, tree: Item, path: Dotted) -> Mapping:
        """The tree with its machine spelled out where a path leads inside it: what is set there replaces what was."""
        assert isinstance(tree, Mapping)
        machine = tree.get("machine")
        if path[0] != "machine" or len(path) == 1 or machine is None:
            return tree
        whole = self.once("machine tree", machine, lambda: self.machines.tree(machine))
        return tree if whole is None else Mapping(tree.place, {**tree.items, "machine": whole}, tree.keys)

    def parts(self, tree: Mapping) -> Parts:
        """Everything read, each part once per distinct subtree."""
        machine = self.machine(tree)
        total = sum(node.memory for node in machine.nodes) if machine else None
        return Parts(
            kernel=self.kernel(tree),
            machine=machine,
            vm=self.simple(tree, "vm", Sysctl, NO_SYSCTL),
            cgroups=self.table(tree, "cgroups", Cgroup, total),
            cgroup_version=self.simple(tree, "cgroup_version", CGROUP_VERSION, None),
            slab=self.table(tree, "slab", SlabCache, total),
            tasks=self.table(tree, "tasks", Task, total, required=True),
            policy=self.once("policy", tree.get("policy"), lambda: read_policy(tree.get("policy"), self.problems)),
            timeline=self.timeline(tree, total),
            sampling=self.simple(tree, "sampling", Sampling, NO_SAMPLING),
            duration=self.simple(tree, "duration", DURATION, None),
            seed=self.seed(tree),
        )

    def once(self, kind: Any, item: Item | None, make: Any) -> Any:
        """`make()`, remembered for this very item."""
        key = (kind, id(item))
        if key not in self.memory:
            self.memory[key] = (make(), item)  # the item is kept so that its id stays its own
        return self.memory[key][0]

    def kernel(self, tree: Mapping) -> str | None:
        item = tree.get("kernel")
        if not self.present(tree, "kernel", f'a version from {FIRST} to {LAST}, in quotes, such as "{LAST}"'):
            return None
        assert item is not None
        if isinstance(item, Scalar) and item.value is REFUSED:
            return None
        if isinstance(item, Scalar) and isinstance(item.value, str) and why_not(item.value) is None:
            return item.value
        if isinstance(item, Scalar) and not isinstance(item.value, str):
            self.problems.add(
                item.place, f"a kernel's name is text, found the number {item.text}", f'write "{item.text}"'
            )
        else:
            name = item.text if isinstance(item, Scalar) else "this"
            why, fix = why_not(name) or ("", "")
            self.problems.add(item.place, f"unknown kernel `{name}`: {why}", fix)
        return None

    def machine(self, tree: Mapping) -> Machine | None:
        if not self.present(tree, "machine", "a name of `mmrun explain machines`, or a description"):
            return None
        item = tree.items["machine"]
        return self.once("machine", item, lambda: self.read_machine(item))

    def read_machine(self, item: Item) -> Machine | None:
        whole = self.once("machine tree", item, lambda: self.machines.tree(item))
        machine = Reader(self.problems).read(whole, Machine) if whole is not None else None
        if machine is None:
            return None
        before = len(self.problems)
        check_machine(machine, whole, self.problems)
        return machine if len(self.problems) == before else None

    def simple(self, tree: Mapping, key: str, kind: Any, default: Any) -> Any:
        """A part that depends on nothing else."""
        item = tree.get(key)
        if item is None or is_null(item):
            return default
        return self.once(key, item, lambda: Reader(self.problems, name=key).read(item, kind))

    def timeline(self, tree: Mapping, total: int | None) -> tuple[Entry, ...] | None:
        """What changes along the run, read once; percentages are of the machine's memory `total` (bytes)."""
        item = tree.get("timeline")
        if item is None or is_null(item):
            return NO_TIMELINE
        known = total if total is not None else 1 << 40
        reader = Reader(self.problems, memory=known, name="timeline")
        return self.once(("timeline", total), item, lambda: reader.read(item, TIMELINE))

    def table(
        self, tree: Mapping, key: str, kind: type[T], total: int | None, required: bool = False
    ) -> dict[str, T] | None:
        """Things by name, each read once; percentages are of the machine's memory `total` (bytes)."""
        item = tree.get(key)
        if item is None or is_null(item):
            return None if required and not self.present(tree, key, f"write {key}: {{name: ...}}") else NOTHING
        if not isinstance(item, Mapping):
            if not (isinstance(item, Scalar) and item.value is REFUSED):
                self.problems.add(item.place, f"`{key}` maps names to descriptions", f"write {key}: {{name: ...}}")
            return None
        return self.once(
            (key, total, "all"), item, lambda: {name: self.entry(key, name, item, kind, total) for name in item.items}
        )

    def entry(self, key: str, name: str, item: Mapping, kind: type[T], total: int | None) -> T | None:
        part = item.items[name]
        if is_null(part):
            self.problems.add(item.keys[name], f"nothing called `{name}` to remove here", "leave it out")
            return None
        if isinstance(part, Scalar) and part.value is REFUSED:
            return None
        known = total if total is not None else 1 << 40  # the machine's own errors are noted; go on to find others
        reader = Reader(self.problems, memory=known, hooks={Stream: self.streams.read})
        return self.once((key, total), part, lambda: reader.read(part, kind))

    def seed(self, tree: Mapping) -> str:
        item = tree.get("seed")
        if item is None or is_null(item):
            return "mmrun"
        if isinstance(item, Scalar) and isinstance(item.value, str | int) and not isinstance(item.value, bool):
            return str(item.value)
        if not (isinstance(item, Scalar) and item.value is REFUSED):
            self.problems.add(item.place, "a seed is text or a whole number", "write seed: 1")
        return "mmrun"

    def present(self, tree: Mapping, key: str, fix: str) -> bool:
        item = tree.get(key)
        if item is None or is_null(item):
            self.problems.add(tree.place, f"`{key}` is required", fix)
            return False
        return True
