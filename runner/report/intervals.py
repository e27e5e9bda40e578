"""Intervals of replicates and the tests that go with them: an interval leaves out the null exactly where p < 1 - level.

Arrays hold replicates along their last axis, so that `benchmarks/statistics.py` measures these very functions; what it
found, and which method is used for what, is in docs/statistics.md. scipy is imported where it is used.
"""

import math

import numpy as np

FEW = 10  # below so many replicates correcting for their skew makes an interval hold less than it says ...
FEW_SHARE = 0.7  # ... which taking this share of the error that it may make brings back
SKEW_SHARE = 0.85  # of the sample's skew that is corrected for: all of it fails heavy tails, none fails one-sided noise
MAX_EXACT_SUBSETS = 16
SUBSETS, SUBSET_BATCHES = 99_999, 9
ROUNDING = 1e-9

Bounds = tuple[np.ndarray, np.ndarray]


def t_interval(x: np.ndarray, confidence: float) -> Bounds:
    """Student's t interval of the mean."""
    half = _quantile(x, confidence) * _standard_error(x)
    centre = np.mean(x, axis=-1)
    return centre - half, centre + half


def t_p(x: np.ndarray) -> np.ndarray:
    """Two-sided p of Student's t test that the mean is 0."""
    from scipy.stats import t

    with np.errstate(divide="ignore"):
        return 2 * t.sf(np.abs(np.mean(x, axis=-1)) / _standard_error(x), x.shape[-1] - 1)


def skewed_t_interval(x: np.ndarray, confidence: float) -> Bounds:
    """Student's t interval of the mean, corrected for skew by Hall's cubic (Ann. Statist. 20, 1992)."""
    n = x.shape[-1]
    centre = np.mean(x, axis=-1)
    away = x - centre[..., None]
    cubed = np.mean(away**2, axis=-1) ** 1.5
    skew = SKEW_SHARE * np.mean(away**3, axis=-1) / np.where(cubed > 0, cubed, 1.0)
    reach, spread = _quantile(x, confidence) / math.sqrt(n), np.std(x, axis=-1, ddof=1)

    def studentised(f: float) -> np.ndarray:
        """The t that the cubic t + g t^2 / 3 + g^2 t^3 / 27 + g / 6n turns into f."""
        some = np.abs(skew) > 1e-6
        g = np.where(some, skew, 1.0)
        return np.where(some, 3 / g * (np.cbrt(1 + g * (f - g / (6 * n))) - 1), f)

    return centre - studentised(reach) * spread, centre - studentised(-reach) * spread


def mean_interval(x: np.ndarray, confidence: float) -> Bounds:
    """The interval of a mean that reports print: t corrected for skew, wider below `FEW` replicates."""
    error = 1 - confidence
    return skewed_t_interval(x, 1 - (FEW_SHARE * error if x.shape[-1] < FEW else error))


def ratio_of_means_interval(a: np.ndarray, b: np.ndarray, confidence: float) -> Bounds:
    """Fieller's interval of mean(a) / mean(b) of pairs; nan where mean(b) is not clearly above 0 and there is none."""
    n, q2 = a.shape[-1], _quantile(a, confidence) ** 2
    mean_a, mean_b = np.mean(a, axis=-1), np.mean(b, axis=-1)
    away_a, away_b = a - mean_a[..., None], b - mean_b[..., None]
    aa, ab, bb = (np.sum(u * v, axis=-1) / (n - 1) / n for u, v in
                  ((away_a, away_a), (away_a, away_b), (away_b, away_b)))  # fmt: skip
    square, middle, rest = mean_b**2 - q2 * bb, mean_a * mean_b - q2 * ab, mean_a**2 - q2 * aa
    with np.errstate(invalid="ignore", divide="ignore"):
        root = np.sqrt(np.maximum(middle**2 - square * rest, 0.0))
        bounded = (square > 0) & (mean_b > 0)
        return tuple(np.where(bounded, (middle + sign * root) / square, np.nan) for sign in (-1, 1))  # type: ignore[return-value]


def smallest_median_n(confidence: float) -> int:
    """Replicates from which smallest and largest hold the median at this level."""
    return 1 + math.ceil(-math.log2(1 - confidence) - ROUNDING)


def median_interval(x: np.ndarray, confidence: float) -> Bounds:
    """Interval of the median between order statistics, interpolated after Hettmansperger and Sheather (1986).

    ValueError for fewer than `smallest_median_n` replicates.
    """
    n = x.shape[-1]
    d = next((k for k in range(n // 2, 0, -1) if _held(n, k) >= confidence), 0)
    if d == 0:
        raise ValueError(f"{n} values hold no median at {confidence}")
    share = (_held(n, d) - confidence) / (_held(n, d) - _held(n, d + 1))
    part = (n - d) * share / (d + (n - 2 * d) * share)
    ordered = np.sort(x, axis=-1)
    low = (1 - part) * ordered[..., d - 1] + part * ordered[..., d]
    return low, (1 - part) * ordered[..., n - d] + part * ordered[..., n - d - 1]


def median_p(x: np.ndarray) -> float:
    """Two-sided p that the median of one sample is 0: that of the interval with a bound at 0."""
    return min(1.0, _median_p_below(np.sort(x)), _median_p_below(np.sort(-x)))


def sign_flips(x: np.ndarray, rng: np.random.Generator, confidence: float) -> tuple[float, float, float]:
    """(low, high, p) of the sign-flip permutation test that one sample is symmetric about 0.

    The values that the test does not reject lie between two order statistics of the means of all subsets (Hartigan
    1969). All of them up to n = 16, beyond 99,999 random ones. Infinite bounds where n is too small for the level.
    """
    means = np.sort(_subset_means(x, rng))
    patterns = means.size + 1
    slack = ROUNDING * float(np.max(np.abs(x)))
    beyond = min(np.count_nonzero(means <= slack), np.count_nonzero(means >= -slack))
    k = math.floor((1 - confidence) / 2 * patterns + ROUNDING)
    low, high = (float(means[k - 1]), float(means[-k])) if k else (-math.inf, math.inf)
    return low, high, min(1.0, 2 * (1 + beyond) / patterns)


def _subset_means(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Means of the non-empty subsets."""
    if x.size <= MAX_EXACT_SUBSETS:
        chosen = (np.arange(1, 1 << x.size)[:, None] >> np.arange(x.size)) & 1
        return (chosen @ x) / chosen.sum(axis=1)
    found = []
    for _ in range(SUBSET_BATCHES):
        chosen = rng.integers(0, 2, size=(SUBSETS // SUBSET_BATCHES, x.size), dtype=np.int8).astype(float)
        chosen[chosen.sum(axis=1) == 0] = 1
        found.append((chosen @ x) / chosen.sum(axis=1))
    return np.concatenate(found)


def _median_p_below(ordered: np.ndarray) -> float:
    """p of the interval whose lower bound is 0; 1 where no interval's is."""
    n, d = ordered.size, int(np.count_nonzero(ordered <= 0))
    if d == 0:
        return 1 - _held(n, 1)
    if 2 * d >= n:
        return 1.0
    part = -ordered[d - 1] / (ordered[d] - ordered[d - 1])
    share = part * d / ((n - d) - part * (n - 2 * d))
    return float(1 - _held(n, d) + share * (_held(n, d) - _held(n, d + 1)))


def _held(n: int, d: int) -> float:
    """How often the d-th smallest and the d-th largest of n values hold the median between them."""
    return 1 - 2 * sum(math.comb(n, k) for k in range(d)) / 2**n if 2 * d <= n else 0.0


def _quantile(x: np.ndarray, confidence: float) -> float:
    from scipy.stats import t

    return float(t.ppf((1 + confidence) / 2, x.shape[-1] - 1))


def _standard_error(x: np.ndarray) -> np.ndarray:
    return np.std(x, axis=-1, ddof=1) / math.sqrt(x.shape[-1])
