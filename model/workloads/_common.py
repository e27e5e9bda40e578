"""What the generators share: chunk bounds, coin flips, ranks with a Zipf distribution, checks of parameters."""

from collections.abc import Iterator

import numpy as np

from model.units import PAGE

CHUNK = 65_536  # events a chunk


def pages_of(size: int) -> int:
    """Pages that `size` bytes occupy, rounded up."""
    return -(-size // PAGE)


def spans(accesses: int) -> Iterator[tuple[int, int]]:
    """First and last-plus-one access number of every chunk of a stream of `accesses` events."""
    for start in range(0, accesses, CHUNK):
        yield start, min(start + CHUNK, accesses)


def coins(rng: np.random.Generator, count: int, fraction: float) -> np.ndarray:
    """`count` booleans, each true with probability `fraction`."""
    if fraction in (0.0, 1.0):
        return np.full(count, fraction == 1.0)
    return rng.random(count, dtype=np.float32) < np.float32(fraction)


class Zipf:
    """Ranks 0..n-1 drawn with probability proportional to (rank + 1) ** -exponent, in constant time a draw.

    Walker's alias method: a uniform cell, then the cell's own rank or its alias. Exponent 0 is the uniform
    distribution. `names`, a permutation of 0..n-1, gives the ranks other numbers at no cost a draw.
    """

    def __init__(self, n: int, exponent: float, names: np.ndarray | None = None) -> None:
        self.n = n
        self.table: np.ndarray | None = None
        if exponent == 0.0:
            return  # uniform: names make no difference
        keep, alias = alias_table(np.arange(1, n + 1, dtype=np.float64) ** -exponent)
        order = slice(None) if names is None else names
        pairs = np.empty((n, 2), dtype=np.int32)  # side by side: one cache line a draw
        pairs[order, 0] = keep.view(np.int32)
        pairs[order, 1] = alias if names is None else names[alias]
        self.table = pairs.view(np.int64).reshape(n)

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """`count` ranks (or their names), int64."""
        if self.table is None:
            return rng.integers(self.n, size=count)
        # One uniform number a draw: the integer part picks the cell, the fraction decides between the two ranks.
        point = rng.random(count) * self.n
        cell = np.minimum(point.astype(np.int64), self.n - 1)
        point -= cell
        pair = self.table.take(cell).view(np.int32).reshape(count, 2)
        return np.where(point < pair[:, 0].view(np.float32), cell, pair[:, 1])


def alias_table(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Walker's table of `weights` (float64, positive): per cell the share it keeps (float32) and its alias (int32).

    Vose's sweep without its loop: cells below the average take, in order, from the cells above it; running totals of
    what is missing and what is to spare tell who gives to whom, and which giver ends up a taker from the next one.
    """
    n = weights.size
    scaled = weights * (n / weights.sum())
    light, heavy = np.flatnonzero(scaled < 1.0), np.flatnonzero(scaled >= 1.0)
    keep, alias = np.ones(n), np.arange(n, dtype=np.int32)
    if light.size == 0 or heavy.size == 0:
        return keep.astype(np.float32), alias
    missing, spare = np.cumsum(1.0 - scaled[light]), np.cumsum(scaled[heavy] - 1.0)
    keep[light] = scaled[light]
    before = np.concatenate(([0.0], missing[:-1]))
    alias[light] = heavy[np.minimum(np.searchsorted(spare, before), heavy.size - 1)]
    drained = np.searchsorted(missing, spare[:-1], side="right")  # the light cell that exhausts each heavy one
    givers = drained < light.size
    keep[heavy[:-1][givers]] = np.clip(1.0 - (missing[drained[givers]] - spare[:-1][givers]), 0.0, 1.0)
    alias[heavy[:-1][givers]] = heavy[1:][givers]
    return keep.astype(np.float32), alias


def check_positive(**values: int) -> None:
    """Raise ValueError naming the first value below 1."""
    for name, value in values.items():
        if value < 1:
            raise ValueError(f"{name} must be at least 1, not {value}")


def check_fraction(**values: float) -> None:
    """Raise ValueError naming the first value outside 0..1."""
    for name, value in values.items():
        if not 0.0 <= value <= 1.0:
            raise ValueError(f"{name} must lie between 0 and 1, not {value}")


def check_exponent(**values: float) -> None:
    """Raise ValueError naming the first Zipf exponent that is negative or beyond reason."""
    for name, value in values.items():
        if not 0.0 <= value <= 10.0:
            raise ValueError(f"{name} must lie between 0 (uniform) and 10, not {value}")
