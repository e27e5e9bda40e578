"""Independent draws from a Zipf distribution over the pages: skewed popularity without any other structure.

Stands for caches, key-value stores and databases whose popular items are spread over the address space.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mmrun.model.core.events import touches
from mmrun.model.core.frozen import frozen
from mmrun.model.rules.record import Record
from mmrun.model.workloads._common import Count, Exponent, Share, Size, Zipf, coins, pages_of, permutation, spans

if TYPE_CHECKING:
    import numpy as np


@frozen(kw_only=True)
class Params(Record):
    """Parameters of `zipf`."""

    size: Size
    """Footprint."""
    accesses: Count
    """Length of the stream."""
    exponent: Exponent = 1.0
    """The page of rank k is drawn with probability proportional to 1/k**exponent; 0 is uniform."""
    permute: bool = True
    """Ranks scattered over the address space at random; false: page 0 is the most popular, page 1 the next."""
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
    layout, pages, writes = rng.spawn(3)
    n = footprint(params)
    popularity = Zipf(n, params.exponent, permutation(layout, n) if params.permute else None)
    for start, end in spans(params.accesses):
        count = end - start
        yield touches(popularity.draw(pages, count), coins(writes, count, params.write_fraction))
