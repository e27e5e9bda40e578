"""Every field of the experiment file by its dotted path: type, default, what it may be, and which lines read it."""

import ast
import dataclasses
import re
import sys
import typing
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from mmrun.model import eras
from mmrun.model.core.cache import ROOT
from mmrun.model.core.timeline import LAST
from mmrun.model.description import Cell, Cgroup, Stream, Sysctl
from mmrun.runner.config import cell_checks, checks, units
from mmrun.runner.config.experiment import File, Replicates
from mmrun.runner.config.fields import SHARES, arms, docs, hints, literals, quantity, required
from mmrun.runner.explain import kernel_map
from mmrun.runner.explain import kernels as explain_kernels
from mmrun.runner.explain.entry import Entry
from mmrun.runner.plan import axes
from mmrun.runner.report.report_block import ReportBlock

PARTS = ("machine", "vm", "cgroups", "slab", "tasks", "sampling", "policy")
WORDS = {int: "whole number", float: "number", str: "text", bool: "true or false"}
DATES = {"vm": ("sysctl", "range"), "cgroups": ("group",)}
SHOWN = 4
# What the reader of files takes where the cell has something else, or nothing.
TOP = {
    "experiment": "text", "description": "text", "include": "list of texts", "machine": "text or mapping",
    "replicates": "whole number or mapping", "sweep": "mapping", "report": "mapping",
}  # fmt: skip


def keys() -> Iterator[Entry]:
    """Keys of the experiment file, as dotted paths; names that users choose and indexes are left out of them."""
    types = hints(Cell)
    for name, doc in docs(File).items():
        if name:
            kind = TOP.get(name) or type_text(types[name])
            yield Entry(name, "key", doc, type=kind, field=f"Cell.{name}" if name in types else "")
    for part in PARTS:
        for entry in below(types[part], part):
            name = entry.name.rpartition(".")[2]
            dates = "".join(explain_kernels.history(kind, name) for kind in DATES.get(part, ()))
            yield dataclasses.replace(entry, text=entry.text + dates)
    yield from fields(Replicates, "replicates", "key")
    yield from fields(ReportBlock, "report", "key")


def fields(kind: type, prefix: str, what: str) -> Iterator[Entry]:
    """The fields of a dataclass and of those below it."""
    known, types, needed = docs(kind), hints(kind), required(kind)
    source = Path(str(sys.modules[kind.__module__].__file__))
    home = (str(source.relative_to(ROOT)),) if "workloads" in source.parts else ()
    for each in dataclasses.fields(kind):
        hint = types[each.name]
        unit = next((unit for arm in arms(hint) if (unit := quantity(arm))), "")
        name = f"{prefix}.{each.name}"
        share = " or a percentage of the machine's memory" if (kind.__name__, each.name) in SHARES else ""
        yield Entry(
            name, what, known.get(each.name, ""), unit or "", "none, it is required" if each.name in needed else
            shown(each, unit), range=range_of(kind, each.name, hint), type=type_text(hint) + share,
            read=home, field=f"{kind.__name__}.{each.name}" if not home and "model" in source.parts else "",
        )  # fmt: skip
        if kind is not Stream:
            yield from below(hint, name)


def below(hint: Any, prefix: str) -> Iterator[Entry]:
    """The fields of the dataclasses that a type is made of."""
    for kind in arms(hint):
        inner = typing.get_args(kind)
        if dataclasses.is_dataclass(kind):
            yield from fields(typing.cast(type, kind), prefix, "key")
        elif typing.get_origin(kind) is tuple and inner:
            yield from below(inner[0], prefix)
        elif typing.get_origin(kind) is dict:
            yield from below(inner[1], prefix)


def shown(field: dataclasses.Field, unit: str | None) -> str:
    """A field's default as it would be written."""
    value = field.default
    if value is dataclasses.MISSING or value is None or dataclasses.is_dataclass(value):
        return ""
    if unit in ("bytes", "ns", "bytes/s") and isinstance(value, int):
        return units.show(value, unit)
    return axes.label_text(value) if isinstance(value, int | float | str) else ""


def type_text(hint: Any) -> str:
    """A type in words: `whole number`, `size with its unit, such as 64KiB`, `one of a, b`, `list of ...`."""
    return " or ".join(dict.fromkeys(_one(kind) for kind in arms(hint)))


def _one(kind: Any) -> str:
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if unit := quantity(kind):
        return f"{units.NAMES[unit]} with its unit, such as {units.EXAMPLES[unit]}"
    if literals(kind):
        return f"one of {', '.join(map(str, literals(kind)))}"
    if origin is typing.Annotated:
        return _one(inner[0])
    if origin is tuple:
        return f"list of {_plural(type_text(inner[0]))}"
    if origin is dict:
        return f"mapping from names to {_plural(type_text(inner[1]))}"
    if dataclasses.is_dataclass(kind):
        return "mapping"
    return WORDS.get(kind, "any value")


def _plural(words: str) -> str:
    return {"mapping": "mappings", "whole number": "whole numbers", "text": "texts"}.get(words, words)


def range_of(kind: type, name: str, hint: Any) -> str:
    """What a field may be: as its type says, as the newest kernel has it, or as `mmrun check` tells who errs."""
    if kind is Sysctl and name in (bounds := eras.era(LAST).ranges):
        return f"{bounds[name][0]} to {bounds[name][1]} in {LAST}"
    if kind is Cgroup and name == "swappiness":
        return range_of(Sysctl, name, hint)
    marks = [mark for arm in arms(hint) for mark in getattr(arm, "__metadata__", ())]
    limits = [f"{word} {bound}" for mark in marks for each in (mark, *getattr(mark, "metadata", ()))
              for word, key in (("at least", "ge"), ("more than", "gt"), ("at most", "le"), ("less than", "lt"))
              if (bound := getattr(each, key, None)) is not None]  # fmt: skip
    return ", ".join(dict.fromkeys(limits)) or rules().get((kind.__name__, name), "")


@cache
def rules() -> dict[tuple[str, str], str]:
    """(class, field) -> what the checks advise who broke a rule about that field, read from their syntax trees."""
    found: dict[tuple[str, str], str] = {}
    for module in (checks, cell_checks):
        tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
        for method in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
            kinds = [ast.unparse(each.annotation) for each in method.args.args if each.annotation is not None]
            for call in (node for node in ast.walk(method) if isinstance(node, ast.Call)):
                match call:
                    case ast.Call(func=ast.Attribute(attr="fault"), args=[_, fix, *_, ast.Constant(value=str(key))]):
                        text = _advice(fix, vars(module))
                        if text and RANGE.search(text):
                            found |= {(kind, key): text for kind in kinds}
    return found


RANGE = re.compile(r"^(?:(?:nodes )?-?[\d.]+ to |up to |at (?:least|most) |whole |8B to |\d+, )")


def _advice(node: ast.expr, names: dict[str, Any]) -> str:
    """A text or f-string with the constants it names put in; nothing where something else is to be put in."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            texts = [_advice(part, names) for part in parts]
            return "".join(texts) if all(texts) else ""
        case ast.FormattedValue(value=ast.Name(id=name)) if isinstance(names.get(name), int):
            return str(names[name])
        case ast.FormattedValue(value=ast.BinOp(left=ast.Call(func=ast.Name(id="len"))) as value):
            return ast.unparse(value)
    return ""


def read_at(field: str) -> tuple[str, ...]:
    """Lines of the model that read `Class.field` of a description, as file:line; the first few.

    A class is known by what a variable is called (`task`, `tasks`) or annotated with. Plain Python that deals with
    descriptions comes first, then where it hands the field on by its name, then kernels that read the row or setting
    of that name: of sysctls and costs always, of others where nothing else reads them.
    """
    kind, _, name = field.partition(".")
    files = [path for path in sorted((ROOT / "model").rglob("*.py")) if not {"library", "since.py"} & set(path.parts)]
    plain = [path for path in files if "mmrun.model.description" in kernel_map.text_of(path)]
    word, setting = re.compile(rf"[.\"' ]{name}\b"), re.compile(rf"\.{name}\b")
    told = [each for path in plain if word.search(kernel_map.text_of(path)) for each in _reads(path, kind, name)]
    if kind in ("Sysctl", "Costs"):
        setting = re.compile(rf"(settings|costs)\(m\)\.{name}\b")
    if kind in ("Sysctl", "Costs") or not told:
        rest = [path for path in files if path not in plain and setting.search(kernel_map.text_of(path))]
        told += [each for path in rest for each in _reads(path, kind, name)]
    return tuple(dict.fromkeys(place for _, place in sorted(told, key=lambda each: each[0])))[:SHOWN]


def _reads(path: Path, kind: str, name: str) -> Iterator[tuple[int, str]]:
    """(0 surely, 1 named as text, 2 as a setting; file:line) for what looks like a reading of the field."""
    tree, short = kernel_map.tree_of(path), path.relative_to(ROOT)
    describes = "mmrun.model.description" in kernel_map.text_of(path)
    holders = _holders(kind) | {
        each.arg for each in ast.walk(tree)
        if isinstance(each, ast.arg) and each.annotation is not None and ast.unparse(each.annotation) == kind
    }  # fmt: skip
    compiled = [(each.lineno, each.end_lineno or 0) for each in ast.walk(tree)
                if isinstance(each, ast.FunctionDef) and each.decorator_list]  # fmt: skip
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=base, attr=attr, ctx=ast.Load()) if attr == name:
                inside = any(first <= node.lineno <= last for first, last in compiled)
                if _last(base) in holders:
                    yield 2 * inside, f"{short}:{node.lineno}"
                elif isinstance(base, ast.Call) and ast.unparse(base).endswith("settings(m)"):
                    yield 2, f"{short}:{node.lineno}"
            case ast.Constant(value=str(words)) if describes and name in words.split():
                if words.replace(" ", "").isidentifier():
                    yield 1, f"{short}:{node.lineno}"


@cache
def _holders(kind: str) -> set[str]:
    """What a variable that holds such a description may be called."""
    lower = kind.lower()
    special = {
        "Cgroup": {"group", "groups"}, "Sysctl": {"vm"}, "SwapTarget": {"area", "target"}, "SlabCache": {"cache"},
        "Mempolicy": {"policy"},
    }  # fmt: skip
    return {lower, f"{lower}s"} | special.get(kind, set())


def _last(node: ast.expr) -> str:
    """The last name of `a.b`, `a[i]` or `a`; nothing for a call."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(value=value):
            return _last(value)
    return ""
