"""Events of a task that moves pages, for streams (core/events.py)."""

from typing import TYPE_CHECKING

from mmrun.model.core.events import OP_SHIFT, check_argument
from mmrun.model.mm.migrate.settings import COUNT_BITS, HOOKS, PAGE_BITS

if TYPE_CHECKING:
    import numpy as np


def _event(name: str, argument: int) -> int:
    check_argument(argument, f"the argument of {name}")
    return argument | HOOKS[name].slot << OP_SHIFT


def _range(count: int, whose: int | None) -> int:
    return _event("migration_range", count | (0 if whose is None else whose + 1) << COUNT_BITS)


def moves(first: int, count: int, node: int, whose: int | None = None, everybodys: bool = False) -> "np.ndarray":
    """move_pages(2): `count` pages from `first` on go to `node`; `whose`: number of another task.

    `everybodys`: with MPOL_MF_MOVE_ALL, pages that others map too.
    """
    import numpy as np

    call = _event("move_pages", first | node << PAGE_BITS | int(everybodys) << PAGE_BITS + 8)
    return np.array([_range(count, whose), call], dtype=np.int64)


def migrations(sources: int, targets: int, whose: int | None = None, everybodys: bool = False) -> "np.ndarray":
    """migrate_pages(2): a task's pages on nodes of the mask `sources` go to those of `targets` in the same places."""
    import numpy as np

    call = _event("migrate_task", sources | targets << 16 | int(everybodys) << 32)
    return np.array([_range(0, whose), call], dtype=np.int64)


def binds(
    first: int, count: int, nodes: int, *, interleave: bool = False, strict: bool = False,
    whose: int | None = None, everybodys: bool = False,
) -> "np.ndarray":  # fmt: skip
    """mbind(2) with MPOL_MF_MOVE: `count` pages from `first` on go to the nodes of a mask, or lie on them in turn.

    `strict`: with MPOL_MF_STRICT, which answers -EIO when one stays.
    """
    import numpy as np

    policy = _event("mbind_policy", nodes | int(interleave) << 16)
    call = _event("mbind", first | int(everybodys) << PAGE_BITS | int(strict) << PAGE_BITS + 1)
    return np.array([_range(count, whose), policy, call], dtype=np.int64)
