"""Statistics of replicates: summaries with intervals, comparisons paired by replicate, correction for many comparisons.

All randomness is drawn from generators named by what is estimated, so a report is a function of the results alone.
scipy is imported where it is used.
"""

import hashlib
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from mmrun.runner.report.shape import Flag, Mode, flags_of, modes_of

Statistic = Literal["mean", "median"]
How = Literal["bca", "percentile", "range", "exact", "single", "fixed", "modes", "none"]
Test = Literal["sign-flip", "t"]

MIN_BOOTSTRAP = 5  # below, resampling says less than the range of the values does
RESAMPLES = 4_999
MAX_EXACT_FLIPS = 16
FLIPS, FLIP_BATCHES = 99_999, 9
IDENTICAL = 1e-12  # relative spread of ratios that only rounding explains


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number from `n` replicates with its interval and how that came about.

    `exact`: all replicates agree, there is nothing to estimate; `range`: smallest to largest (n < 5); `single`: n = 1
    of a cell that draws random numbers, no interval; `fixed`: nothing is random, one run is all there is; `modes`: the
    replicates fall into the `modes`, whose common mean would describe none: no value; `none`: no value.
    """

    n: int
    value: float | None
    low: float | None = None
    high: float | None = None
    how: How = "none"
    replicates: tuple[float, ...] = ()
    """The values (of a comparison: the ratios) by replicate; what a figure draws as dots."""
    modes: tuple[Mode, ...] = ()
    """How many replicates lie together and where, lowest first; one mode where all do."""
    flags: tuple[Flag, ...] = ()
    """Words that mark the row: see `mmrun.runner.report.shape`."""


@dataclass(frozen=True, kw_only=True)
class Comparison(Estimate):
    """A ratio to a baseline. `basis` says of what; `p` is before, `p_holm` after correction over the table."""

    basis: Literal["paired ratios", "ratio of means", "undefined"] = "paired ratios"
    p: float | None = None
    p_holm: float | None = None


def named_rng(*name: str) -> np.random.Generator:
    """A generator that depends on nothing but the name."""
    digest = hashlib.sha256("\0".join(name).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "little"))


def summarise(
    values: Sequence[float],
    rng: np.random.Generator,
    statistic: Statistic = "mean",
    confidence: float = 0.95,
    random: bool = True,
) -> Estimate:
    """Mean with a BCa bootstrap interval, or median with a percentile interval (a median's jackknife is degenerate).

    `random`: whether anything in the cell draws random numbers. Replicates in several modes have no value.
    """
    data = np.asarray(values, dtype=float)
    if data.size == 0:
        return Estimate(n=0, value=None)
    modes = modes_of(data)
    found = _summary(data, rng, statistic, confidence)
    if len(modes) > 1:
        found = Estimate(n=data.size, value=None, how="modes", flags=flags_of(modes))
    how: How = "fixed" if found.how == "single" and not random else found.how
    return replace(found, how=how, replicates=tuple(data.tolist()), modes=modes)


def _summary(data: np.ndarray, rng: np.random.Generator, statistic: Statistic, confidence: float) -> Estimate:
    centre = float(np.mean(data) if statistic == "mean" else np.median(data))
    if data.size == 1:
        return Estimate(n=1, value=centre, how="single")
    if np.ptp(data) <= IDENTICAL * abs(centre):
        return Estimate(n=data.size, value=float(data[0]), low=float(data[0]), high=float(data[0]), how="exact")
    low, high, how = _interval((data,), np.mean if statistic == "mean" else np.median, rng, confidence)
    return Estimate(n=data.size, value=centre, low=low, high=high, how=how)


def compare(
    values: Sequence[float],
    base: Sequence[float],
    rng: np.random.Generator,
    statistic: Statistic = "mean",
    confidence: float = 0.95,
    test: Test = "sign-flip",
    random: bool = True,
) -> Comparison:
    """Ratio of `values` to `base`, element i of both from the same replicate.

    Geometric mean (or median) of the paired ratios, p from their logarithms. If some replicate is 0 that ratio does not
    exist: then the ratio of the means, p from the differences. If the baseline's mean is 0 there is no ratio at all.
    """
    a, b = np.asarray(values, dtype=float), np.asarray(base, dtype=float)
    if a.shape != b.shape:
        raise ValueError(f"paired samples differ in length: {a.size} and {b.size}")
    if a.size == 0:
        return Comparison(n=0, value=None)
    ratios = tuple((a / b).tolist()) if np.all(b != 0) else ()
    modes = modes_of(ratios, step=0.0)
    if len(modes) > 1:
        return Comparison(n=a.size, value=None, how="modes", replicates=ratios, modes=modes, flags=flags_of(modes))
    found = _comparison(a, b, rng, statistic, confidence, test)
    how: How = "fixed" if found.how == "single" and not random else found.how
    return replace(found, how=how, replicates=ratios, modes=modes)


def _comparison(
    a: np.ndarray, b: np.ndarray, rng: np.random.Generator, statistic: Statistic, confidence: float, test: Test
) -> Comparison:
    if np.array_equal(a, b):  # also 0 against 0
        return _as_comparison(Estimate(n=a.size, value=1.0, low=1.0, high=1.0, how="exact" if a.size > 1 else "single"))
    if np.mean(b) == 0:
        return Comparison(n=a.size, value=None, basis="undefined")
    if np.min(a) > 0 and np.min(b) > 0:
        logs = np.log(a / b)
        if a.size > 1 and np.ptp(logs) <= IDENTICAL:
            ratio = float(a[0] / b[0])
            return _as_comparison(Estimate(n=a.size, value=ratio, low=ratio, high=ratio, how="exact"))
        return _as_comparison(_exponential(_summary(logs, rng, statistic, confidence)), p=_p_value(logs, rng, test))
    return _ratio_of_means(a, b, rng, confidence, test)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's step-down adjusted p-values over one family, in the order given; None (no test made) stays None."""
    order = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, i) in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * p))
        adjusted[i] = largest
    return adjusted


def sign_flip(x: np.ndarray, rng: np.random.Generator) -> float:
    """Two-sided p of the paired sign-flip permutation test that `x` (n,) is symmetric about 0.

    All 2^n sign patterns up to n = 16, beyond that 99,999 random ones and the observed one.
    """
    observed = abs(float(np.sum(x)))
    close = observed - 1e-9 * float(np.sum(np.abs(x)))
    if x.size <= MAX_EXACT_FLIPS:
        patterns = (np.arange(1 << (x.size - 1))[:, None] >> np.arange(x.size)) & 1  # the other half mirrors these
        return float(np.mean(np.abs((1 - 2 * patterns) @ x) >= close))
    hits = 0
    for _ in range(FLIP_BATCHES):
        signs = rng.integers(0, 2, size=(FLIPS // FLIP_BATCHES, x.size), dtype=np.int8) * 2.0 - 1.0
        hits += int(np.count_nonzero(np.abs(signs @ x) >= close))
    return (hits + 1) / (FLIPS + 1)


def smallest_p(n: int, test: Test = "sign-flip") -> float:
    """The smallest p that the test can give with n pairs."""
    return 0.0 if test == "t" else 2.0 ** (1 - n) if n <= MAX_EXACT_FLIPS else 1 / (FLIPS + 1)


def _ratio_of_means(
    a: np.ndarray, b: np.ndarray, rng: np.random.Generator, confidence: float, test: Test
) -> Comparison:
    ratio = float(np.mean(a) / np.mean(b))
    if a.size == 1:
        return Comparison(n=1, value=ratio, how="single", basis="ratio of means")
    if np.ptp(a) == 0 and np.ptp(b) == 0:
        return Comparison(n=a.size, value=ratio, low=ratio, high=ratio, how="exact", basis="ratio of means")
    if a.size < MIN_BOOTSTRAP:
        return Comparison(n=a.size, value=ratio, how="none", basis="ratio of means")

    def statistic(x: np.ndarray, y: np.ndarray, axis: int = -1) -> np.ndarray:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.mean(x, axis=axis) / np.mean(y, axis=axis)

    low, high, how = _interval((a, b), statistic, rng, confidence)
    p = _p_value(a - b, rng, test)
    return Comparison(n=a.size, value=ratio, low=low, high=high, how=how, basis="ratio of means", p=p)


def _p_value(x: np.ndarray, rng: np.random.Generator, test: Test) -> float | None:
    if x.size < MIN_BOOTSTRAP:
        return None
    if test == "sign-flip":
        return sign_flip(x, rng)
    from scipy.stats import ttest_1samp

    return float(ttest_1samp(x, 0.0).pvalue)


def _interval(
    samples: tuple[np.ndarray, ...], statistic: Callable[..., np.ndarray], rng: np.random.Generator, confidence: float
) -> tuple[float | None, float | None, How]:
    """Bootstrap interval: BCa, or percentile where BCa does not exist; below MIN_BOOTSTRAP the first sample's range."""
    if samples[0].size < MIN_BOOTSTRAP:
        return float(np.min(samples[0])), float(np.max(samples[0])), "range"
    from scipy.stats import bootstrap

    methods: tuple[Literal["BCa", "percentile"], ...] = ("BCa", "percentile")
    for method in methods[1:] if statistic is np.median else methods:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            interval = bootstrap(
                samples, statistic, n_resamples=RESAMPLES, confidence_level=confidence, method=method, paired=True,
                vectorized=True, rng=rng,
            ).confidence_interval  # fmt: skip
        if math.isfinite(interval.low) and math.isfinite(interval.high):
            return float(interval.low), float(interval.high), "bca" if method == "BCa" else "percentile"
    return None, None, "none"


def _exponential(logs: Estimate) -> Estimate:
    low, high = (None if bound is None else math.exp(bound) for bound in (logs.low, logs.high))
    return Estimate(n=logs.n, value=math.exp(logs.value), low=low, high=high, how=logs.how)  # type: ignore[arg-type]


def _as_comparison(estimate: Estimate, p: float | None = None) -> Comparison:
    return Comparison(n=estimate.n, value=estimate.value, low=estimate.low, high=estimate.high, how=estimate.how, p=p)
