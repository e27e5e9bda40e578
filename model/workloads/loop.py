"""Cyclic sweep: pages 0, 1, .., n-1, 0, 1, ..: exact LRU misses everything once the loop exceeds memory by one page.

Stands for iterative numerical kernels and repeated scans of a table.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mmrun.model.core.events import touches
from mmrun.model.core.frozen import frozen
from mmrun.model.rules.record import Record
from mmrun.model.workloads._common import Count, Share, Size, coins, flips, pages_of, spans

if TYPE_CHECKING:
    import numpy as np


@frozen(kw_only=True)
class Params(Record):
    """Parameters of `loop`."""

    size: Size
    """Footprint: length of the loop."""
    accesses: Count
    """Length of the stream."""
    write_fraction: Share = 0.0
    """Share of the accesses that write."""


def footprint(params: Params) -> int:
    """Pages of the stream's address space."""
    return pages_of(params.size)


def draws(params: Params) -> bool:
    """Whether the stream draws random numbers."""
    return flips(params.write_fraction)


def events(params: Params, rng: "np.random.Generator") -> "Iterator[np.ndarray]":
    """Chunks of events (int64)."""
    import numpy as np

    n = footprint(params)
    for start, end in spans(params.accesses):
        pages = np.arange(start, end, dtype=np.int64) % n
        yield touches(pages, coins(rng, end - start, params.write_fraction))
