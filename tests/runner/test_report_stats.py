"""Statistics of replicates against hand-computed numbers, scipy, brute force, and what must hold of any numbers."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrun.runner.report import intervals
from mmrun.runner.report.shape import modes_of
from mmrun.runner.report.stats import compare, difference, holm, least_n, least_tested, named_rng, smallest_p, summarise

SKEWED = [2.1, 2.4, 2.2, 3.9, 2.0, 2.6, 7.5, 2.3, 3.1, 2.2, 2.8, 4.4]
positive = st.floats(0.1, 1e6)
any_number = st.floats(-1e300, 1e300) | st.sampled_from([0.0, math.nan, math.inf, -math.inf, 1.0])
METHODS = [("mean", "t"), ("mean", "sign-flip"), ("geometric", "t"), ("median", "t")]


def test_few_replicates_have_a_t_interval_by_hand():
    estimate = summarise([9.0, 10.0, 11.0])
    assert (estimate.how, estimate.value) == ("skewed t", 10.0)
    half = 5.2038769 / math.sqrt(3)  # t for 2 degrees of freedom at 96.5 %: 70 % of the error
    assert (estimate.low, estimate.high) == (pytest.approx(10 - half), pytest.approx(10 + half))


def test_the_interval_of_a_mean_leans_with_the_skew():
    estimate = summarise(SKEWED)
    assert estimate.how == "skewed t"
    low, high = (float(bound) for bound in intervals.t_interval(np.array(SKEWED), 0.95))
    assert low < estimate.low and high < estimate.high, "skew to the right moves both bounds to the right"
    mirrored = summarise([-x for x in SKEWED])
    assert (mirrored.low, mirrored.high) == (pytest.approx(-estimate.high), pytest.approx(-estimate.low))


def test_the_corrected_bounds_are_where_halls_cubic_meets_the_quantile():
    x = np.array(SKEWED)
    n, low, high = x.size, *intervals.skewed_t_interval(x, 0.95)
    g = intervals.SKEW_SHARE * np.mean((x - x.mean()) ** 3) / np.mean((x - x.mean()) ** 2) ** 1.5
    for bound, expected in ((low, 2.200985160082949), (high, -2.200985160082949)):  # t for 11 degrees of freedom
        t = (x.mean() - bound) / x.std(ddof=1)
        assert math.sqrt(n) * (t + g * t**2 / 3 + g**2 * t**3 / 27 + g / (6 * n)) == pytest.approx(expected)
    symmetric = np.array([1.0, 2, 3, 4, 5, 6, 7, 8])
    assert np.allclose(intervals.skewed_t_interval(symmetric, 0.95), intervals.t_interval(symmetric, 0.95))


def test_t_and_its_interval_equal_scipys():
    from scipy.stats import ttest_1samp

    x = np.log(SKEWED)
    found = ttest_1samp(x, 0.7)
    assert intervals.t_p(x - 0.7) == pytest.approx(found.pvalue)
    assert intervals.t_interval(x, 0.9) == pytest.approx(tuple(found.confidence_interval(0.9)))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-2, 2), min_size=3, max_size=12, unique=True), st.sampled_from(METHODS))
def test_an_interval_leaves_out_one_exactly_where_p_is_below_the_level(logs: list[float], method: tuple):
    base = [7.0 + i for i in range(len(logs))]
    ratio = compare([b * math.exp(x) for b, x in zip(base, logs, strict=True)], base, named_rng("x"), method[0],
                    test=method[1])  # fmt: skip
    if ratio.p is None:
        assert ratio.how in ("range", "exact", "modes") or len(logs) < 4 or "quiet" in ratio.flags
        return
    assert (ratio.low > 1 or ratio.high < 1) == (ratio.p < 0.05) or abs(ratio.p - 0.05) < 1e-9


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=3, max_size=12))
def test_so_it_does_where_some_replicates_are_zero(pairs: list[tuple[int, int]]):
    ratio = compare([p[0] for p in pairs], [p[1] for p in pairs], named_rng("z"))
    if ratio.p is not None:
        assert (ratio.low > 1 or ratio.high < 1) == (ratio.p < 0.05) or abs(ratio.p - 0.05) < 1e-9


def test_fiellers_interval_is_where_the_difference_is_not_significant():
    from scipy.stats import ttest_1samp

    a, b = np.array([0.0, 2, 3, 1, 2, 4]), np.array([4.0, 5, 5, 4, 5, 7])
    low, high = intervals.ratio_of_means_interval(a, b, 0.95)
    for bound in (low, high):
        assert ttest_1samp(a - bound * b, 0).pvalue == pytest.approx(0.05)
    assert np.all(np.isnan(intervals.ratio_of_means_interval(a, np.array([0.0, 0, 0, 0, 0, 1]), 0.95)))


@pytest.mark.parametrize("n", [6, 7, 8, 11, 20])
def test_the_median_lies_between_order_statistics(n: int):
    assert intervals.smallest_median_n(0.95) == 6
    rng = np.random.default_rng(n)
    low, high = intervals.median_interval(rng.exponential(1, (40_000, n)), 0.95)
    assert np.mean((low <= math.log(2)) & (math.log(2) <= high)) == pytest.approx(0.95, abs=0.006)
    with pytest.raises(ValueError, match="5 values"):
        intervals.median_interval(np.arange(5.0), 0.95)


def test_a_median_of_few_has_a_range_and_no_test():
    few = compare([1.1, 2.4, 3.9, 4.0, 5.5], [1.0, 2.0, 3.0, 4.1, 5.0], named_rng(), "median")
    assert (few.how, few.p) == ("range", None) and least_n("median", "t", 0.95) == 6
    assert summarise(SKEWED, "median").value == pytest.approx(2.5)


def test_the_geometric_mean_is_that_of_the_logarithms():
    estimate = summarise([1.0, 10.0, 100.0], "geometric")
    half = 4.302652729911275 / math.sqrt(3) * math.log(10)
    assert estimate.value == pytest.approx(10) and estimate.high == pytest.approx(10 * math.exp(half))
    assert summarise([0.0, 1.0, 2.0], "geometric").value is None, "a zero has no logarithm"


def test_paired_differences_have_the_interval_of_the_paired_t_test():
    from scipy.stats import ttest_rel

    values, base = [110.0, 131.0, 118.0, 152.0], [100.0, 127.0, 119.0, 138.0]
    found, wanted = difference(values, base), ttest_rel(values, base).confidence_interval(0.95)
    assert (found.value, found.how, found.n) == (6.75, "t", 4)
    assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high))
    assert difference([5, 6], [5, 6]).how == "exact" and difference([5], [3], random=False).how == "fixed"
    assert difference([5, 9], [3, 4]).how == "range"
    assert difference([1e6, 1.01e6, 0.99e6, 5e9, 5.1e9, 4.9e9], [0.0] * 6).how == "modes"


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.01, None, 0.02]) == [pytest.approx(0.02), None, pytest.approx(0.02)]
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_keeps_the_order_and_lies_between_p_and_bonferroni(p: list[float]):
    adjusted = holm(p)
    for raw, corrected in zip(p, adjusted, strict=True):
        assert raw <= corrected <= 1 and corrected <= 1
    ranked = [adjusted[i] for i in np.argsort(p, kind="stable")]
    assert ranked == sorted(ranked)
    assert min(adjusted) == pytest.approx(min(1.0, min(p) * len(p)))


def flips(x: list[float]) -> float:
    return intervals.sign_flips(np.array(x, dtype=float), named_rng("a"), 0.95)[2]


def test_sign_flips_by_hand():
    assert flips([1, 2, 3]) == 2 / 8 and flips([1, 2, -3]) == 1.0
    assert flips([1, 1, 1, 1, -1]) == pytest.approx(12 / 32)
    assert flips([1.0, 1.1, 1.2, 1.3, 1.4]) == smallest_p(5, test="sign-flip") == 2 / 32


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=8))
def test_sign_flips_equal_brute_force(x: list[int]):
    sums = [
        abs(sum(s * v for s, v in zip(signs, x, strict=True))) for signs in itertools.product((-1, 1), repeat=len(x))
    ]
    expected = sum(s >= abs(sum(x)) for s in sums) / len(sums)
    assert flips(x) == pytest.approx(expected)


def test_many_pairs_are_flipped_at_random_and_agree_with_the_exact_test():
    x = np.random.default_rng(3).normal(0.25, 1, 16).tolist()
    assert flips([*x, 0.0]) == pytest.approx(flips(x), abs=0.006) and flips([*x, 0.0]) != flips(x)
    assert flips([1.0] * 20) < 1e-4


def test_identical_replicates_are_exact():
    ratio = compare([30.0, 60.0, 90.0], [10.0, 20.0, 30.0], named_rng())
    assert (ratio.how, ratio.value, ratio.low, ratio.high, ratio.p) == ("exact", 3.0, 3.0, 3.0, None)
    assert summarise([7.0, 7.0]).how == "exact"
    assert compare([0.0, 0.0], [0.0, 0.0], named_rng()).value == 1.0


def test_two_replicates_give_a_range_and_no_test():
    few = compare([1.1, 2.4], [1.0, 2.0], named_rng())
    assert (few.how, few.low, few.high, few.p) == ("range", pytest.approx(1.1), pytest.approx(1.2), None)
    assert summarise([1.0, 2.0]).how == "range"
    one = compare([3.0], [2.0], named_rng())
    assert (one.how, one.value, one.low, one.p) == ("single", pytest.approx(1.5), None, None)
    assert summarise([]).value is None


def test_zeros_are_not_hidden():
    nothing = compare([1.0, 2.0, 3.0], [0.0, 0.0, 0.0], named_rng())
    assert nothing.value is None and nothing.basis == "undefined"
    some = compare([0.0, 2, 3, 1, 2, 4], [1.0, 2, 5, 3, 2, 7], named_rng())
    assert some.basis == "ratio of means" and some.value == pytest.approx(12 / 20) and some.how == "fieller"
    assert some.low < 0.6 < some.high and some.p == pytest.approx(
        float(intervals.t_p(np.array([-1.0, 0, -2, -2, 0, -3])))
    )
    three = compare([2.0, 3, 4], [0.0, 2, 3], named_rng())
    assert three.value == pytest.approx(9 / 5) and (three.how, three.p) == ("none", None), "the baseline may well be 0"
    assert compare([1.0, 2, 3], [-1.0, -2, -3], named_rng()).basis == "undefined"
    assert compare([-1.0, 2, 3, 4, 5], [1.0, 2, 3, 4, 5.1], named_rng()).basis == "ratio of means"


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_has_no_mean_and_no_ratio(bad: float):
    assert summarise([1.0, bad, 3, 4, 5]).flags == ("not finite",)
    for pair in (([1.0, bad, 3, 4, 5], [1.0, 2, 3, 4, 6]), ([1.0, 2, 3], [1.0, bad, 3])):
        ratio = compare(*pair, named_rng())
        assert (ratio.value, ratio.p, ratio.flags) == (None, None, ("not finite",))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(any_number, any_number), max_size=9), st.sampled_from(METHODS))
@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid", "ignore:divide")
def test_no_numbers_break_it_and_none_come_out_that_mean_nothing(pairs: list[tuple[float, float]], method: tuple):
    values, base = [p[0] for p in pairs], [p[1] for p in pairs]
    for found in (summarise(values, method[0]), compare(values, base, named_rng("w"), method[0], test=method[1])):
        assert found.value is None or math.isfinite(found.value)
        assert (found.low is None) == (found.high is None)
        assert found.low is None or (not math.isnan(found.low) and found.low <= found.high)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(positive, positive), min_size=3, max_size=9))
def test_a_ratio_turned_round_is_its_reciprocal(pairs: list[tuple[float, float]]):
    a, b = [p[0] for p in pairs], [p[1] for p in pairs]
    there, back = compare(a, b, named_rng("r")), compare(b, a, named_rng("r"))
    assert [mode.count for mode in there.modes] == [mode.count for mode in reversed(back.modes)]
    if len(there.modes) > 1:
        assert there.value is None and back.value is None
        return
    assert there.value * back.value == pytest.approx(1)
    assert (there.p is None) == (back.p is None) and (there.p is None or there.p == pytest.approx(back.p))
    assert there.value == pytest.approx(math.exp(np.mean(np.log(np.array(a) / np.array(b)))))


def test_pairing_matters():
    """Noise that both share drops out of the ratio."""
    noise = np.random.default_rng(1).lognormal(0, 1, 10)
    own = np.random.default_rng(2).lognormal(0, 0.01, 10)
    ratio = compare(noise * 1.1 * own, noise, named_rng())
    assert ratio.high - ratio.low < 0.05 and ratio.p < 1e-6


def test_unequal_samples_are_refused():
    with pytest.raises(ValueError, match="differ in length: 2 and 1"):
        compare([1.0, 2.0], [1.0], named_rng())


def test_replicates_in_two_worlds_have_no_mean():
    low = [7_408.0, 7_440.0, 7_444.0, 7_446.0, 7_449.0, 7_395.0]
    both = summarise([*low, 98_000.0, 99_100.0])
    assert (both.value, both.low, both.how, both.flags) == (None, None, "modes", ("modes",))
    assert [(mode.count, mode.value) for mode in both.modes] == [(6, 7_442.0), (2, 98_550.0)]
    assert both.replicates == (*low, 98_000.0, 99_100.0)
    assert summarise([*low, 98_000.0]).flags == ("outlier",)
    assert [mode.count for mode in summarise(low).modes] == [6]
    base = [7_440.0] * 8
    ratio = compare([*low, 98_000.0, 99_100.0], base, named_rng())
    assert (ratio.value, ratio.p, [mode.count for mode in ratio.modes]) == (None, None, [6, 2])
    mixed = compare([0.0, *low, 98_000.0], [0.0, *base[:7]], named_rng())
    assert (mixed.value, mixed.how) == (None, "modes"), "nor has a ratio of means, where a replicate is 0"


def test_three_worlds_are_three():
    values = [10.0, 10.1, 10.2, 100.0, 101.0, 99.5, 1000.0, 1001.0, 1003.0]
    assert [mode.count for mode in modes_of(values)] == [3, 3, 3]


@pytest.mark.parametrize(
    "values", [[0, 0, 0, 0, 1], [3, 4, 3, 3, 4, 4], [1000, 1000, 1000, 1001], [5, 5, 5], [1, 1000]]
)
def test_whole_numbers_next_to_each_other_are_no_worlds(values: list[int]):
    assert len(modes_of(values)) == 1


def test_unlike_cells_that_are_pooled_are_no_worlds_of_one():
    pooled = summarise([7.0, 7.1, 7.2, 900.0], alike=False)
    assert pooled.value == pytest.approx(230.325) and pooled.modes == ()


def test_replicates_that_differ_by_factors_have_a_mean_without_an_interval():
    values = [1.2, 3.1, 0.7, 5.9, 2.2, 14.0]
    spread = summarise(values)
    assert (spread.how, spread.low, spread.flags) == ("wide", None, ("wide",)) and spread.value is not None
    assert summarise(values, "geometric").how == "t" and compare(values, values[::-1], named_rng()).how == "t"
    assert summarise([1.0, 2, 3, 5, 2, 4]).how == "skewed t", "counts vary so"


def test_a_ratio_of_noise_to_none_has_the_interval_of_a_mean_and_no_test():
    values, logs = [95.2, 97.0, 103.1, 96.0, 110.4], intervals.mean_interval
    for base in ([50.0] * 5, [50.0, 50.01, 50.0, 49.99, 50.0]):
        ratio = compare(values, base, named_rng())
        low, high = logs(np.log(np.array(values) / np.array(base)), 0.95)
        assert (ratio.how, ratio.flags, ratio.p) == ("skewed t", ("quiet",), None)
        assert (ratio.low, ratio.high) == (pytest.approx(np.exp(low)), pytest.approx(np.exp(high)))
        back = compare(base, values, named_rng())
        assert (back.low, back.high) == (pytest.approx(1 / ratio.high), pytest.approx(1 / ratio.low))
    noisy = compare(values, [50.0, 51.0, 49.0, 52.0, 50.5], named_rng())
    assert noisy.how == "t" and noisy.p is not None and noisy.flags == ()
    assert compare([*values, 99.0], [50.0] * 6, named_rng(), "median").p is not None


def test_three_pairs_have_an_interval_and_no_test():
    three = compare([2.0, 2.2, 2.1], [1.0, 1.02, 0.99], named_rng())
    assert three.how == "t" and three.low is not None and three.p is None
    assert least_tested("mean", "t", 0.95) == 4 and least_n("mean", "t", 0.95) == 3


def test_one_run_of_a_cell_without_randomness_is_no_lack():
    assert summarise([3.0], random=False).how == "fixed"
    assert compare([3.0], [2.0], named_rng(), random=False).how == "fixed"
    assert summarise([3.0]).how == "single"


def test_what_is_never_negative_has_no_negative_bound():
    assert summarise([0.0, 0, 0, 0, 0, 1]).low == 0.0 and summarise([-1.0, 0, 0, 0, 0, 1]).low < 0
