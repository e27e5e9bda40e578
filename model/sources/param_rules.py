"""Which values the parameters of a variant may have: types, ranges, and relations between them, in one place.

The reader of configurations asks it for messages with places, the registry refuses cells with the same words.
"""

import ast
import difflib
import operator
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from mmrun.model.core.frozen import frozen

COMPARE: dict[type[ast.cmpop], Callable[[int, int], bool]] = {
    ast.LtE: operator.le, ast.Lt: operator.lt, ast.GtE: operator.ge, ast.Gt: operator.gt,
    ast.Eq: operator.eq, ast.NotEq: operator.ne,
}  # fmt: skip
MAX_RELATION = 400  # characters


class Refusal(NamedTuple):
    """Why a value is refused: the parameters it is about, what is wrong, and what is possible."""

    names: tuple[str, ...]
    message: str
    fix: str

    def __str__(self) -> str:
        return f"{self.message} ({self.fix})" if self.fix else self.message


@frozen
class Param:
    """A parameter of a variant: its default, unit, meaning, where the default comes from, and what it may be."""

    default: int | bool
    unit: str
    doc: str
    source: str
    least: int | None = None
    most: int | None = None
    why: str = ""
    """Who refuses what lies outside, or why it makes no sense."""

    def range_text(self) -> str:
        """`1 to 1000 ms`, `at least 3`, or nothing."""
        unit = f" {self.unit}" if self.unit else ""
        if self.least is not None and self.most is not None:
            return f"{self.least} to {self.most}{unit}"
        if self.least is not None:
            return f"at least {self.least}{unit}"
        return f"at most {self.most}{unit}" if self.most is not None else ""

    def refusal(self, name: str, value: Any) -> Refusal | None:
        """Why `value` cannot be this parameter's, or None."""
        wanted = type(self.default)
        if type(value) is not wanted:
            what = "a whole number" if wanted is int else "true or false"
            unit = f", in {self.unit}" if self.unit else ""
            return Refusal((name,), f"{name} is {what}, not {value!r}", f"the default is {self.default}{unit}")
        below, above = self.least is not None and value < self.least, self.most is not None and value > self.most
        if below or above:
            why = f": {self.why}" if self.why else ""
            return Refusal((name,), f"{name} is {value}", f"{self.range_text()}{why}")
        if abs(value) >= 1 << 63:
            return Refusal((name,), f"{name} is {value}", "64 bits hold it")
        return None


@frozen
class Relation:
    """A comparison of parameters (and numbers) that must hold: `least <= most`."""

    text: str
    why: str
    names: tuple[str, ...]
    terms: tuple[str | int, ...]
    compare: tuple[Callable[[int, int], bool], ...]

    def refusal(self, values: Mapping[str, Any]) -> Refusal | None:
        """Why these values of all parameters cannot stand together, or None."""
        known = [values[term] if isinstance(term, str) else term for term in self.terms]
        if all(op(left, right) for op, left, right in zip(self.compare, known[:-1], known[1:], strict=True)):
            return None
        facts = " and ".join(f"{name} is {values[name]}" for name in self.names)
        return Refusal(self.names, f"`{self.text}` does not hold: {facts}", self.why)


def parse_relation(text: str, why: str, params: Mapping[str, Param]) -> Relation:
    """A relation from its text; ValueError when it is no comparison of the parameters and whole numbers."""
    if len(text) > MAX_RELATION:
        raise ValueError(f"`{text[:40]}...` is longer than {MAX_RELATION} characters")
    try:
        node = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"`{text}` is no comparison") from error
    if not isinstance(node, ast.Compare) or not all(type(op) in COMPARE for op in node.ops):
        raise ValueError(f"`{text}` is no comparison")
    terms: list[str | int] = []
    for part in (node.left, *node.comparators):
        match part:
            case ast.Name(id=name) if name in params:
                terms.append(name)
            case ast.Name(id=name):
                raise ValueError(f"`{text}`: no parameter is called `{name}`{did_you_mean(name, params)}")
            case ast.Constant(value=int(number)):
                terms.append(number)
            case _:
                raise ValueError(f"`{text}` compares what is neither a parameter nor a whole number")
    names = tuple(dict.fromkeys(term for term in terms if isinstance(term, str)))
    if not names:
        raise ValueError(f"`{text}` names no parameter")
    return Relation(text, why, names, tuple(terms), tuple(COMPARE[type(op)] for op in node.ops))


def refusals(params: Mapping[str, Param], relations: tuple[Relation, ...], given: Mapping[str, Any]) -> list[Refusal]:
    """Everything that is wrong with given values of known parameters; what was refused starts no second complaint."""
    found = [refusal for name, value in given.items() if (refusal := params[name].refusal(name, value))]
    refused = {name for refusal in found for name in refusal.names}
    filled = {name: given.get(name, param.default) for name, param in params.items()}
    together = (relation.refusal(filled) for relation in relations if not refused & set(relation.names))
    return found + [refusal for refusal in together if refusal is not None]


def did_you_mean(name: str, known: Any) -> str:
    """`, did you mean ...?` for the nearest known name, or nothing."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f", did you mean `{near[0]}`?" if near else ""
