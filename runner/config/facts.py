"""What is known about a field of a record: its type, range, default, unit and documentation, all from its declaration.

`mmrun explain`, the JSON Schema and the reference pages ask here.
"""

import dataclasses
import typing
from types import UnionType
from typing import Any

from mmrun.model.core.frozen import frozen
from mmrun.model.description import Cgroup, Sysctl
from mmrun.model.eras import LINES
from mmrun.model.rules.bounds import Bounds, arms, bare, bounds, hints, literals
from mmrun.model.rules.record import is_family, kinds
from mmrun.runner.config import units
from mmrun.runner.config.fields import docs

SIMPLE = {int: "whole number", float: "number", str: "text", bool: "true or false", Any: "anything"}
DATED = {(Sysctl, line.name) for line in LINES if line.kind == "range"} | {(Cgroup, "swappiness")}


@frozen
class Facts:
    """What is known about one field, as text; empty where there is nothing to say."""

    type: str
    range: str
    default: str
    unit: str
    doc: str


def fields(kind: type) -> dict[str, Facts]:
    """The facts of every field of a record; of a family those of all its kinds, which then are named."""
    if not is_family(kind):
        return {name: facts(kind, name) for name in hints(kind)}
    found: dict[str, Facts] = {}
    members = list(dict.fromkeys(kinds(kind).values()))
    for member in members:
        for name, known in fields(member).items():
            having = [key for key, each in kinds(kind).items() if name in hints(each)]
            only = f"\nfor kind {', '.join(having)}" if len(having) < len(kinds(kind)) else ""
            found.setdefault(name, dataclasses.replace(known, doc=known.doc + only))
    default = f"{kind.usual}" if kind.usual else ""  # type: ignore[attr-defined]
    return found | {"kind": Facts(" | ".join(kinds(kind)), "", default, "", docs(kind).get("kind", ""))}


def types(kind: type) -> dict[str, Any]:
    """The type of every field of a record, or of all kinds of a family."""
    members = kinds(kind).values() if is_family(kind) else [kind]
    return {name: hint for member in reversed(list(members)) for name, hint in hints(member).items()}


def facts(kind: type, name: str) -> Facts:
    """The facts of one field of a record; KeyError when it has no such field."""
    if is_family(kind):
        return fields(kind)[name]
    hint = hints(kind)[name]
    unit = next((limit.unit for arm in arms(hint) if (limit := bounds(arm)).unit), "")
    default = next(field for field in dataclasses.fields(kind) if field.name == name)
    return Facts(type_text(hint), range_text(kind, name), default_text(default, unit), unit, docs(kind).get(name, ""))


def type_text(hint: Any) -> str:
    """A type in words: `whole number`, `size`, `list of Region`, `local | bind`."""
    parts = []
    for arm in arms(hint):
        kind, unit = bare(arm), bounds(arm).unit
        origin, args = typing.get_origin(kind), typing.get_args(kind)
        if unit:
            parts.append(units.NAMES[unit].partition(" ")[2])
        elif literals(kind):
            parts += map(str, literals(kind))
        elif origin is tuple:
            parts.append(f"list of {type_text(args[0])}")
        elif origin is dict:
            parts.append(f"{type_text(args[1])} by name")
        else:
            parts.append(SIMPLE.get(kind) or kind.__name__)
    return " | ".join(parts)


def limits(kind: type, name: str) -> list[Bounds]:
    """The bounds of a field and of what it holds; of a setting that versions bound, the widest."""
    if (kind, name) in DATED:
        steps = next(line.steps for line in LINES if (line.kind, line.name) == ("range", name))
        return [Bounds(ge=min(step.value[0] for step in steps), le=max(step.value[1] for step in steps))]
    return list(_limits(hints(kind)[name]))


def _limits(hint: Any) -> typing.Iterator[Bounds]:
    for arm in arms(hint):
        yield bounds(arm)
        kind = bare(arm)
        if typing.get_origin(kind) in (tuple, dict, typing.Union, UnionType):
            for inner in typing.get_args(kind):
                if inner is not Ellipsis:
                    yield from _limits(inner)


def range_text(kind: type, name: str) -> str:
    """What the field may be, and why."""
    return ", ".join(dict.fromkeys(text for each in limits(kind, name) if (text := each.fix()) and each.text()))


def default_text(field: dataclasses.Field, unit: str) -> str:
    """A field's default as it would be written."""
    value = field.default
    if value is dataclasses.MISSING or value is None or value == "" or not isinstance(value, int | float | str):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return units.show(value, unit) if unit in ("bytes", "ns", "bytes/s") and isinstance(value, int) else str(value)


def described(kind: type, name: str) -> str:
    """The documentation of a field in one paragraph, with its unit, range and default."""
    known = facts(kind, name)
    parts = [known.doc]
    if known.unit:
        parts.append(f"{units.NAMES[known.unit].capitalize()} with its unit, such as {units.EXAMPLES[known.unit]}.")
    parts += [f"Range: {known.range}."] if known.range else []
    parts += [f"Default: {known.default}."] if known.default else []
    return " ".join(part for part in parts if part)
