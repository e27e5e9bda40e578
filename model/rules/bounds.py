"""What a field's type says about its values: range, step, length, pattern, unit; how that is worded and refused.

A type says it with marks: `Annotated[int, Range(ge=0, le=10)]`. Pydantic understands them although the model imports
none of it: a mark tells it what to add to its schema.
"""

import inspect
import re
import types
import typing
from functools import cache
from typing import Any, Literal

from mmrun.model.core.frozen import frozen
from mmrun.model.units import PAGE, Quantity
from mmrun.model.units import Range as Range

MANY = 10**6  # from here on digits are grouped


@frozen
class Why:
    """Marks a type whose values are refused for a reason that the message adds to the range, or tells how to fix."""

    text: str


@frozen
class Pattern:
    """Marks text that matches a regular expression as a whole, and says it in words."""

    regex: str
    words: str

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> dict[str, Any]:
        return {**handler(source), "pattern": f"^(?:{self.regex})$"}


@frozen
class Bounds:
    """Everything a type says about its values; None and empty where it says nothing."""

    ge: Any = None
    gt: Any = None
    le: Any = None
    lt: Any = None
    multiple_of: int | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: Pattern | None = None
    unit: str = ""
    why: str = ""

    @property
    def least(self) -> Any:
        """The lower bound."""
        return self.ge if self.gt is None else self.gt

    @property
    def most(self) -> Any:
        """The upper bound."""
        return self.le if self.lt is None else self.lt

    def text(self) -> str:
        """The range in words: `1 to 4096`, `whole 4KiB pages, at least 16MiB`; empty when anything goes."""
        if self.pattern is not None:
            return self.pattern.words
        if self.min_length is not None or self.max_length is not None:
            return _between(self.min_length, self.max_length, "")
        least = None if self.unit and not self.least else self.least
        steps = ""
        if self.multiple_of is not None:
            counted = least is not None and least <= self.multiple_of
            pages = (self.unit, self.multiple_of) == ("bytes", PAGE)
            steps = ("one or more 4KiB pages" if counted else "whole 4KiB pages") if pages else self._steps(counted)
            least = None if counted else least
        if isinstance(least, float) and self.gt is not None and self.lt is not None:
            span = f"between {self.shown(least)} and {self.shown(self.most)}"
        elif self.gt is not None and least is not None:
            span = f"more than {self.shown(least)}"
        else:
            low, high = None if least is None else self.shown(least), None
            if self.most is not None:
                low = self.shown(0) if least is None and self.least == 0 and not self.unit else low
                high = self.shown(self.most)
            span = _between(low, high, "up to" if steps else "at most")
        return ", ".join(filter(None, [steps, span]))

    def fix(self) -> str:
        """The range, and why."""
        return "; ".join(filter(None, [self.text(), self.why]))

    def admits(self, value: Any) -> bool:
        """Whether a value of the right type keeps to the bounds."""
        if self.pattern is not None:
            return re.fullmatch(self.pattern.regex, value) is not None
        if self.min_length is not None or self.max_length is not None:
            return (self.min_length or 0) <= len(value) and (self.max_length is None or len(value) <= self.max_length)
        below = self.least is not None and (value <= self.least if self.gt is not None else value < self.least)
        above = self.most is not None and (value >= self.most if self.lt is not None else value > self.most)
        return not below and not above and not (self.multiple_of is not None and value % self.multiple_of)

    def refusal(self, path: tuple[str | int, ...], value: Any) -> tuple[str, str]:
        """Message and fix for a value that they do not admit, which stands at `path`."""
        name = next((part for part in reversed(path) if isinstance(part, str)), "it")
        if self.pattern is not None:
            return f"`{str(value)[:60]}` is not a usable name", self.fix()
        if self.min_length is not None or self.max_length is not None:
            return f"`{name}` has {len(value)} entr{'y' if len(value) == 1 else 'ies'}", self.fix()
        verb = "`{}` holds {}" if isinstance(path[-1] if path else "", int) else "{} is {}"
        return verb.format(name, self.shown(value)), self.fix()

    def shown(self, value: Any) -> str:
        """A value as it would be written."""
        if self.unit in ("bytes", "ns", "bytes/s") and isinstance(value, int) and value >= 0:
            from mmrun.model.rules.quantity import show  # which needs fractions, and is needed by refusals only

            return show(value, self.unit)
        if self.unit == "ratio":
            return f"{value * 100:g}%"
        if isinstance(value, int) and abs(value) >= MANY:
            return f"{value:,}"
        return f"{value:g}" if isinstance(value, float) else str(value)

    def _steps(self, counted: bool) -> str:
        step = self.shown(self.multiple_of)
        return f"{step} or a multiple of it" if counted else f"a multiple of {step}"


def _between(low: Any, high: Any, most: str) -> str:
    if low is not None and high is not None:
        return f"{low} to {high}"
    if low is not None:
        return f"at least {low}"
    return f"{most or 'at most'} {high}" if high is not None else ""


@cache
def bounds(hint: Any) -> Bounds:
    """What the marks of a type say."""
    found: dict[str, Any] = {}
    for mark in typing.get_args(hint)[1:] if typing.get_origin(hint) is typing.Annotated else ():
        match mark:
            case Range():
                found |= mark.given()
            case Pattern():
                found["pattern"] = mark
            case Quantity(unit):
                found["unit"] = unit
            case Why(why):
                found["why"] = why
    return Bounds(**found)


def bare(hint: Any) -> Any:
    """The type without its marks."""
    return typing.get_args(hint)[0] if typing.get_origin(hint) is typing.Annotated else hint


def arms(hint: Any) -> tuple[Any, ...]:
    """The alternatives of a type, without None."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return tuple(arm for arm in typing.get_args(hint) if arm is not type(None))
    return (hint,)


def quantity(hint: Any) -> str | None:
    """The unit that a type is marked with, or None."""
    return bounds(hint).unit or None


def literals(hint: Any) -> tuple[Any, ...]:
    """The choices of a Literal type, or nothing."""
    return typing.get_args(hint) if typing.get_origin(hint) is Literal else ()


@cache
def hints(kind: type) -> dict[str, Any]:
    """The field types of a dataclass, marks included."""
    found = {name: hint for each in reversed(kind.__mro__) for name, hint in inspect.get_annotations(each).items()}
    return {name: hint for name, hint in found.items() if typing.get_origin(hint) is not typing.ClassVar}
