"""Records that know what they may be: ranges of their fields, relations between them, kinds with fields of their own.

Everything is declared in the types: a range is a mark on a field (`mmrun.model.rules.bounds`), a relation is what the
record's `faults` yields, a family of kinds is a class with one subclass a kind. The reader of configurations has
Pydantic judge values by these declarations and puts places to what it refuses; `wrong` judges records made in Python,
in the same words. What holds between the parts of a machine and of a cell is in `mmrun.model.rules.machines` and
`mmrun.model.rules.cells`.
"""

import typing
from collections.abc import Iterable, Iterator
from dataclasses import MISSING, Field, field, fields, is_dataclass
from functools import cache
from typing import Any, ClassVar, NamedTuple, Self, TypeVar

from mmrun.model.core.frozen import frozen
from mmrun.model.rules.bounds import arms, bare, bounds, hints, literals
from mmrun.model.rules.words import named, suggest

T = TypeVar("T")
Path = tuple[str | int, ...]


class Fault(NamedTuple):
    """What is wrong: where in the value, what, and what to write instead."""

    path: Path
    message: str
    fix: str = ""

    def __str__(self) -> str:
        return f"{self.message} ({self.fix})" if self.fix else self.message

    def below(self, *above: str | int) -> "Fault":
        """The same fault, seen from further above."""
        return self._replace(path=(*above, *self.path))


class Unsound(ValueError):
    """A record whose fields do not go together; `faults` has everything that is wrong."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = faults


@typing.dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def record(kind: type[T]) -> type[T]:
    """Make a frozen dataclass of a `Record`."""
    return frozen(kw_only=True, values=False)(kind)


def abstract(kind: type[T]) -> type[T]:
    """The same of a class whose fields other records share, and of which there are none itself."""
    return frozen(kw_only=True, values=False)(kind)


class Record:
    """Part of a description: a dataclass that may say what must hold between its fields."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}
    if typing.TYPE_CHECKING:
        __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash(tuple(sorted(vars(self).items())))  # by name: no two values are compared

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"

    def faults(self) -> Iterator[Fault]:
        """What does not go together in a record whose fields are each within their ranges."""
        return iter(())

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> dict[str, Any]:
        """How Pydantic reads it: the fields, then the relations between them."""
        return after(handler(source))


class Family(Record):
    """A record of one of several kinds, each with fields of its own: a subclass a kind, or a few alike.

    A kind names itself in `kind: Literal[...]`. Calling the family makes a record of the kind that is named, or of the
    `usual` one.
    """

    usual: ClassVar[str] = ""
    """Kind of a record that names none; empty: it must be named."""

    def __new__(cls, **given: Any) -> Self:
        if not is_family(cls):
            return super().__new__(cls)
        known, name = kinds(cls), given.get("kind", cls.usual)
        if name not in known:
            raise ValueError(str(Fault((), *not_one_of(name, known))))
        return super().__new__(known[name])

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> dict[str, Any]:
        """How Pydantic reads it: by its kind."""
        if not is_family(cls):
            return after(handler(source))
        return joined(cls, {name: handler.generate_schema(kind) for name, kind in kinds(cls).items()})


def joined(family: type[Family], choices: dict[str, Any]) -> dict[str, Any]:
    """Pydantic's schema of a family, from those of its kinds."""

    def kind_of(given: Any) -> Any:
        return given.get("kind", family.usual or None) if isinstance(given, dict) else None

    return {"type": "tagged-union", "discriminator": kind_of, "choices": choices}


def after(schema: Any) -> dict[str, Any]:
    """Pydantic's schema of a record with its relations."""
    return {"type": "function-after", "function": {"type": "no-info", "function": sound}, "schema": schema}


def sound(record: Any) -> Any:
    """The record; `Unsound` if its fields do not go together."""
    found = list(record.faults())
    if found:
        raise Unsound(found)
    return record


def is_family(kind: Any) -> bool:
    """Whether a type is a family as a whole, not one of its kinds."""
    return isinstance(kind, type) and Family in kind.__bases__


def kinds(family: Any) -> dict[str, type]:
    """The kinds of a family by name."""
    return _kinds(family)


@cache
def _kinds(family: Any) -> dict[str, type]:
    found: dict[str, type] = {}
    todo = [family]
    while todo:
        kind = todo.pop(0)
        todo = kind.__subclasses__() + todo
        found |= dict.fromkeys(literals(hints(kind)["kind"]), kind)
    return found


def defaults(record: Any) -> dict[str, Any]:
    """What a field is that a record does not have because another kind of its family has it: that kind's default."""
    return _defaults(record)


@cache
def _defaults(record: Any) -> dict[str, Any]:
    family = next((each for each in record.__mro__ if is_family(each)), record)
    own = {field.name for field in fields(record)}
    others = (field for kind in dict.fromkeys(kinds(family).values()) for field in fields(kind))
    return {each.name: None if each.default is MISSING else each.default for each in others if each.name not in own}


def others_with(record: type, name: str) -> list[str]:
    """The other kinds of a record's family that have a field called so."""
    family = next((each for each in record.__mro__ if is_family(each)), None)
    return [] if family is None else [key for key, kind in kinds(family).items() if name in hints(kind)]


def wrong(value: Any, hint: Any, path: Path = ()) -> Iterator[Fault]:
    """Everything that a type says against a value made in Python, and against what is below it."""
    if value is None and type(None) in typing.get_args(hint):
        return
    for arm in arms(hint):
        if arm is Any:
            return
        if not _fits(value, bare(arm)):
            continue
        limits = bounds(arm)
        if not limits.admits(value):
            yield Fault(path, *limits.refusal(path, value))
        yield from _below(value, bare(arm), path)
        return
    choices = [choice for arm in arms(hint) for choice in literals(bare(arm))]
    name = path[-1] if path else "it"
    yield Fault(path, *(not_one_of(value, choices) if choices else (f"{name} is {value!r}", "of another type")))


def _fits(value: Any, kind: Any) -> bool:
    origin = typing.get_origin(kind)
    if choices := literals(kind):
        return any(type(choice) is type(value) and choice == value for choice in choices)
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, origin or kind)


def _below(value: Any, kind: Any, path: Path) -> Iterator[Fault]:
    args = typing.get_args(kind)
    if is_dataclass(value):
        known, before = hints(typing.cast(Any, type(value))), 0
        for name, hint in known.items():
            for fault in wrong(getattr(value, name), hint, (*path, name)):
                before += 1
                yield fault
        if isinstance(value, Record) and not before:
            yield from (fault.below(*path) for fault in value.faults())
    elif isinstance(value, tuple):
        for index, part in enumerate(value):
            yield from wrong(part, args[0], (*path, index))
    elif isinstance(value, dict):
        yield from wrong_keys(value, args[0], path)
        for key, part in value.items():
            yield from wrong(part, args[1], (*path, key))


def wrong_keys(table: Iterable[str], hint: Any, path: Path) -> Iterator[Fault]:
    """The same for the names of a table's entries."""
    for key in table:
        yield from wrong(key, hint, (*path, key))


def refuse(value: Any) -> None:
    """Raise `Unsound` when something is wrong with a record made in Python."""
    if found := list(wrong(value, type(value))):
        raise Unsound(found)


def not_one_of(value: Any, choices: Iterable[Any]) -> tuple[str, str]:
    """Message and fix for a value that is none of the choices."""
    names = list(map(str, choices))
    near = suggest(str(value), names)
    return f"{named(value)} is not one of {', '.join(names)}", "" if near.startswith("known") else near


def only_for(able: list[str], name: str, own: str) -> tuple[str, str]:
    """Message and fix for a field that a record of kind `own` lacks and the kinds `able` have."""
    return f"`{name}` is for kind {_listed(able)}", f"leave it out: this one is of kind {own}"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
