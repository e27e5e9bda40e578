"""Frozen dataclasses whose methods are shared: a dataclass compiles six functions of its own, half a millisecond each.

A command that reads the declarations of all mechanisms makes a hundred such classes before it does anything. They are
dataclasses in every other respect: `fields`, `replace` and `asdict` know them.
"""

from collections.abc import Callable
from dataclasses import MISSING, FrozenInstanceError, dataclass, field, fields
from functools import partial
from typing import Any, NamedTuple, TypeVar, dataclass_transform, overload

T = TypeVar("T")
_put = object.__setattr__


class Shape(NamedTuple):
    """What calling a class needs to know of it."""

    names: tuple[str, ...]
    positional: tuple[str, ...]
    plain: dict[str, Any]
    """Every field: its default, or MISSING."""
    made: tuple[tuple[str, Callable[[], Any]], ...]
    """Fields whose default is made anew for each."""
    needed: frozenset[str]
    checks: bool
    """Whether the class looks at what it was given (`__post_init__`)."""


def _shape(kind: Any) -> Shape:
    known = fields(kind)
    made = tuple((each.name, each.default_factory) for each in known if each.default_factory is not MISSING)
    needed = {each.name for each in known if each.default is MISSING} - {name for name, _ in made}
    return Shape(
        tuple(each.name for each in known), tuple(each.name for each in known if not each.kw_only),
        {each.name: each.default for each in known}, made, frozenset(needed),
        hasattr(kind, "__post_init__"),
    )  # fmt: skip


def _init(self: Any, *given: Any, **named: Any) -> None:
    kind = type(self)
    shape = kind.__shape__
    if given:
        if len(given) > len(shape.positional):
            raise TypeError(f"{kind.__name__} takes at most {len(shape.positional)} values by place")
        placed = dict(zip(shape.positional, given, strict=False))
        if twice := placed.keys() & named.keys():
            raise TypeError(f"{kind.__name__} is given twice: {', '.join(sorted(twice))}")
        named = {**placed, **named}
    values = {**shape.plain, **named}
    if len(values) > len(shape.plain):
        raise TypeError(f"{kind.__name__} has no {', '.join(sorted(values.keys() - shape.plain.keys()))}")
    if not shape.needed <= named.keys():
        raise TypeError(f"{kind.__name__} lacks {', '.join(sorted(shape.needed - named.keys()))}")
    for name, make in shape.made:
        if name not in named:
            values[name] = make()
    for name, value in values.items():  # one by one: instances of a class then share their table of names
        _put(self, name, value)
    if shape.checks:
        self.__post_init__()


def _refuse(self: Any, name: str, value: Any = None) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _values(self: Any) -> tuple[Any, ...]:
    return tuple([getattr(self, name) for name in type(self).__shape__.names])


def _eq(self: Any, other: object) -> bool:
    return type(self) is type(other) and _values(self) == _values(other)


def _hash(self: Any) -> int:
    return hash(_values(self))


def _repr(self: Any) -> str:
    inside = ", ".join(f"{name}={getattr(self, name)!r}" for name in type(self).__shape__.names)
    return f"{type(self).__name__}({inside})"


METHODS = {"__init__": _init, "__setattr__": _refuse, "__delattr__": _refuse}
VALUES = {"__eq__": _eq, "__hash__": _hash, "__repr__": _repr}


@overload
def frozen(kind: type[T]) -> type[T]:
    """The class, frozen."""


@overload
def frozen(*, kw_only: bool = False, values: bool = True) -> Callable[[type[T]], type[T]]:
    """A decorator that does so."""


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(kind: Any = None, *, kw_only: bool = False, values: bool = True) -> Any:
    """Make a frozen dataclass. `values` False: it compares, hashes and prints as its base says."""
    make = partial(_frozen, kw_only=kw_only, methods={**METHODS, **(VALUES if values else {})})
    return make if kind is None else make(kind)


def _frozen(kind: Any, kw_only: bool, methods: dict[str, Any]) -> Any:
    made: Any = dataclass(init=False, repr=False, eq=False, kw_only=kw_only)(kind)
    made.__shape__ = _shape(made)
    for name, method in methods.items():
        if name not in vars(kind):
            setattr(made, name, method)
    return made
