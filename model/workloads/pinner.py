"""Touches its memory in order and pins some of it, for a moment or for long: what stands in the way of migration.

Short pins are those of vmsplice and direct I/O, long ones those of RDMA and devices passed through (FOLL_LONGTERM).
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from mmrun.model.core.events import ARG_MASK, ARGUMENT_BITS, touches
from mmrun.model.core.frozen import frozen
from mmrun.model.mm.driver.events import pin, sleep_until, unpin
from mmrun.model.rules.bounds import Range, Why
from mmrun.model.rules.record import Record
from mmrun.model.units import Nanoseconds
from mmrun.model.workloads._common import CHUNK, Size, pages_of
from mmrun.model.workloads._kept import Kept, kept

if TYPE_CHECKING:
    import numpy as np

MAKES_REQUESTS = True


@frozen(kw_only=True)
class Params(Record):
    """Parameters of `pinner`."""

    size: Size
    """Footprint: the memory touched."""
    pin: Kept = "all"
    """The pages it pins: `e4` every fourth, `r25` a quarter at random, `h256` the first 256 of every 512, all, none."""
    longterm: bool = False
    """Pins for long, for which pages leave the places that must stay movable."""
    hold: Annotated[Nanoseconds, Range(ge=0, le=ARG_MASK), Why(ARGUMENT_BITS)] = 0
    """When it lets them go, counted from its start; 0: at its end."""
    seed: Annotated[int, Range(ge=1, le=0xFFFFFFFF)] = 1
    """Where the random numbers of `pin: rP` start."""


def regions(params: Params) -> tuple[str, ...]:
    """Kinds of region that it goes over: only pages that are mapped can be pinned."""
    return ("anon",)


def footprint(params: Params) -> int:
    """Pages of the stream's address space."""
    return pages_of(params.size)


def length(params: Params) -> int:
    """Events, at most: each page touched, pinned, let go."""
    return 3 * footprint(params) + 1


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
    chosen = np.flatnonzero(kept(params.pin, pages, params.seed))
    asked = pin(chosen, params.longterm)
    if params.hold:
        asked = np.concatenate([asked, sleep_until(params.hold), unpin(chosen)])
    for start in range(0, len(asked), CHUNK):
        yield asked[start : start + CHUNK]
