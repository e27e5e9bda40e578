"""What the generators share: types of parameters, chunk bounds, coin flips, ranks with a Zipf distribution."""

from bisect import bisect
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from mmrun.model.rules.bounds import Range, Why
from mmrun.model.units import PAGE, Bytes, TiB

if TYPE_CHECKING:
    import numpy as np

MOST = 10**13  # events of a stream, which take days
Count = Annotated[int, Range(ge=1, le=MOST)]
Size = Annotated[Bytes, Range(ge=1, le=2 * TiB)]
Share = Annotated[float, Range(ge=0.0, le=1.0)]
Exponent = Annotated[float, Range(ge=0.0, le=10.0), Why("0 is uniform")]

CHUNK = 65_536  # events a chunk
BLOCK = 1 << 20  # ranks handled at a time while a table is made


def pages_of(size: int) -> int:
    """Pages that `size` bytes occupy, rounded up."""
    return -(-size // PAGE)


def permutation(rng: "np.random.Generator", n: int) -> "np.ndarray":
    """A random permutation of 0..n-1, int32: half the memory of numpy's own."""
    import numpy as np

    return rng.permutation(np.arange(n, dtype=np.int32))


def spans(accesses: int) -> Iterator[tuple[int, int]]:
    """First and last-plus-one access number of every chunk of a stream of `accesses` events."""
    for start in range(0, accesses, CHUNK):
        yield start, min(start + CHUNK, accesses)


def coins(rng: "np.random.Generator", count: int, fraction: float) -> "np.ndarray":
    """`count` booleans, each true with probability `fraction`."""
    import numpy as np

    if fraction in (0.0, 1.0):
        return np.full(count, fraction == 1.0)
    return rng.random(count, dtype=np.float32) < np.float32(fraction)


def flips(*fractions: float) -> bool:
    """Whether `coins` draws for any of these fractions: none and all need no coin."""
    return any(0.0 < fraction < 1.0 for fraction in fractions)


class Zipf:
    """Ranks 0..n-1 drawn with probability proportional to (rank + 1) ** -exponent, in constant time a draw.

    Walker's alias method: a uniform cell, then the cell's own rank or its alias. Exponent 0 is the uniform
    distribution. `names`, a permutation of 0..n-1, gives the ranks other numbers at no cost a draw.
    """

    def __init__(self, n: int, exponent: float, names: "np.ndarray | None" = None) -> None:
        import numpy as np

        self.n = n
        self.table: np.ndarray | None = None
        if exponent == 0.0:
            return  # uniform: names make no difference
        keep, alias = zipf_table(n, exponent)
        order = slice(None) if names is None else names
        pairs = np.empty((n, 2), dtype=np.int32)  # side by side: one cache line a draw
        pairs[order, 0] = keep.view(np.int32)
        pairs[order, 1] = alias if names is None else names[alias]
        self.table = pairs.view(np.int64).reshape(n)

    def draw(self, rng: "np.random.Generator", count: int) -> "np.ndarray":
        """`count` ranks (or their names), int64."""
        if self.table is None:
            return rng.integers(self.n, size=count)
        import numpy as np

        # One uniform number a draw: the integer part picks the cell, the fraction decides between the two ranks.
        point = rng.random(count) * self.n
        cell = np.minimum(point.astype(np.int64), self.n - 1)
        point -= cell
        pair = self.table.take(cell).view(np.int32).reshape(count, 2)
        return np.where(point < pair[:, 0].view(np.float32), cell, pair[:, 1])


def zipf_table(n: int, exponent: float) -> "tuple[np.ndarray, np.ndarray]":
    """Walker's table of weights (rank + 1) ** -exponent: the share each cell keeps (float32) and its alias (int32).

    Vose's sweep without its loop. Cells below the average (all behind the first `heavy`) take, in order, from those
    above it; running totals of what is missing and what is to spare tell who gives to whom, and where a giver runs
    short and takes from the next one. Done in blocks: memory beyond the table stays small.
    """
    import numpy as np

    scale = n / sum(float(_weights(start, min(start + BLOCK, n), exponent).sum()) for start in range(0, n, BLOCK))
    heavy = bisect(range(n), -1.0, key=lambda rank: -float((rank + 1.0) ** -exponent * scale))
    keep, alias = np.ones(n, dtype=np.float32), np.arange(n, dtype=np.int32)
    spare = np.cumsum(_weights(0, heavy, exponent) * scale - 1.0)
    missed = 0.0
    for start in range(heavy, n if heavy else 0, BLOCK):
        share = _weights(start, min(start + BLOCK, n), exponent) * scale
        missing = missed + np.cumsum(1.0 - share)
        before = np.concatenate(([missed], missing[:-1]))
        keep[start : start + BLOCK] = share
        alias[start : start + BLOCK] = np.minimum(np.searchsorted(spare, before), heavy - 1)
        first, end = np.searchsorted(spare, (missed, missing[-1]))
        short = np.arange(first, min(end, heavy - 1))  # givers that this block exhausts
        taker = np.searchsorted(missing, spare[short], side="right")
        keep[short] = np.clip(1.0 - (missing[taker] - spare[short]), 0.0, 1.0)
        alias[short] = short + 1
        missed = float(missing[-1])
    return keep, alias


def _weights(start: int, end: int, exponent: float) -> "np.ndarray":
    import numpy as np

    return np.arange(start + 1, end + 1, dtype=np.float64) ** -exponent
