"""What Pydantic judges by: its schema of a type, made from the model's declarations, and the validator of it.

Pydantic's core is given the schema directly: importing all of Pydantic and letting it look at the types takes half as
long as importing the libraries of the command line, and the declarations need none of what that would bring. A test
holds that both judge alike. `mmrun.runner.config.schema` has Pydantic make JSON Schema of the same schemas.
"""

import dataclasses
import types
import typing
from collections.abc import Callable
from functools import cache
from typing import Any, Literal

from pydantic_core import SchemaValidator

from mmrun.model.rules.bounds import Bounds, bare, bounds, hints, literals
from mmrun.model.rules.record import Family, Record, after, is_family, joined, kinds

Schema = dict[str, Any]
SIMPLE = {int: "int", float: "float", str: "str", bool: "bool", type(None): "none"}


@cache
def validator(kind: Any) -> SchemaValidator:
    """Pydantic's validator of a type."""
    return SchemaValidator(typing.cast(Any, schema_of(kind)))


@cache
def schema_of(hint: Any) -> Schema:
    """Pydantic's schema of a type; `metadata` tells which record and field it is of."""
    kind, limits = bare(hint), bounds(hint)
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return {"type": "any"}
    if kind in SIMPLE:
        return {"type": SIMPLE[kind], **constraints(limits)}
    if origin is Literal:
        return {"type": "literal", "expected": list(literals(kind))}
    if origin in (typing.Union, types.UnionType):
        return union(args)
    if origin is tuple:
        return {"type": "tuple", "items_schema": [schema_of(args[0])], "variadic_item_index": 0, **constraints(limits)}
    if origin is dict:
        keys, values = map(schema_of, args)
        return {"type": "dict", "keys_schema": keys, "values_schema": values, **constraints(limits)}
    if is_family(kind):
        return {
            **joined(kind, {name: schema_of(each) for name, each in kinds(kind).items()}),
            "metadata": {"family": kind},
        }
    assert dataclasses.is_dataclass(kind), hint
    return record(typing.cast(type, kind))


def union(args: tuple[Any, ...]) -> Schema:
    """Alternatives, of which null makes the rest optional."""
    others = [schema_of(arm) for arm in args if arm is not type(None)]
    inner: Schema = others[0] if len(others) == 1 else {"type": "union", "choices": others}
    return {"type": "nullable", "schema": inner} if type(None) in args else inner


def constraints(limits: Bounds) -> Schema:
    """What Pydantic's core knows of bounds; the rest of them is words."""
    names = ("ge", "gt", "le", "lt", "multiple_of", "min_length", "max_length")
    found = {name: value for name in names if (value := getattr(limits, name)) is not None}
    if limits.pattern:
        found["pattern"] = f"^(?:{limits.pattern.regex})$"
    return {**found, "metadata": {"unit": limits.unit}} if limits.unit else found


def record(kind: type) -> Schema:
    """A dataclass, and what must hold between its fields."""
    known = hints(kind)
    parts = [field_schema(kind, field, known[field.name]) for field in dataclasses.fields(kind)]
    whole: Schema = {
        "type": "dataclass", "cls": kind, "fields": [part["name"] for part in parts],
        "schema": {
            "type": "dataclass-args", "dataclass_name": kind.__name__, "fields": parts,
            "extra_behavior": "forbid",
        },
        "post_init": hasattr(kind, "__post_init__"), "metadata": {"record": kind},
    }  # fmt: skip
    related = issubclass(kind, Record) and kind.faults not in (Record.faults, Family.faults)
    return after(whole) if related else whole


def field_schema(kind: type, field: dataclasses.Field, hint: Any) -> Schema:
    """A field of a dataclass: required, or with its default."""
    inner = schema_of(hint)
    default: Callable[[], Any] | Any = field.default_factory
    if default is not dataclasses.MISSING:
        inner = {"type": "default", "schema": inner, "default_factory": default}
    elif field.default is not dataclasses.MISSING:
        inner = {"type": "default", "schema": inner, "default": field.default}
    metadata = {"record": kind, "field": field}
    return {"type": "dataclass-field", "name": field.name, "kw_only": True, "schema": inner, "metadata": metadata}
