"""A working set that moves: stationary within a phase, then shifted through the address space.

Stands for programs with phases (compilers, batch pipelines) and tests how fast a policy forgets.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from mmrun.model.core.events import touches
from mmrun.model.core.frozen import frozen
from mmrun.model.rules.record import Fault, Record
from mmrun.model.workloads._common import Count, Exponent, Share, Size, Zipf, coins, flips, pages_of, permutation, spans

if TYPE_CHECKING:
    import numpy as np


@frozen(kw_only=True)
class Params(Record):
    """Parameters of `phases`."""

    size: Size
    """Footprint: the range the working set moves through, wrapping round at its end."""
    working_set: Size
    """Size of the working set."""
    accesses: Count
    """Length of the stream."""
    phase: Count
    """Accesses between two moves."""
    overlap: Share = 0.0
    """Share of the working set that a move keeps."""
    exponent: Exponent = 0.0
    """Zipf exponent within the working set; 0 is uniform."""
    sweep: bool = False
    """Whether a phase sweeps over its working set in order, again and again, instead of drawing from it."""
    write_fraction: Share = 0.0
    """Share of the accesses that write."""

    def faults(self) -> Iterator[Fault]:
        """More at once than there is."""
        if pages_of(self.working_set) > pages_of(self.size):
            yield Fault(("working_set",), "working_set exceeds size", "working_set <= size")


def footprint(params: Params) -> int:
    """Pages of the stream's address space."""
    return pages_of(params.size)


def draws(params: Params) -> bool:
    """Whether the stream draws random numbers."""
    return not params.sweep or flips(params.write_fraction)


def events(params: Params, rng: "np.random.Generator") -> "Iterator[np.ndarray]":
    """Chunks of events (int64)."""
    import numpy as np

    layout, pages, writes = rng.spawn(3)
    n, width = footprint(params), pages_of(params.working_set)
    step = round(width * (1.0 - params.overlap))
    popularity = Zipf(width, params.exponent, permutation(layout, width))
    for start, end in spans(params.accesses):
        at = np.arange(start, end, dtype=np.int64)
        within = at % params.phase % width if params.sweep else popularity.draw(pages, end - start)
        chosen = (at // params.phase * step + within) % n
        yield touches(chosen, coins(writes, end - start, params.write_fraction))
