"""Sequential writer: fills the range page by page, wrapping round at its end; optionally reads back what it wrote.

Stands for log writers, copies, video capture: the producer of dirty pages.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from mmrun.model.core.events import fsyncs, touches
from mmrun.model.core.frozen import frozen
from mmrun.model.rules.bounds import Range
from mmrun.model.rules.record import Record
from mmrun.model.workloads._common import Count, Share, Size, coins, flips, pages_of, spans

if TYPE_CHECKING:
    import numpy as np


@frozen(kw_only=True)
class Params(Record):
    """Parameters of `writer`."""

    size: Size
    """Footprint: the range written."""
    accesses: Count
    """Length of the stream."""
    writes_per_page: Count = 1
    """Consecutive writes to a page before the next: 1 for whole pages, 8 for records of 512 bytes."""
    fsync_every: Annotated[int, Range(ge=0)] = 0
    """An fsync of the file last written after so many accesses; 0: none."""
    read_fraction: Share = 0.0
    """Share of the accesses that read a page, uniform among those written so far."""


def regions(params: Params) -> tuple[str, ...]:
    """Kinds of region that it goes over: only files can be synced."""
    return ("file",) if params.fsync_every else ("anon", "file", "slab")


def footprint(params: Params) -> int:
    """Pages of the stream's address space."""
    return pages_of(params.size)


def draws(params: Params) -> bool:
    """Whether the stream draws random numbers."""
    return flips(params.read_fraction)


def events(params: Params, rng: "np.random.Generator") -> "Iterator[np.ndarray]":
    """Chunks of events (int64)."""
    import numpy as np

    turns, pages = rng.spawn(2)
    n, written = footprint(params), 0
    for start, end in spans(params.accesses):
        read = coins(turns, end - start, params.read_fraction)
        read[0] &= start > 0  # nothing to read before the first write
        done = written + np.cumsum(~read)  # writes up to and including each access
        page = (done - 1) // params.writes_per_page
        known = np.minimum(page[read] + 1, n)
        page[read] = pages.random(known.size) * known
        written = int(done[-1])
        accesses = touches(page % n, ~read)
        if params.fsync_every:
            last = np.flatnonzero((np.arange(start, end) + 1) % params.fsync_every == 0)
            wrote = np.maximum(done[last] - 1, 0) // params.writes_per_page % n
            accesses = np.insert(accesses, last + 1, fsyncs(wrote))
        yield accesses
