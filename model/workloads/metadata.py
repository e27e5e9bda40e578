"""File system metadata: look up files by number, in tree order or by popularity, create and remove some of them.

`walk` goes through all files in order, again and again, as find, rsync and updatedb do; `zipf` draws them by
popularity, as servers do. A lookup in a transaction (create, rename) allocates with GFP_NOFS. For slab regions.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mmrun.model.core.events import FREE, OP_SHIFT, REGISTER, check_argument, touches
from mmrun.model.units import Nanoseconds
from mmrun.model.workloads._common import (
    Zipf,
    check_exponent,
    check_fraction,
    check_positive,
    coins,
    permutation,
    spans,
)

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True, kw_only=True)
class Params:
    """Parameters of `metadata`."""

    objects: int
    """Number of files."""
    accesses: int
    """Length of the stream."""
    pattern: Literal["walk", "zipf"] = "walk"
    """All files in order, or independent draws by popularity."""
    exponent: float = 0.8
    """`zipf`: the file of rank k is drawn with probability proportional to 1/k**exponent."""
    transaction_fraction: float = 0.0
    """Share of the lookups that happen in a file system transaction (GFP_NOFS) and create the file if it is absent."""
    unlink_fraction: float = 0.0
    """Share of the events that remove the file instead."""
    mount_every: int = 0
    """Events between two file systems that come or go and hold shrinker_rwsem for `mount_hold`; 0: none do."""
    mount_hold: Nanoseconds = 1_000_000
    """How long such a file system holds it; an estimate: registering includes sizing every group's shrinker map."""

    def __post_init__(self) -> None:
        check_positive(objects=self.objects, accesses=self.accesses)
        check_exponent(exponent=self.exponent)
        check_fraction(transaction_fraction=self.transaction_fraction, unlink_fraction=self.unlink_fraction)
        if self.pattern not in ("walk", "zipf"):
            raise ValueError(f"pattern is walk or zipf, not {self.pattern!r}")
        if self.mount_every < 0 or self.mount_hold < 0:
            raise ValueError("mount_every and mount_hold cannot be negative")
        check_argument(self.mount_hold, "mount_hold in ns")


def footprint(params: Params) -> int:
    """Numbers that the stream uses."""
    return params.objects


def events(params: Params, rng: "np.random.Generator") -> "Iterator[np.ndarray]":
    """Chunks of events (int64)."""
    import numpy as np

    layout, files, writes, removals = rng.spawn(4)
    n = params.objects
    popularity = Zipf(n, params.exponent, permutation(layout, n)) if params.pattern == "zipf" else None
    for start, end in spans(params.accesses):
        numbers = np.arange(start, end, dtype=np.int64)
        chosen = numbers % n if popularity is None else popularity.draw(files, end - start)
        found = touches(chosen, coins(writes, end - start, params.transaction_fraction))
        gone = coins(removals, end - start, params.unlink_fraction)
        found[gone] = chosen[gone] | (FREE << OP_SHIFT)
        if params.mount_every:
            found[(numbers + 1) % params.mount_every == 0] = params.mount_hold | (REGISTER << OP_SHIFT)
        yield found
