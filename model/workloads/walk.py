"""Pointer walk: one random cycle through all pages, followed for ever: every page equally far from its next use.

Stands for linked structures larger than memory. Like `loop` to a recency policy, but no readahead can guess it.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mmrun.model.core.events import touches
from mmrun.model.core.frozen import frozen
from mmrun.model.rules.record import Record
from mmrun.model.workloads._common import Count, Share, Size, coins, pages_of, permutation, spans

if TYPE_CHECKING:
    import numpy as np


@frozen(kw_only=True)
class Params(Record):
    """Parameters of `walk`."""

    size: Size
    """Footprint: pages on the cycle."""
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
    import numpy as np

    layout, writes = rng.spawn(2)
    n = footprint(params)
    order = permutation(layout, n)
    for start, end in spans(params.accesses):
        pages = order[np.arange(start, end, dtype=np.int64) % n]
        yield touches(pages, coins(writes, end - start, params.write_fraction))
