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
from mmrun.model.core.timeline import LAST, shown
from mmrun.model.description import Cell, Cgroup, Stream, Sysctl
from mmrun.model.rules.bounds import arms, bare, hints, literals, quantity
from mmrun.model.rules.record import is_family, kinds
from mmrun.model.rules.timeline import fixed
from mmrun.runner.config import facts, units
from mmrun.runner.config.experiment import File, Replicates
from mmrun.runner.config.fields import SHARES, docs, required
from mmrun.runner.explain import kernel_map
from mmrun.runner.explain import kernels as explain_kernels
from mmrun.runner.explain.entry import Entry
from mmrun.runner.report.report_block import ReportBlock

PARTS = ("machine", "vm", "cgroups", "slab", "tasks", "timeline", "sampling", "policy")
WORDS = {int: "whole number", float: "number", str: "text", bool: "true or false"}
DATES = {"vm": ("sysctl", "range"), "cgroups": ("group",)}
SHOWN = 4
# What the reader of files takes where the cell has something else, or nothing.
TOP = {
    "experiment": "text", "description": "text", "include": "list of texts", "machine": "text or mapping",
    "replicates": "whole number or mapping", "sweep": "mapping", "sense": "mapping",
    "report": "mapping",
}  # fmt: skip


def keys() -> Iterator[Entry]:
    """Keys of the experiment file, as dotted paths; names that users choose and indexes are left out of them."""
    types, kept = hints(Cell), fixed()
    for name, doc in docs(File).items():
        if name:
            kind = TOP.get(name) or type_text(types[name])
            yield Entry(name, "key", doc, type=kind, field=f"Cell.{name}" if name in types else "")
    for part in PARTS:
        for entry in below(types[part], part):
            if entry.name.startswith("timeline.set.vm."):  # those of `vm`
                continue
            name = entry.name.rpartition(".")[2]
            dates = "".join(explain_kernels.history(kind, name) for kind in DATES.get(part, ()))
            stays = f" Stays as it is in a timeline: {kept[name]}." if part == "vm" and name in kept else ""
            yield dataclasses.replace(entry, text=entry.text + stays + dates)
    yield from fields(Replicates, "replicates", "key")
    yield from fields(ReportBlock, "report", "key")


def fields(kind: type, prefix: str, what: str) -> Iterator[Entry]:
    """The fields of a dataclass, of all its kinds if there are several, and of those below it."""
    types = facts.types(kind)
    members = list(kinds(kind).values()) if is_family(kind) else [kind]
    source = Path(str(sys.modules[kind.__module__].__file__))
    home = (str(source.relative_to(ROOT)),) if "workloads" in source.parts else ()
    for field, known in facts.fields(kind).items():
        hint, name = types.get(field, str), f"{prefix}.{field}"
        share = " or a percentage of the machine's memory" if (kind.__name__, field) in SHARES else ""
        needed = all(field in required(each) for each in members if field in hints(each)) and field != "kind"
        text = f"one of {known.type.replace(' | ', ', ')}" if is_family(kind) and field == "kind" else type_text(hint)
        yield Entry(
            name, what, known.doc, known.unit,
            "none, it is required" if needed else default_of(kind, field, known.default),
            range=range_of(kind, field, known.range),
            type=text + share,
            read=home, field=f"{kind.__name__}.{field}" if not home and "model" in source.parts else "",
        )  # fmt: skip
        if kind is not Stream:
            yield from below(hint, name)


def below(hint: Any, prefix: str) -> Iterator[Entry]:
    """The fields of the dataclasses that a type is made of."""
    for kind in map(bare, arms(hint)):
        inner = typing.get_args(kind)
        if dataclasses.is_dataclass(kind):
            yield from fields(typing.cast(type, kind), prefix, "key")
        elif typing.get_origin(kind) is tuple and inner:
            yield from below(inner[0], prefix)
        elif typing.get_origin(kind) is dict:
            yield from below(inner[1], prefix)


def type_text(hint: Any) -> str:
    """A type in words: `whole number`, `size with its unit, such as 64KiB`, `one of a, b`, `list of ...`."""
    return " or ".join(dict.fromkeys(_one(kind) for kind in arms(hint)))


def _one(kind: Any) -> str:
    unit, kind = quantity(kind), bare(kind)
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if unit:
        return f"{units.NAMES[unit]} with its unit, such as {units.EXAMPLES[unit]}"
    if literals(kind):
        return f"one of {', '.join(map(str, literals(kind)))}"
    if origin is tuple:
        return f"list of {_plural(type_text(inner[0]))}"
    if origin is dict:
        return f"mapping from names to {_plural(type_text(inner[1]))}"
    if dataclasses.is_dataclass(kind):
        return "mapping"
    return WORDS.get(kind, "any value")


def _plural(words: str) -> str:
    return {"mapping": "mappings", "whole number": "whole numbers", "text": "texts"}.get(words, words)


def default_of(kind: type, name: str, declared: str) -> str:
    """What holds where nothing is said: as the type has it; of a setting, in the newest kernel."""
    if kind is Sysctl and name in (dated := eras.era(LAST).sysctl):
        return f"{shown(dated[name])} in {LAST}"
    return declared


def range_of(kind: type, name: str, declared: str) -> str:
    """What a field may be: as its type says; a setting as the newest kernel has it."""
    if (kind is Sysctl or (kind is Cgroup and name == "swappiness")) and name in (bounds := eras.era(LAST).ranges):
        return f"{bounds[name][0]} to {bounds[name][1]} in {LAST}"
    return declared


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
    if kind in ("Sysctl", "Costs") or not told:
        rest = [path for path in files if path not in plain and setting.search(kernel_map.text_of(path))]
        told += [each for path in rest for each in _reads(path, kind, name)]
    return tuple(dict.fromkeys(place for _, place in sorted(told, key=lambda each: each[0])))[:SHOWN]


def _is_settings(node: ast.expr) -> bool:
    """Whether it is `some_settings(m)` or `costs(m)`."""
    return isinstance(node, ast.Call) and ast.unparse(node).endswith(("settings(m)", "costs(m)"))


def _bindings(node: ast.Assign) -> Iterator[tuple[ast.Name, ast.expr]]:
    """The plain names that an assignment binds, each with its value."""
    for target in node.targets:
        pairs = [(target, node.value)]
        if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
            pairs = list(zip(target.elts, node.value.elts, strict=False))
        yield from ((name, value) for name, value in pairs if isinstance(name, ast.Name))


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
    settings = {target.id for each in ast.walk(tree) if isinstance(each, ast.Assign)
                for target, value in _bindings(each) if _is_settings(value)}  # fmt: skip
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=base, attr=attr, ctx=ast.Load()) if attr == name:
                inside = any(first <= node.lineno <= last for first, last in compiled)
                if _last(base) in holders:
                    yield 2 * inside, f"{short}:{node.lineno}"
                elif _is_settings(base) or (isinstance(base, ast.Name) and base.id in settings):
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
