"""Frozen dataclasses with shared methods are what dataclasses make of the same class."""

import copy
import pickle
from dataclasses import FrozenInstanceError, asdict, dataclass, field, fields, replace
from typing import Any

import pytest

from mmrun.model.core.frozen import frozen


@frozen
class Ours:
    """Values by place, a default, one that is made anew."""

    a: int
    b: str = "b"
    c: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Theirs:
    """The same."""

    a: int
    b: str = "b"
    c: list[int] = field(default_factory=list)


@frozen(kw_only=True)
class Named(Ours):
    """With fields of its base, and one that is named; it looks at what it is given."""

    d: int

    def __post_init__(self) -> None:
        if self.d < 0:
            raise ValueError("d")


@pytest.mark.parametrize(
    ("given", "named"), [((1,), {}), ((1, "x"), {}), ((), {"a": 2, "c": [3]}), ((4,), {"c": [5]}), ((1, "b", []), {})]
)
def test_the_same_values_come_out(given: tuple[Any, ...], named: dict[str, Any]):
    ours, theirs = Ours(*given, **named), Theirs(*given, **named)
    assert asdict(ours) == asdict(theirs) == vars(ours) and list(vars(ours)) == list(vars(theirs))
    assert repr(ours) == repr(theirs).replace("Theirs", "Ours")
    assert ours == Ours(*given, **named) == pickle.loads(pickle.dumps(ours)) == copy.deepcopy(ours)
    assert replace(ours, a=9) == Ours(9, ours.b, ours.c) != ours
    assert ours != theirs and [each.name for each in fields(Ours)] == ["a", "b", "c"]


def test_what_is_made_anew_is_not_shared():
    first, second = Ours(1), Ours(1)
    first.c.append(1)
    assert second.c == []


@pytest.mark.parametrize(
    ("given", "named"), [((), {}), ((1, "x", [], 4), {}), ((1,), {"a": 1}), ((1,), {"z": 1}), ((), {"b": "x"})]
)
def test_the_same_calls_are_refused(given: tuple[Any, ...], named: dict[str, Any]):
    for kind in (Ours, Theirs):
        with pytest.raises(TypeError):
            kind(*given, **named)


def test_nothing_is_set_or_deleted():
    one = Ours(1)
    with pytest.raises(FrozenInstanceError):
        one.a = 2  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        one.z = 2  # type: ignore[attr-defined]
    with pytest.raises(FrozenInstanceError):
        del one.a


def test_fields_of_a_base_and_named_ones():
    assert vars(Named(1, d=2)) == {"a": 1, "b": "b", "c": [], "d": 2} and Named(1, d=2) != Ours(1)
    with pytest.raises(TypeError):
        Named(1, "b", [], 2)  # type: ignore[misc]
    with pytest.raises(ValueError, match="d"):
        Named(1, d=-1)


def test_equal_values_have_equal_hashes():
    @frozen
    class Point:
        x: int
        y: int = 0

    assert {Point(1), Point(1, 0), Point(2)} == {Point(1), Point(2)}
    with pytest.raises(TypeError):
        hash(Ours(1))  # a list has none
