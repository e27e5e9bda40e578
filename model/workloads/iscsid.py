"""The program that logs in again when an iSCSI session has lost its connection (open-iscsi's iscsid), as memory.

It touches its pages once, then sleeps; it needs them all when it is to log in. `iscsid` locks its memory (mlockall).
One that did not may find its pages swapped out to the very disk that is gone.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mmrun.model.core.events import touches
from mmrun.model.core.frozen import frozen
from mmrun.model.mm.driver.events import alloc_buffers
from mmrun.model.rules.record import Record
from mmrun.model.units import MiB
from mmrun.model.workloads._common import Size, pages_of

if TYPE_CHECKING:
    import numpy as np

MAKES_REQUESTS = True


@frozen(kw_only=True)
class Params(Record):
    """Parameters of `iscsid`."""

    area: str
    """The swap area of kind `iscsi` whose sessions it makes."""
    size: Size = 4 * MiB
    """What it needs to log in, program and heap together (estimate)."""
    locked: bool = True
    """Whether it has locked its memory, which then is as good as the kernel's own: never reclaimed."""


def regions(params: Params) -> tuple[str, ...]:
    """Kinds of region that it goes over."""
    return ("anon",)


def footprint(params: Params) -> int:
    """Pages of the stream's address space; what is locked is none of it, but for one."""
    return 1 if params.locked else pages_of(params.size)


def buffers(params: Params) -> int:
    """Pages that are locked."""
    return pages_of(params.size) if params.locked else 0


def length(params: Params) -> int:
    """Events: one a page."""
    return pages_of(params.size)


def draws(params: Params) -> bool:
    """Nothing is left to chance."""
    return False


def events(params: Params, rng: "np.random.Generator") -> "Iterator[np.ndarray]":
    """One chunk of events (int64): its pages, one after the other."""
    import numpy as np

    pages = np.arange(pages_of(params.size))
    yield alloc_buffers(pages) if params.locked else touches(pages, np.ones(len(pages), dtype=bool))
