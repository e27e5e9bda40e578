"""Settings that a cell has and that cannot change what its run comes to, by what mechanisms declare (`Matters`)."""

import typing
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from mmrun.model.core.mechanism import Case, Matters
from mmrun.model.hooks import AXIS
from mmrun.model.rules.bounds import arms, hints
from mmrun.model.rules.record import Record


def missing(case: Case, path: Sequence[str]) -> str | None:
    """What a setting needs to have an effect and the cell lacks, in words; None if it may have one.

    `path`: where the setting stands in the description, as `("tasks", "app", "memory", "0", "readahead")`.
    """
    if path[0] == "policy":
        own = AXIS[path[1]].matters if len(path) > 1 and path[1] in AXIS else None
        return own.where if own and not own.when(case, None) else None
    item: Any = case.cell
    for step in path:
        if isinstance(item, Record):
            for mark in marks(typing.cast(Any, type(item)), step):
                if not mark.when(case, item):
                    return mark.where
            item = getattr(item, step, None)
        elif isinstance(item, dict):
            item = item.get(step)
        elif isinstance(item, tuple) and step.isdecimal() and int(step) < len(item):
            item = item[int(step)]
        else:
            return None
    return None


@cache
def marks(kind: Any, name: str) -> tuple[Matters, ...]:
    """What is said of a field: in its type, and of all fields of the record that brings it."""
    return tuple(_marks(kind, name))


def _marks(kind: Any, name: str) -> Iterator[Matters]:
    for base in kind.__mro__:
        if name in vars(base).get("__annotations__", {}):
            yield from (mark for mark in [vars(base).get("MATTERS")] if mark)
    for arm in arms(hints(kind).get(name)):
        yield from (mark for mark in typing.get_args(arm)[1:] if isinstance(mark, Matters))
