"""Maps memory, touches it in order, lets go of all pages that are not kept: what fragments a machine.

What it keeps stays in its place while the task `stays`; the holes are free single pages, or the ends of pageblocks.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from mmrun.model.core.events import touches
from mmrun.model.core.frozen import frozen
from mmrun.model.mm.driver.events import dontneed
from mmrun.model.rules.bounds import Range
from mmrun.model.rules.record import Record
from mmrun.model.workloads._common import CHUNK, Size, pages_of
from mmrun.model.workloads._kept import Kept, kept

if TYPE_CHECKING:
    import numpy as np

MAKES_REQUESTS = True


@frozen(kw_only=True)
class Params(Record):
    """Parameters of `hog`."""

    size: Size
    """Footprint: the memory touched."""
    keep: Kept = "all"
    """The pages it keeps: `e4` every fourth, `r25` a quarter at random, `h256` the first 256 of each 512, all, none."""
    seed: Annotated[int, Range(ge=1, le=0xFFFFFFFF)] = 1
    """Where the random numbers of `keep: rP` start."""


def regions(params: Params) -> tuple[str, ...]:
    """Kinds of region that it goes over: objects of a slab cache are no pages."""
    return ("anon", "file")


def footprint(params: Params) -> int:
    """Pages of the stream's address space."""
    return pages_of(params.size)


def length(params: Params) -> int:
    """Events, at most: a touch of every page, and each let go."""
    return 2 * footprint(params)


def draws(params: Params) -> bool:
    """Its random numbers are its own: the same in every replicate."""
    return False


def events(params: Params, rng: "np.random.Generator") -> "Iterator[np.ndarray]":
    """Chunks of events (int64)."""
    import numpy as np

    pages = footprint(params)
    for start in range(0, pages, CHUNK):
        some = np.arange(start, min(start + CHUNK, pages))
        yield touches(some, np.ones(len(some), dtype=bool))
    gone = dontneed(np.flatnonzero(~kept(params.keep, pages, params.seed)))
    for start in range(0, len(gone), CHUNK):
        yield gone[start : start + CHUNK]
