"""Turns configuration trees into the dataclasses of the model, with every error at its place.

The walk follows the type of each field: it reads quantities with units, drops nulls (the default holds), refuses
unknown keys and remembers where each value stands. Values that fit their types as they stand are built at once; for
all others Pydantic is imported (which takes longer than checking a whole experiment) and decides, strictly, and its
errors are mapped back to places. The string literal below a field is its documentation.
"""

import ast
import contextlib
import dataclasses
import inspect
import itertools
import json
import os
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar

from mmrun.model.units import PAGE, Quantity
from mmrun.runner.config import units
from mmrun.runner.config.problems import Problems, suggest
from mmrun.runner.config.trees import is_null, to_plain
from mmrun.runner.config.yaml_nodes import Item, Mapping, Scalar, Sequence
from mmrun.runner.config.yaml_scalars import REFUSED

T = TypeVar("T")
Dotted = tuple[str | int, ...]
Hook = Callable[[Item, "Reader"], Any]
SHARES = {("Region", "size"), ("Cgroup", "max")}  # sizes that may be given as a percentage of the machine's memory


@cache
def hints(kind: type) -> dict[str, Any]:
    """The field types of a dataclass, markers included."""
    return typing.get_type_hints(kind, include_extras=True)


@cache
def docs(kind: type) -> dict[str, str]:
    """The documentation of each field: the string literal below it; its first line for the class under ``""``."""
    tree = ast.parse(Path(inspect.getsourcefile(kind) or "").read_text(encoding="utf-8"))
    body = next(node.body for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == kind.__name__)
    found = {"": inspect.cleandoc(kind.__doc__ or "")}
    for field, text in itertools.pairwise(body):
        match field, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(words))):
                found[name] = inspect.cleandoc(words)
    return found


def required(kind: type) -> list[str]:
    """The fields of a dataclass that have no default."""
    missing = dataclasses.MISSING
    return [f.name for f in dataclasses.fields(kind) if f.default is missing and f.default_factory is missing]


def arms(hint: Any) -> tuple[Any, ...]:
    """The alternatives of a type, without None."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return tuple(arm for arm in typing.get_args(hint) if arm is not type(None))
    return (hint,)


def quantity(hint: Any) -> str | None:
    """The unit that a type is marked with, or None."""
    if typing.get_origin(hint) is typing.Annotated:
        return next((mark.unit for mark in typing.get_args(hint)[1:] if isinstance(mark, Quantity)), None)
    return None


@cache
def adapter(kind: Any) -> Any:
    """Pydantic's validator of a type."""
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # looking for plugins takes longer than a check
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


class Unsure(Exception):
    """Plain data that does not fit a type as it stands."""


def build(value: Any, hint: Any) -> Any:
    """The value of a type from plain data of exactly that shape, as Pydantic would make it; `Unsure` for other data."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return list(value) if isinstance(value, tuple) else value
    if origin is typing.Annotated:
        return build(value, args[0])
    if type(value) is hint or (origin is Literal and any(type(c) is type(value) and c == value for c in args)):
        return value
    if origin in (typing.Union, types.UnionType):
        return value if type(value) in args else build_first(value, args)
    if origin is tuple and type(value) is list:
        return tuple(build(part, args[0]) for part in value)
    if origin is dict and type(value) is dict:
        return {key: build(part, args[1]) for key, part in value.items()}
    if is_dataclass(hint) and type(value) is dict:
        return build_record(value, typing.cast(type, hint))
    if hint is float and type(value) is int:
        return float(value)
    raise Unsure


def build_first(value: Any, kinds: tuple[Any, ...]) -> Any:
    """The value as the first of several types that it fits."""
    for kind in kinds:
        with contextlib.suppress(Unsure):
            return build(value, kind)
    raise Unsure


def build_record(value: dict[str, Any], kind: type) -> Any:
    """A dataclass from its fields; its own checks may refuse them."""
    known = hints(kind)
    try:
        return kind(**{name: build(part, known[name]) for name, part in value.items()})
    except (KeyError, TypeError, ValueError) as error:
        raise Unsure from error


@dataclass
class Reader:
    """Reads items as types. `memory` is what a percentage refers to (bytes), `hooks` read some types their own way."""

    problems: Problems
    memory: int | None = None
    shares_everywhere: bool = False
    hooks: dict[type, Hook] = dataclasses.field(default_factory=dict)
    found: dict[Dotted, Item] = dataclasses.field(default_factory=dict)
    refused: list[Dotted] = dataclasses.field(default_factory=list)
    misspelt: set[Dotted] = dataclasses.field(default_factory=set)

    def read(self, item: Item, kind: type[T]) -> T | None:
        """The value of type `kind` that the item describes, or None with the reasons in `problems`."""
        before = len(self.problems)
        self.found, self.refused, self.misspelt = {}, [], set()
        plain = self.plain(item, kind, ())
        try:
            value = build(plain, kind)
        except Unsure:
            value = self.judged(plain, kind)
        return value if len(self.problems) == before else None

    def judged(self, plain: Any, kind: type[T]) -> T | None:
        """The value that Pydantic makes of plain data, or None with its errors in `problems`."""
        validator = adapter(typing.cast(Any, kind))
        from pydantic import ValidationError

        try:
            return typing.cast(T, validator.validate_json(json.dumps(plain), strict=True))
        except ValidationError as error:
            self.report(error.errors(include_url=False, include_input=False))
            return None

    def plain(self, item: Item, hint: Any, path: Dotted, share: bool = False) -> Any:
        """The item as data for Pydantic; notes unknown keys and bad quantities. `share`: a percentage will do."""
        self.found[path] = item
        kinds = arms(hint)
        unit = next((unit for kind in kinds if (unit := quantity(kind))), None)
        if unit and isinstance(item, Scalar):
            return self.amount(item, unit, path, share or self.shares_everywhere)
        for kind in kinds:
            origin, args = typing.get_origin(kind), typing.get_args(kind)
            if origin is None and kind in self.hooks:
                return self.hooks[kind](item, self)
            if is_dataclass(kind) and isinstance(item, Mapping):
                return self.mapping(item, typing.cast(type, kind), path)
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

    def mapping(self, item: Mapping, kind: type, path: Dotted) -> dict[str, Any]:
        known = hints(kind)
        result = {}
        for key, part in item.items.items():
            if key not in known:
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
            item = self.found[path]
            unmeant = branch and branch.startswith("tuple") != isinstance(self.found[chosen], Sequence)
            if unmeant or (isinstance(item, Scalar) and item.value is REFUSED):
                continue
            if error["type"] in MISSING and (*path, error["loc"][-1]) in self.misspelt:
                continue
            # A dataclass's own check of its values together, some of which stand for values that were refused.
            if error["type"] == "value_error" and any(each[: len(path)] == path for each in self.refused):
                continue
            self.problems.add(item.place, *explain(error, item))

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


MISSING = ("missing", "missing_keyword_only_argument", "missing_argument")
BRANCHES = ("tuple", "literal", "int", "str", "float", "bool", "dict")
WANTED = {
    "int_type": "a whole number", "int_parsing": "a whole number", "int_from_float": "a whole number",
    "float_type": "a number", "string_type": "text", "bool_type": "true or false", "tuple_type": "a list",
    "list_type": "a list", "dict_type": "a mapping", "dataclass_type": "a mapping", "dataclass_exact_type": "a mapping",
}  # fmt: skip


def explain(error: dict[str, Any], item: Item) -> tuple[str, str]:
    """Message and fix of one of Pydantic's errors about `item`."""
    kind = error["type"]
    if kind in MISSING:
        return f"`{error['loc'][-1]}` is required", f"add `{error['loc'][-1]}: ...`"
    if kind == "literal_error":
        choices = error["ctx"]["expected"].replace("'", "").replace(" or ", ", ").split(", ")
        near = suggest(str(to_plain(item)), choices)
        return f"{units.name(to_plain(item))} is not one of {', '.join(choices)}", "" if near[:5] == "known" else near
    if kind in WANTED:
        fix = ""
        if kind == "string_type" and isinstance(item, Scalar) and not isinstance(item.value, str):
            fix = f'write "{item.text}"' if item.value is not None else "leave the key out"
        return f"{WANTED[kind]} is expected, found {units.name(to_plain(item))}", fix
    return str(error["msg"]).removeprefix("Value error, "), ""


def scrub(value: Any) -> Any:
    """Plain data with refused values as null."""
    if isinstance(value, dict):
        return {key: scrub(part) for key, part in value.items()}
    if isinstance(value, list):
        return [scrub(part) for part in value]
    return None if value is REFUSED else value


def literals(hint: Any) -> tuple[Any, ...]:
    """The choices of a Literal type, or nothing."""
    return typing.get_args(hint) if typing.get_origin(hint) is Literal else ()
