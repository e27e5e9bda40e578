"""The methods that reports used before, as fast as measuring them takes: BCa bootstrap, sign flips, growing until."""

import math
from collections.abc import Callable

import numpy as np

RESAMPLES = 1999


def bca_interval(x: np.ndarray, rng: np.random.Generator, level: float) -> tuple[np.ndarray, np.ndarray]:
    """BCa bootstrap interval of the mean of every row; all rows are resampled alike, which saves most of the time."""
    from scipy.special import ndtr, ndtri

    n = x.shape[-1]
    weights = rng.multinomial(n, np.full(n, 1 / n), RESAMPLES) / n
    means = np.sort(x @ weights.T, axis=-1)
    centre = np.mean(x, axis=-1)
    rank = (np.sum(means < centre[:, None], axis=-1) + np.sum(means <= centre[:, None], axis=-1)) / 2 / RESAMPLES
    with np.errstate(all="ignore"):
        bias = ndtri(rank)
        away = x - centre[:, None]
        lean = np.sum(away**3, axis=-1) / (6 * np.sum(away**2, axis=-1) ** 1.5)
        tails = [ndtri(tail) for tail in ((1 - level) / 2, (1 + level) / 2)]
        places = [ndtr(bias + (bias + z) / (1 - lean * (bias + z))) for z in tails]
        at = [np.clip(np.nan_to_num(place) * RESAMPLES, 0, RESAMPLES - 1).astype(int) for place in places]
    low, high = (np.take_along_axis(means, place[:, None], axis=-1)[:, 0] for place in at)
    return low, high


def flip_p(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Two-sided p of sign flips along the last axis: all patterns up to n = 10, beyond 1,999 random ones."""
    n = x.shape[-1]
    if n <= 10:
        signs = 1 - 2.0 * ((np.arange(1 << (n - 1))[:, None] >> np.arange(n)) & 1)
    else:
        signs = np.vstack([np.ones(n), 1 - 2.0 * rng.integers(0, 2, (RESAMPLES, n))])
    observed = np.abs(np.sum(x, axis=-1)) * (1 - 1e-9)
    hits = np.zeros(x.shape[:-1])
    for pattern in signs:
        hits += np.abs(x @ pattern) >= observed
    return hits / len(signs)


def grown_until(
    draw: Callable[[np.random.Generator, tuple[int, ...]], np.ndarray],
    held: Callable[..., np.ndarray],
    half_width: float,
    rng: np.random.Generator,
    rows: int,
    most: int,
    level: float,
) -> float:
    """Share of BCa intervals that hold the truth after five replicates and half as many again till t is narrow."""
    from scipy.stats import t

    inside = 0
    for _ in range(rows):
        x, n = draw(rng, (1, 1, most))[0, 0], 5
        while n < most and t.ppf((1 + level) / 2, n - 1) * np.std(x[:n], ddof=1) / math.sqrt(n) > half_width * abs(
            np.mean(x[:n])
        ):
            n = min(most, n + n // 2)
        low, high = bca_interval(x[None, :n], rng, level)
        inside += int(held(low, high)[0])
    return inside / rows
