"""Pointer walk: one random cycle through all pages, followed for ever: every page equally far from its next use.

Stands for linked structures larger than memory. Like `loop` to a recency policy, but no readahead can guess it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmrun.model.core.events import touches
from mmrun.model.units import Bytes
from mmrun.model.workloads._common import check_fraction, check_positive, coins, pages_of, permutation, spans

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, kw_only=True)
class Params:
    """Parameters of `walk`."""

    size: Bytes
    """Footprint: pages on the cycle."""
    accesses: int
    """Length of the stream."""
    write_fraction: float = 0.0
    """Share of the accesses that write."""

    def __post_init__(self) -> None:
        check_positive(size=self.size, accesses=self.accesses)
        check_fraction(write_fraction=self.write_fraction)


def footprint(params: Params) -> int:
    """Pages of the stream's address space."""
    return pages_of(params.size)


def events(params: Params, rng: "np.random.Generator") -> "Iterator[np.ndarray]":
    """Chunks of events (int64)."""
    import numpy as np

    layout, writes = rng.spawn(2)
    n = footprint(params)
    order = permutation(layout, n)
    for start, end in spans(params.accesses):
        pages = order[np.arange(start, end, dtype=np.int64) % n]
        yield touches(pages, coins(writes, end - start, params.write_fraction))
