"""Independent uniform draws over the pages: no locality at all, the worst case of every recency policy.

Stands for hash joins, random-access tables, GUPS-like kernels.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mmrun.model.core.events import touches
from mmrun.model.core.frozen import frozen
from mmrun.model.rules.record import Record
from mmrun.model.workloads._common import Count, Share, Size, coins, pages_of, spans

if TYPE_CHECKING:
    import numpy as np


@frozen(kw_only=True)
class Params(Record):
    """Parameters of `uniform`."""

    size: Size
    """Footprint."""
    accesses: Count
    """Length of the stream."""
    write_fraction: Share = 0.0
    """Share of the accesses that write."""


def footprint(params: Params) -> int:
    """Pages of the stream's address space."""
    return pages_of(params.size)


def draws(params: Params) -> bool:
    """Whether the stream draws random numbers."""
    return True


def events(params: Params, rng: "np.random.Generator") -> "Iterator[np.ndarray]":
    """Chunks of events (int64)."""
    pages, writes = rng.spawn(2)
    n = footprint(params)
    for start, end in spans(params.accesses):
        count = end - start
        yield touches(pages.integers(n, size=count), coins(writes, count, params.write_fraction))
