"""The shape of replicates: whether they fall into modes, worlds of their own whose common mean describes none of them,
or spread so wide that no interval of their mean holds what it says.

Functions that look at many samples at once have replicates along the last axis: `benchmarks/statistics.py` measures
with them how often each flag is raised over harmless noise and over what it is meant for (docs/statistics.md).
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from mmrun.model.core.frozen import frozen

Flag = Literal["modes", "outlier", "wide", "quiet", "not finite"]

# The widest gap between neighbours (or the second widest) over the spread within what it separates, by n: 1 of 1,000
# samples of normal noise has a wider one. From ten values on it stays, where heavy tails alone would open such gaps.
GAPS = {
    1: {3: 2400.0, 4: 91.0, 5: 31.0, 6: 17.0, 7: 12.0, 8: 9.5, 9: 7.9},
    2: {4: 1800.0, 5: 82.0, 6: 26.0, 7: 15.0, 8: 11.0, 9: 8.4},
}
GAP = 7.0
GRAIN = 0.001  # relative differences below are printed alike: no spread is taken to be smaller
STEP = 0.5  # nor that of whole numbers
WIDE = 0.5  # standard deviation of logarithms from which a t interval of the mean fails
QUIET = 0.1  # of the other's noise: less of its own does not make up for the other's skew
COUNT_DISPERSION = 2.0  # variance over mean up to which whole numbers vary as counts do


@frozen
class Mode:
    """Replicates that lie together: how many, and their middle one."""

    count: int
    value: float


def modes_of(values: Sequence[float] | np.ndarray, step: float = STEP) -> tuple[Mode, ...]:
    """The modes of the values from the lowest on; one where they lie together, as fewer than three always do.

    `step`: the least spread that whole numbers are taken to have; 0 for ratios.
    """
    data = np.sort(np.asarray(values, dtype=float))
    return tuple(Mode(len(part), float(np.median(part))) for part in _parts(data, step)) if data.size else ()


def flags_of(modes: Sequence[Mode]) -> tuple[Flag, ...]:
    """The word for replicates in more than one mode: `outlier` where a single one lies apart, else `modes`."""
    if len(modes) < 2:
        return ()
    return ("outlier",) if len(modes) == 2 and min(mode.count for mode in modes) == 1 else ("modes",)


def apart(x: np.ndarray, cuts: int = 1, step: float = STEP) -> tuple[np.ndarray, np.ndarray]:
    """Whether sorted samples fall apart at their `cuts` widest gaps, and how many values lie below each of these.

    Samples without zeros or negative values are looked at on a logarithmic scale.
    """
    n = x.shape[-1]
    y, grain = _scaled(x, step)
    y = y - np.mean(y, axis=-1, keepdims=True)
    gaps = np.diff(y, axis=-1)
    at = np.sort(np.argpartition(-gaps, cuts - 1, axis=-1)[..., :cuts], axis=-1)
    narrowest = np.min(np.take_along_axis(gaps, at, axis=-1), axis=-1)
    none, whole = np.zeros_like(at[..., :1]), np.full_like(at[..., :1], n)
    edges = np.concatenate([none, at + 1, whole], axis=-1)
    sums, squares = (np.diff(np.take_along_axis(_summed(z), edges, axis=-1), axis=-1) for z in (y, y * y))
    within = np.sum(squares - sums**2 / np.diff(edges, axis=-1), axis=-1)
    spread = np.maximum(np.sqrt(np.maximum(within, 0.0) / (n - 1 - cuts)), grain)
    return narrowest > GAPS[cuts].get(n, GAP) * spread, at + 1


def wide(x: np.ndarray) -> np.ndarray:
    """Whether each sample of positive values spreads too wide for an interval of its mean; counts may."""
    positive = np.all(x > 0, axis=-1)
    spread = np.std(np.log(np.where(positive[..., None], x, 1.0)), axis=-1, ddof=1)
    counts = np.all(x == np.round(x), axis=-1) & (
        np.var(x, axis=-1, ddof=1) <= COUNT_DISPERSION * np.abs(np.mean(x, axis=-1))
    )
    found: np.ndarray = positive & (spread > WIDE) & ~counts
    return found


def quiet(log_a: np.ndarray, log_b: np.ndarray) -> bool:
    """Whether one of two cells has next to no noise, so that their log ratio is as one-sided as the other's is."""
    spreads = sorted((float(np.std(log_a)), float(np.std(log_b))))
    return spreads[0] <= QUIET * spreads[1]


def _parts(data: np.ndarray, step: float) -> list[np.ndarray]:
    """Sorted values cut into two or three at their widest gaps as long as these are too wide."""
    for cuts in (1, 2):
        if data.size < cuts + 2:
            break
        found, below = apart(data, cuts, step)
        if found:
            return [part for piece in np.split(data, below.tolist()) for part in _parts(piece, step)]
    return [data]


def _scaled(x: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray]:
    """(samples on the scale on which gaps are measured, the least spread they are taken to have there)."""
    positive = x[..., :1] > 0
    whole = np.all(x == np.round(x), axis=-1, keepdims=True) * step
    size = np.maximum(np.max(np.abs(x), axis=-1, keepdims=True), 1e-300)
    middle = np.maximum(np.median(x, axis=-1, keepdims=True), 1e-300)
    grain = np.where(positive, np.maximum(GRAIN, whole / middle), np.maximum(GRAIN * size, whole))
    return np.where(positive, np.log(np.where(positive, x, 1.0)), x), grain[..., 0]


def _summed(y: np.ndarray) -> np.ndarray:
    """Sums of the first 0, 1, ... n values."""
    return np.concatenate([np.zeros_like(y[..., :1]), np.cumsum(y, axis=-1)], axis=-1)
