"""The shape of replicates: whether they fall into modes, worlds of their own whose common mean describes none of them.

Where the widest gap between neighbours is `LIMITS` times the spread within what it separates, there are two modes. The
limits are those that 5 of 1,000 samples of normal noise exceed; `mmrun.benchmarks.statistics` measures this
and how often other noise does (`docs/statistics.md`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

Flag = Literal["modes", "outlier", "wide", "not finite"]

LIMITS = {3: 494.0, 4: 39.0, 5: 17.0, 6: 11.0, 7: 8.3, 8: 6.8, 9: 5.8}
LIMIT = 5.0  # from ten values on
GRAIN = 0.001  # relative differences below are printed alike: no spread is taken to be smaller
STEP = 0.5  # nor that of whole numbers


@dataclass(frozen=True)
class Mode:
    """Replicates that lie together: how many, and their middle one."""

    count: int
    value: float


def modes_of(values: Sequence[float], step: float = STEP) -> tuple[Mode, ...]:
    """The modes of the values from the lowest on; one where they lie together, as fewer than three always do.

    `step`: the least spread that whole numbers are taken to have; 0 for ratios.
    """
    data = np.sort(np.asarray(values, dtype=float))
    return tuple(Mode(len(part), float(np.median(part))) for part in _split(data, step)) if data.size else ()


def flags_of(modes: Sequence[Mode]) -> tuple[Flag, ...]:
    """The word for replicates in more than one mode: `outlier` where a single one lies apart, else `modes`."""
    if len(modes) < 2:
        return ()
    return ("outlier",) if len(modes) == 2 and min(mode.count for mode in modes) == 1 else ("modes",)


def _split(data: np.ndarray, step: float) -> list[np.ndarray]:
    """Sorted values cut at the widest gap as long as it is too wide."""
    n = data.size
    if n < 3:
        return [data]
    positive = data[0] > 0
    x = np.log(data) if positive else data
    gaps = np.diff(x)
    within = np.array([_spread(x[:k]) + _spread(x[k:]) for k in range(1, n)])
    ratio = gaps / np.maximum(np.sqrt(within / (n - 2)), _grain(data, positive, step))
    cut = int(np.argmax(ratio)) + 1
    if ratio[cut - 1] <= LIMITS.get(n, LIMIT):
        return [data]
    return [*_split(data[:cut], step), *_split(data[cut:], step)]


def _spread(x: np.ndarray) -> float:
    """Sum of squares about the mean."""
    return float(np.sum((x - np.mean(x)) ** 2))


def _grain(data: np.ndarray, positive: bool, step: float) -> float:
    """The least spread within a mode: a thousandth of the values, or half a step of whole numbers."""
    size = float(np.max(np.abs(data)))
    step = step if bool(np.all(data == np.round(data))) else 0.0
    if positive:
        return max(GRAIN, step / float(np.median(data)))
    return max(GRAIN * size, step)
