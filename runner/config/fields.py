"""Turns configuration trees into the dataclasses of the model, with every error at its place.

The walk follows the type of each field: it reads quantities with units, drops nulls (the default holds), picks the kind
of a record, refuses unknown keys and remembers where each value stands. Pydantic then judges the values, strictly, by
what the types say (`mmrun.runner.config.validators`); its refusals are mapped back to places, in the words of the
types.
"""

import ast
import dataclasses
import inspect
import itertools
import json
import typing
from collections.abc import Callable
from dataclasses import dataclass, is_dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar

from pydantic_core import ValidationError

from mmrun.model.rules.bounds import arms as arms
from mmrun.model.rules.bounds import bare, bounds
from mmrun.model.rules.bounds import hints as hints
from mmrun.model.rules.bounds import literals as literals
from mmrun.model.rules.bounds import quantity as quantity
from mmrun.model.rules.record import Fault, Unsound, is_family, kinds, not_one_of, only_for, others_with
from mmrun.model.units import PAGE
from mmrun.runner.config import units
from mmrun.runner.config.problems import Problems, suggest
from mmrun.runner.config.trees import is_null, place_of, to_plain
from mmrun.runner.config.validators import validator
from mmrun.runner.config.yaml_nodes import Item, Mapping, Scalar, Sequence
from mmrun.runner.config.yaml_scalars import REFUSED

T = TypeVar("T")
Dotted = tuple[str | int, ...]
Hook = Callable[[Item, "Reader"], Any]
SHARES = {
    ("Region", "size"),
    ("Cgroup", "max"),
    ("Limits", "max"),
    ("Limits", "high"),
}  # sizes that may be given as a percentage of the machine's memory


@cache
def docs(kind: type) -> dict[str, str]:
    """The documentation of each field: the string literal below it; that of the class under ``""``."""
    found = {"": inspect.cleandoc(kind.__doc__ or "")}
    for each in reversed([base for base in kind.__mro__ if is_dataclass(base)]):
        for field, text in itertools.pairwise(body(each)):
            match field, text:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(words))):
                    found[name] = inspect.cleandoc(words)
    return {name: words for name, words in found.items() if not name or name in hints(kind)}


def body(kind: type) -> list[ast.stmt]:
    """The statements of a class."""
    tree = syntax(Path(inspect.getsourcefile(kind) or ""))
    found = (node.body for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == kind.__name__)
    return next(found, [])  # of a record that is put together there is none


@cache
def syntax(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"))


def required(kind: type) -> list[str]:
    """The fields of a dataclass that have no default."""
    missing = dataclasses.MISSING
    return [f.name for f in dataclasses.fields(kind) if f.default is missing and f.default_factory is missing]


@dataclass
class Reader:
    """Reads items as types. `memory` is what a percentage refers to (bytes), `hooks` read some types their own way,
    `name` is what messages call a value that is no part of a record, or its kind when `kinds_with` tells which kinds
    have a field."""

    problems: Problems
    memory: int | None = None
    shares_everywhere: bool = False
    hooks: dict[type, Hook] = dataclasses.field(default_factory=dict)
    name: str = "it"
    kinds_with: Callable[[str], list[str]] | None = None
    found: dict[Dotted, Item] = dataclasses.field(default_factory=dict)
    hints: dict[Dotted, Any] = dataclasses.field(default_factory=dict)
    refused: list[Dotted] = dataclasses.field(default_factory=list)
    misspelt: set[Dotted] = dataclasses.field(default_factory=set)

    def read(self, item: Item, kind: type[T]) -> T | None:
        """The value of type `kind` that the item describes, or None with the reasons in `problems`."""
        before = len(self.problems)
        self.found, self.hints, self.refused, self.misspelt = {}, {}, [], set()
        plain = self.plain(item, kind, ())
        try:
            value = typing.cast(T, validator(typing.cast(Any, kind)).validate_json(json.dumps(plain), strict=True))
        except ValidationError as error:
            self.report(error.errors(include_url=False))
            return None
        return value if len(self.problems) == before else None

    def plain(self, item: Item, hint: Any, path: Dotted, share: bool = False) -> Any:
        """The item as data for Pydantic; notes unknown keys and bad quantities. `share`: a percentage will do."""
        self.found[path], self.hints[path] = item, hint
        words = [word for arm in arms(hint) for word in literals(bare(arm))]
        unit = next(filter(None, map(quantity, arms(hint))), None)
        if isinstance(item, Scalar) and unit and item.value not in words:
            return self.amount(item, unit, path, share or self.shares_everywhere)
        for kind in map(bare, arms(hint)):
            origin, args = typing.get_origin(kind), typing.get_args(kind)
            if origin is None and kind in self.hooks:
                return self.hooks[kind](item, self)
            if is_family(kind) and isinstance(item, Mapping):
                return self.member(item, kind, path)
            if is_dataclass(kind) and isinstance(item, Mapping):
                own = self.name if self.kinds_with and not path else ""
                return self.mapping(item, typing.cast(type, kind), path, own)
            if origin is tuple and isinstance(item, Sequence):
                return [self.plain(part, args[0], (*path, index)) for index, part in enumerate(item.items)]
            if origin is dict and isinstance(item, Mapping):
                return self.entries(item, args[1], path)
        return scrub(to_plain(item))

    def entries(self, item: Mapping, hint: Any, path: Dotted) -> dict[str, Any]:
        for key, part in item.items.items():
            if is_null(part):
                self.problems.add(item.keys[key], f"nothing called `{key}` to remove here", "leave it out")
        return {k: self.plain(part, hint, (*path, k)) for k, part in item.items.items() if not is_null(part)}

    def member(self, item: Mapping, family: Any, path: Dotted) -> dict[str, Any]:
        """A record of one of several kinds; of an unknown kind nothing else is said."""
        part, name = item.get("kind"), family.usual
        if part is not None and not is_null(part):
            self.found[(*path, "kind")], name = part, to_plain(part)
        elif not name:
            return {}
        if name is REFUSED:
            self.refused.append(path)
            return {}
        kind = kinds(family).get(name) if isinstance(name, str) else None
        return {"kind": name} if kind is None else {**self.mapping(item, kind, path, name), "kind": name}

    def mapping(self, item: Mapping, kind: type, path: Dotted, own: str = "") -> dict[str, Any]:
        """A record's fields; `own`: the name of its kind, where there are several."""
        known = hints(kind)
        result = {}
        for key, part in item.items.items():
            if key not in known and own and (able := (self.kinds_with or partial(others_with, kind))(key)):
                self.problems.add(item.keys[key], *only_for(able, key, own))
            elif key not in known:
                fix = suggest(key, known)
                self.problems.add(item.keys[key], f"unknown key `{key}`", fix)
                self.misspelt |= {(*path, name) for name in known if f"did you mean `{name}`?" == fix}
            elif not is_null(part):
                result[key] = self.plain(part, known[key], (*path, key), (kind.__name__, key) in SHARES)
        return result

    def amount(self, item: Scalar, unit: str, path: Dotted, share: bool) -> int | float:
        """A quantity as a number of its unit; 0 where it was refused, of which nothing must follow."""
        if item.value is REFUSED:
            self.refused.append(path)
            return 0
        try:
            if unit == "ratio":
                return float(units.parse_exact(item.value, unit))
            if share and self.memory is not None and isinstance(item.value, str) and item.value.rstrip().endswith("%"):
                return units.percent_of(item.value, self.memory, PAGE)
            return units.parse(item.value, unit)
        except units.UnitError as error:
            self.problems.add(item.place, str(error), error.fix)
            self.refused.append(path)
            return 0

    def report(self, errors: list[Any]) -> None:
        """Note Pydantic's errors, each at the place of the value it is about."""
        for error in errors:
            path, branch, chosen = self.locate(error["loc"])
            if error["type"] in MISSING and (*path, error["loc"][-1]) in self.misspelt:
                continue
            unmeant = branch and branch.startswith("tuple") != isinstance(self.found[chosen], Sequence)
            for fault in explained(error, self.found[path], self.hints.get(path), path, self.name):
                where = self.deepest(fault.path)
                item = self.found[where]
                if unmeant or (isinstance(item, Scalar) and item.value is REFUSED) or self.follows(error, where):
                    continue
                related = error["type"] == "value_error"
                place = place_of(self.found[()], *fault.path) if related else item.place
                self.problems.add(place, fault.message, fault.fix)

    def follows(self, error: Any, path: Dotted) -> bool:
        """Whether an error is about a number that stands for a refused one, or compares with such a one."""
        if error["type"] == "value_error":
            whole = self.locate(error["loc"])[0]
            return any(each[: len(whole)] == whole for each in self.refused)
        return path in self.refused

    def locate(self, loc: tuple[str | int, ...]) -> tuple[Dotted, str, Dotted]:
        """The deepest known path of a Pydantic location, the union's branch it went through, if any, and where."""
        path: Dotted = ()
        branch, chosen = "", path
        for part in loc:
            if (*path, part) in self.found:
                path = (*path, part)
            elif isinstance(part, str) and not branch and part.partition("[")[0] in BRANCHES:
                branch, chosen = part, path
        return path, branch, chosen

    def deepest(self, path: Dotted) -> Dotted:
        """The longest part of a path that leads to something in the file."""
        return next(path[:end] for end in range(len(path), -1, -1) if path[:end] in self.found)


MISSING = ("missing", "missing_keyword_only_argument", "missing_argument")
BRANCHES = ("tuple", "literal", "int", "str", "float", "bool", "dict", "nullable", "constrained-str")
RANGE = (
    "greater_than", "greater_than_equal", "less_than", "less_than_equal", "multiple_of", "too_short", "too_long",
    "string_pattern_mismatch",
)  # fmt: skip
WANTED = {
    "int_type": "a whole number", "int_parsing": "a whole number", "int_from_float": "a whole number",
    "float_type": "a number", "string_type": "text", "bool_type": "true or false", "tuple_type": "a list",
    "list_type": "a list", "dict_type": "a mapping", "dataclass_type": "a mapping", "dataclass_exact_type": "a mapping",
}  # fmt: skip


def explained(error: dict[str, Any], item: Item, hint: Any, path: Dotted, name: str) -> list[Fault]:
    """What one of Pydantic's errors about `item`, which stands at `path`, says in the words of the types.

    `name`: what the whole is called.
    """
    kind, value = error["type"], to_plain(item)
    if kind == "value_error" and isinstance(unsound := error["ctx"]["error"], Unsound):
        return [fault.below(*path) for fault in unsound.faults]
    if kind in RANGE:
        limits = next(limit for arm in arms(hint) if (limit := bounds(arm)).text())
        if limits.admits(
            error["input"]
        ):  # Pydantic counts the entries that are sound; the others have their own errors
            return []
        return [Fault(path, *limits.refusal(path or (name,), error["input"]))]
    if kind == "union_tag_invalid":
        choices = error["ctx"]["expected_tags"].replace("'", "").split(", ")
        return [Fault((*path, "kind"), *not_one_of(error["input"]["kind"], choices))]
    return [Fault(path, *worded(error, kind, item, value, hint))]


def worded(error: dict[str, Any], kind: str, item: Item, value: Any, hint: Any) -> tuple[str, str]:
    """Message and fix where a value is absent or of another type."""
    if kind == "union_tag_not_found" and not isinstance(item, Mapping):
        kind = "dict_type"
    if kind in MISSING or kind == "union_tag_not_found":
        name = error["loc"][-1] if kind in MISSING else "kind"
        given = value.get("kind") if isinstance(value, dict) and any(map(is_family, arms(hint))) else None
        return f"`{name}` is required{f' for kind {given}' if given else ''}", f"add `{name}: ...`"
    if kind == "literal_error":
        choices = [choice for arm in arms(hint) for choice in literals(bare(arm))]
        return not_one_of(value, choices)
    if kind in WANTED:
        fix = ""
        if kind == "string_type" and isinstance(item, Scalar) and not isinstance(item.value, str):
            fix = f'write "{item.text}"' if item.value is not None else "leave the key out"
        return f"{WANTED[kind]} is expected, found {units.name(value)}", fix
    return str(error["msg"]).removeprefix("Value error, "), ""


def scrub(value: Any) -> Any:
    """Plain data with refused values as null."""
    if isinstance(value, dict):
        return {key: scrub(part) for key, part in value.items()}
    if isinstance(value, list):
        return [scrub(part) for part in value]
    return None if value is REFUSED else value
