"""Statistics of replicates: summaries with intervals, comparisons paired by replicate, correction for many comparisons.

Methods were chosen by measurement (docs/statistics.md). All randomness is drawn from generators named by what is
estimated, so a report is a function of the results alone.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from mmrun.model.core.frozen import frozen
from mmrun.runner.report import intervals
from mmrun.runner.report.shape import Flag, Mode, flags_of, modes_of, quiet, wide

Statistic = Literal["mean", "geometric", "median"]
How = Literal[
    "t", "skewed t", "order", "flips", "fieller", "range", "exact", "single", "fixed", "modes", "wide", "none"
]
Test = Literal["t", "sign-flip"]
Basis = Literal["paired ratios", "ratio of means", "undefined"]

MIN_N = 3  # replicates from which there are intervals
MIN_TEST = 4  # and tests: three pairs may well lie in one mode each of two, and look like an effect
MIN_FIELLER = 5  # replicates from which Fieller's interval holds, if no more than half of either side are 0
IDENTICAL = 1e-12  # relative spread of ratios that only rounding explains


@frozen(kw_only=True)
class Estimate:
    """A number from `n` replicates with its interval and how that came about.

    `t`, `skewed t`, `order` (of the median), `flips` (of the permutation test), `fieller` (of a ratio of means): an
    interval at the level asked for. `range`: smallest to largest, n being too small for one. `exact`: all replicates
    agree, there is nothing to estimate. `single`: n = 1 of a cell that draws random numbers, no interval. `fixed`:
    nothing is random, one run is all there is. `modes`: the replicates fall into the `modes`, whose common mean would
    describe none: no value. `wide`: too wide for an interval of the mean. `none`: no interval, or no value.
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


@frozen(kw_only=True)
class Comparison(Estimate):
    """A ratio to a baseline. `basis` says of what; `p` is before, `p_holm` after correction over the table.

    Interval and p come from one statistic: at the level 0.95 the interval leaves out 1 exactly where p < 0.05.
    """

    basis: Basis = "paired ratios"
    p: float | None = None
    p_holm: float | None = None


def named_rng(*name: str) -> np.random.Generator:
    """A generator that depends on nothing but the name."""
    digest = hashlib.sha256("\0".join(name).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "little"))


def summarise(
    values: Sequence[float],
    statistic: Statistic = "mean",
    confidence: float = 0.95,
    random: bool = True,
    alike: bool = True,
) -> Estimate:
    """Mean, geometric mean (of values above 0) or median, with its interval.

    `random`: whether anything in the cell draws random numbers. `alike`: the values are replicates of one cell; else
    unlike cells are pooled, and that they differ says nothing. Replicates in several modes have no value, nor have
    values that are not finite.
    """
    data = np.asarray(values, dtype=float)
    shown = tuple(data.tolist())
    if not np.all(np.isfinite(data)):
        return Estimate(n=data.size, value=None, replicates=shown, flags=("not finite",))
    if data.size == 0:
        return Estimate(n=0, value=None)
    modes = modes_of(data) if alike else ()
    if len(modes) > 1:
        return Estimate(n=data.size, value=None, how="modes", replicates=shown, modes=modes, flags=flags_of(modes))
    if statistic == "geometric" and np.min(data) <= 0:
        return Estimate(n=data.size, value=None, replicates=shown, modes=modes)
    found = _summary(data, statistic, confidence, alike)
    if found.value is None or not math.isfinite(found.value):
        return Estimate(n=data.size, value=None, replicates=shown, flags=("not finite",))
    how: How = "fixed" if found.how == "single" and not random else found.how
    return replace(found, how=how, replicates=shown, modes=modes)


def compare(
    values: Sequence[float],
    base: Sequence[float],
    rng: np.random.Generator,
    statistic: Statistic = "mean",
    confidence: float = 0.95,
    test: Test = "t",
    random: bool = True,
    alike: bool = True,
) -> Comparison:
    """Ratio of `values` to `base`, element i of both from the same replicate.

    Geometric mean (or median) of the paired ratios. If some replicate is not above 0 that ratio does not exist: then
    the ratio of the means, p from the differences. If the baseline's mean is not above 0 there is no ratio at all.
    """
    a, b = np.asarray(values, dtype=float), np.asarray(base, dtype=float)
    if a.shape != b.shape:
        raise ValueError(f"paired samples differ in length: {a.size} and {b.size}")
    if not (np.all(np.isfinite(a)) and np.all(np.isfinite(b))):
        return Comparison(n=a.size, value=None, flags=("not finite",), basis="undefined")
    if a.size == 0:
        return Comparison(n=0, value=None)
    single: How = "single" if random else "fixed"
    if np.array_equal(a, b):  # also 0 against 0
        ones = (1.0,) * a.size
        return Comparison(
            n=a.size, value=1.0, low=1.0, high=1.0, how="exact" if a.size > 1 else single, replicates=ones
        )
    if np.mean(b) <= 0:
        return Comparison(n=a.size, value=None, basis="undefined")
    if np.min(a) <= 0 or np.min(b) <= 0:
        if alike and max(len(modes_of(a)), len(modes_of(b))) > 1:
            return Comparison(n=a.size, value=None, how="modes", flags=("modes",), basis="ratio of means")
        found = _ratio_of_means(a, b, confidence, single)
        finite = found.value is not None and math.isfinite(found.value)
        return found if finite else Comparison(n=a.size, value=None, flags=("not finite",), basis="undefined")
    logs = np.log(a) - np.log(b)
    with np.errstate(over="ignore"):
        ratios = tuple((a / b).tolist())
    if not np.all(np.isfinite(ratios)):
        return Comparison(n=a.size, value=None, flags=("not finite",), basis="undefined")
    modes = modes_of(ratios, step=0.0) if alike else ()
    if len(modes) > 1:
        return Comparison(n=a.size, value=None, how="modes", replicates=ratios, modes=modes, flags=flags_of(modes))
    if statistic != "median" and a.size >= MIN_N and alike and quiet(np.log(a), np.log(b)):
        found = _one_noise(ratios, logs, confidence)
    else:
        found = _paired_logs(ratios, logs, rng, statistic, confidence, test)
    return replace(found, how=single if a.size == 1 else found.how, replicates=ratios, modes=modes)


def difference(
    values: Sequence[float], base: Sequence[float], confidence: float = 0.95, random: bool = True
) -> Estimate:
    """Mean of `values` less `base`, element i of both from the same replicate, with Student's t interval.

    Paired noise of one kind is symmetric in the difference, whatever it is in each.
    """
    data = np.asarray(values, dtype=float) - np.asarray(base, dtype=float)
    n, shown, modes = data.size, tuple(data.tolist()), modes_of(data)
    if len(modes) > 1:
        return Estimate(n=n, value=None, how="modes", replicates=shown, modes=modes, flags=flags_of(modes))
    centre = float(np.mean(data))
    if n == 1:
        return Estimate(n=1, value=centre, how="single" if random else "fixed", replicates=shown)
    if np.ptp(data) <= IDENTICAL * abs(centre):
        return Estimate(n=n, value=centre, low=centre, high=centre, how="exact", replicates=shown)
    low, high, how = _t(data, confidence)
    return Estimate(n=n, value=centre, low=low, high=high, how=how, replicates=shown)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's step-down adjusted p-values over one family, in the order given; None (no test made) stays None."""
    order = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, i) in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * p))
        adjusted[i] = largest
    return adjusted


def smallest_p(n: int, statistic: Statistic = "mean", test: Test = "t") -> float:
    """The smallest p that the test of this statistic can give with n pairs."""
    if statistic != "median" and test == "t":
        return 0.0
    exact = statistic == "median" or n <= intervals.MAX_EXACT_SUBSETS
    return 2.0 ** (1 - n) if exact else 2 / (intervals.SUBSETS + 1)


def least_tested(statistic: Statistic, test: Test, confidence: float) -> int:
    """Replicates from which a ratio is tested."""
    return max(MIN_TEST, least_n(statistic, test, confidence))


def least_n(statistic: Statistic, test: Test, confidence: float) -> int:
    """Replicates from which there are intervals of a ratio at this level."""
    if statistic == "median" or test == "sign-flip":
        return intervals.smallest_median_n(confidence)
    return MIN_N


def _summary(data: np.ndarray, statistic: Statistic, confidence: float, alike: bool) -> Estimate:
    n = data.size
    logs = np.log(data) if statistic == "geometric" else data
    centre = float(np.median(data) if statistic == "median" else np.mean(data))
    if n == 1:
        return Estimate(n=1, value=centre, how="single")
    if np.ptp(data) <= IDENTICAL * abs(centre):
        return Estimate(n=n, value=float(data[0]), low=float(data[0]), high=float(data[0]), how="exact")
    if statistic == "geometric":
        low, high, how = _t(logs, confidence)
        return Estimate(n=n, value=_exp(float(np.mean(logs))), low=_exp(low), high=_exp(high), how=how)
    if statistic == "median":
        low, high, how = _order(data, confidence)
        return Estimate(n=n, value=centre, low=low, high=high, how=how)
    if alike and n >= MIN_N and bool(wide(data)):
        return Estimate(n=n, value=centre, how="wide", flags=("wide",))
    if n < MIN_N:
        return Estimate(n=n, value=centre, low=float(np.min(data)), high=float(np.max(data)), how="range")
    low, high = map(float, intervals.mean_interval(data, confidence))
    low = max(low, 0.0) if np.min(data) >= 0 else low  # what is never negative has no negative mean
    return Estimate(n=n, value=centre, low=low, high=high, how="skewed t")


def _paired_logs(
    ratios: tuple[float, ...],
    logs: np.ndarray,
    rng: np.random.Generator,
    statistic: Statistic,
    confidence: float,
    test: Test,
) -> Comparison:
    n, p = logs.size, None
    value = _exp(float(np.median(logs) if statistic == "median" else np.mean(logs)))
    if n == 1:
        return Comparison(n=1, value=ratios[0])
    if np.ptp(logs) <= IDENTICAL:
        return Comparison(n=n, value=ratios[0], low=ratios[0], high=ratios[0], how="exact")
    if n < least_n(statistic, test, confidence):
        return Comparison(n=n, value=value, low=_exp(np.min(logs)), high=_exp(np.max(logs)), how="range")
    how: How
    if statistic == "median":
        low, high, how = _order(logs, confidence)
        p = intervals.median_p(logs)
    elif test == "sign-flip":
        (low, high, p), how = intervals.sign_flips(logs, rng, confidence), "flips"
    else:
        low, high, how = _t(logs, confidence)
        p = float(intervals.t_p(logs)) if n >= MIN_TEST else None
    return Comparison(n=n, value=value, low=_exp(low), high=_exp(high), how=how, p=p)


def _one_noise(ratios: tuple[float, ...], logs: np.ndarray, confidence: float) -> Comparison:
    """The ratio where one cell has no noise: its skew counts, as that of a mean does, and no test holds its level."""
    value, n = _exp(float(np.mean(logs))), logs.size
    if np.ptp(logs) <= IDENTICAL:
        return Comparison(n=n, value=ratios[0], low=ratios[0], high=ratios[0], how="exact")
    low, high = map(float, intervals.mean_interval(logs, confidence))
    return Comparison(n=n, value=value, low=_exp(low), high=_exp(high), how="skewed t", flags=("quiet",))


def _ratio_of_means(a: np.ndarray, b: np.ndarray, confidence: float, single: How) -> Comparison:
    n, ratio = a.size, float(np.mean(a) / np.mean(b))
    whole = Comparison(n=n, value=ratio, basis="ratio of means")
    if n == 1:
        return replace(whole, how=single)
    if np.ptp(a) == 0 and np.ptp(b) == 0:
        return replace(whole, low=ratio, high=ratio, how="exact")
    if n < MIN_FIELLER or max(np.mean(a == 0), np.mean(b == 0)) > 0.5 or np.ptp(a - b) == 0:
        return whole
    low, high = (float(bound) for bound in intervals.ratio_of_means_interval(a, b, confidence))
    if not (math.isfinite(low) and math.isfinite(high)):  # the baseline may well be 0, and the ratio anything
        return whole
    return replace(whole, low=low, high=high, how="fieller", p=float(intervals.t_p(a - b)))


def _t(x: np.ndarray, confidence: float) -> tuple[float, float, How]:
    if x.size < MIN_N:
        return float(np.min(x)), float(np.max(x)), "range"
    low, high = intervals.t_interval(x, confidence)
    return float(low), float(high), "t"


def _order(x: np.ndarray, confidence: float) -> tuple[float, float, How]:
    if x.size < intervals.smallest_median_n(confidence):
        return float(np.min(x)), float(np.max(x)), "range"
    low, high = intervals.median_interval(x, confidence)
    return float(low), float(high), "order"


def _exp(log: float) -> float:
    """exp, infinite where a float cannot hold it."""
    return math.exp(log) if log < 709 else math.inf
