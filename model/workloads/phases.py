"""A working set that moves: stationary within a phase, then shifted through the address space.

Stands for programs with phases (compilers, batch pipelines) and tests how fast a policy forgets.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmrun.model.core.events import touches
from mmrun.model.units import Bytes
from mmrun.model.workloads._common import (
    Zipf,
    check_exponent,
    check_fraction,
    check_positive,
    coins,
    pages_of,
    permutation,
    spans,
)

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, kw_only=True)
class Params:
    """Parameters of `phases`."""

    size: Bytes
    """Footprint: the range the working set moves through, wrapping round at its end."""
    working_set: Bytes
    """Size of the working set."""
    accesses: int
    """Length of the stream."""
    phase: int
    """Accesses between two moves."""
    overlap: float = 0.0
    """Share of the working set that a move keeps."""
    exponent: float = 0.0
    """Zipf exponent within the working set; 0 is uniform."""
    sweep: bool = False
    """Whether a phase sweeps over its working set in order, again and again, instead of drawing from it."""
    write_fraction: float = 0.0
    """Share of the accesses that write."""

    def __post_init__(self) -> None:
        check_positive(size=self.size, working_set=self.working_set, accesses=self.accesses, phase=self.phase)
        check_exponent(exponent=self.exponent)
        check_fraction(overlap=self.overlap, write_fraction=self.write_fraction)
        if pages_of(self.working_set) > pages_of(self.size):
            raise ValueError("working_set must not exceed size")


def footprint(params: Params) -> int:
    """Pages of the stream's address space."""
    return pages_of(params.size)


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
