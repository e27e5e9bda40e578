"""Axes of a sweep: names, levels, and what each level sets in the experiment's tree."""

import re
from dataclasses import dataclass
from typing import Any

from mmrun.runner.config.problems import Place, Problems, suggest
from mmrun.runner.config.trees import is_null, show
from mmrun.runner.config.yaml_nodes import Item, Mapping, Scalar, Sequence
from mmrun.runner.config.yaml_scalars import REFUSED

Label = str | int | float | bool
Dotted = tuple[str, ...]
SWEPT = (
    "kernel", "machine", "policy", "vm", "cgroups", "cgroup_version", "slab", "tasks", "timeline", "sampling",
    "duration", "seed",
)  # fmt: skip
RESERVED = ("replicate", "random", "status", "stale", "error", "key", "elapsed_ns", "outcome", "access", "time_ns")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.*+-]{0,127}")


@dataclass(frozen=True, slots=True)
class Assignment:
    """One value put at a dotted path; `place` is where the sweep says so."""

    path: Dotted
    item: Item
    place: Place


@dataclass(frozen=True, slots=True)
class Level:
    """One level of an axis: its label in tables, and what it sets."""

    label: Label
    sets: tuple[Assignment, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis: its name (a column of the results) and its levels."""

    name: str
    place: Place
    levels: tuple[Level, ...]


def read_axis(name: str, place: Place, item: Item, problems: Problems) -> Axis | None:
    """An axis from its entry in a sweep: a dotted path with a list of values, or a name with levels."""
    if not NAME.fullmatch(name):
        problems.add(place, f"`{name[:60]}` cannot name an axis", "use letters, digits, `_`, `-` and dots")
        return None
    if name in RESERVED:
        problems.add(
            place, f"an axis cannot be called `{name}`: that is a column of every result", "choose another name"
        )
        return None
    if isinstance(item, Sequence):
        levels = [level for part in item.items if (level := value_level(name, place, part, problems))]
        known = head(name, place, problems)
    elif isinstance(item, Mapping):
        levels = [level for label in item.items if (level := named_level(label, item, problems))]
        known = True
    else:
        if not refused(item):
            fix = f"write {name}: [{item.text}, ...]"
            problems.add(item.place, f"axis `{name}` needs a list of values, or levels by name", fix)
        return None
    if not known or not distinct(name, levels, problems):
        return None
    if not levels and not item.items:
        problems.add(item.place, f"axis `{name}` has no values", "name at least one")
    if not levels:
        return None
    return Axis(name, place, tuple(levels))


def value_level(name: str, place: Place, item: Item, problems: Problems) -> Level | None:
    """The level of one value in an axis' list."""
    if refused(item):
        return None
    if isinstance(item, Mapping):
        fix = f"write {name}-variant: {{first: {{{name}: ...}}, second: ...}}"
        problems.add(item.place, "a mapping as a value has no label to print", f"name the levels: {fix}")
        return None
    label = item.value if isinstance(item, Scalar) and item.value is not None else show(item)
    assert isinstance(label, str | int | float | bool)
    return Level(label, (Assignment(tuple(name.split(".")), item, place),), item.place)


def named_level(label: str, item: Mapping, problems: Problems) -> Level | None:
    """The level `label` of a named axis: what it sets, or null for nothing."""
    part = item.items[label]
    if refused(part):
        return None
    if is_null(part):
        return Level(label, (), item.keys[label])
    if not isinstance(part, Mapping):
        what = f"level `{label}` must say what it sets"
        problems.add(part.place, what, f"write {label}: {{path.to.key: value}}, or null for the base as it is")
        return None
    good = [path for path in part.items if head(path, part.keys[path], problems)]
    sets = tuple(Assignment(tuple(path.split(".")), part.items[path], part.keys[path]) for path in good)
    return Level(label, sets, item.keys[label])


def head(path: str, place: Place, problems: Problems) -> bool:
    """Whether a dotted path begins with something that can be swept; notes the error if not."""
    first = path.split(".")[0]
    if first not in SWEPT:
        problems.add(place, f"`{path[:60]}` is not a path into a cell", suggest(first, SWEPT))
        return False
    if "" in path.split("."):
        problems.add(place, f"`{path[:60]}` has an empty part", "write names with single dots between them")
        return False
    return True


def distinct(name: str, levels: list[Level], problems: Problems) -> bool:
    """Whether labels differ from each other; notes the ones that do not."""
    seen: set[str] = set()
    before = len(problems)
    for level in levels:
        text = label_text(level.label)
        if text in seen:
            problems.add(level.place, f"axis `{name}` has the value `{text}` twice", "remove one")
        seen.add(text)
    return len(problems) == before


def label_text(label: Any) -> str:
    """How a label prints and is compared."""
    if isinstance(label, bool):
        return "true" if label else "false"
    return f"{label:g}" if isinstance(label, float) else str(label)


def refused(item: Item) -> bool:
    """Whether the item is a value that was refused already."""
    return isinstance(item, Scalar) and item.value is REFUSED
