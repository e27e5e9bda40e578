"""A hot set disturbed by a sequential scanner: does reclaim keep the hot set, or let the scan flush it?

Stands for a database or service beside a backup, a table scan or a log reader. The hot set lies first in the address
space, the scanned range behind it; the scanner wraps round at its end.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mmrun.model.core.events import touches
from mmrun.model.core.frozen import frozen
from mmrun.model.rules.record import Fault, Record
from mmrun.model.workloads._common import (
    Count,
    Exponent,
    Share,
    Size,
    Zipf,
    coins,
    pages_of,
    permutation,
    spans,
)

if TYPE_CHECKING:
    import numpy as np


@frozen(kw_only=True)
class Params(Record):
    """Parameters of `scan`."""

    hot: Size
    """Size of the hot set."""
    size: Size
    """Footprint: hot set and scanned range together."""
    accesses: Count
    """Length of the stream."""
    exponent: Exponent = 0.0
    """Zipf exponent within the hot set; 0 is uniform."""
    scan_fraction: Share = 0.2
    """Share of the accesses made by the scanner."""
    burst: Count = 64
    """Pages the scanner reads before the hot set may have its turn again."""
    write_fraction: Share = 0.0
    """Share of the accesses to the hot set that write; the scanner only reads."""

    def faults(self) -> Iterator[Fault]:
        """Nothing left to scan."""
        if pages_of(self.hot) >= pages_of(self.size):
            yield Fault(("size",), "size does not exceed hot", "it covers the hot set and the scanned range behind it")


def footprint(params: Params) -> int:
    """Pages of the stream's address space."""
    return pages_of(params.size)


def draws(params: Params) -> bool:
    """Whether the stream draws random numbers; the scanner alone does not."""
    return params.scan_fraction < 1.0


def events(params: Params, rng: "np.random.Generator") -> "Iterator[np.ndarray]":
    """Chunks of events (int64)."""
    import numpy as np

    layout, pages, writes, turns = rng.spawn(4)
    hot = pages_of(params.hot)
    scanned = footprint(params) - hot
    popularity = Zipf(hot, params.exponent, permutation(layout, hot))
    position, turn, scanning = 0, -1, np.zeros(1, dtype=bool)  # next page of the scanner, last turn and who has it
    for start, end in spans(params.accesses):
        turn_of = np.arange(start, end, dtype=np.int64) // params.burst
        scanning = np.concatenate((scanning[-1:], coins(turns, int(turn_of[-1]) - turn, params.scan_fraction)))
        is_scan = scanning[turn_of - turn]
        turn = int(turn_of[-1])
        chosen = popularity.draw(pages, end - start)
        ahead = int(np.count_nonzero(is_scan))
        chosen[is_scan] = hot + np.arange(position, position + ahead) % scanned
        position = (position + ahead) % scanned
        yield touches(chosen, coins(writes, end - start, params.write_fraction) & ~is_scan)
