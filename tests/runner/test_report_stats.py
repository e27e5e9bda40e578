"""Statistics of replicates against hand-computed numbers, an independent BCa, brute force and simulation."""

import itertools
import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrun.runner.report.stats import MIN_BOOTSTRAP, compare, holm, named_rng, sign_flip, smallest_p, summarise

SKEWED = [2.1, 2.4, 2.2, 3.9, 2.0, 2.6, 7.5, 2.3, 3.1, 2.2, 2.8, 4.4]
positive = st.floats(0.1, 1e6)


def bca_by_the_book(data: np.ndarray, confidence: float, resamples: int) -> tuple[float, float]:
    """BCa interval of the mean, written from its definition with other random numbers."""
    rng, normal = np.random.default_rng(99), NormalDist()
    means = np.sort([rng.choice(data, data.size).mean() for _ in range(resamples)])
    bias = normal.inv_cdf(float(np.mean(means < data.mean()) + np.mean(means == data.mean()) / 2))
    jack = np.array([np.delete(data, i).mean() for i in range(data.size)])
    lean = jack.mean() - jack
    acceleration = np.sum(lean**3) / (6 * np.sum(lean**2) ** 1.5)
    quantiles = []
    for tail in ((1 - confidence) / 2, (1 + confidence) / 2):
        z = bias + normal.inv_cdf(tail)
        quantiles.append(normal.cdf(bias + z / (1 - acceleration * z)))
    low, high = np.quantile(means, quantiles)
    return float(low), float(high)


def test_the_interval_of_a_mean_is_bca():
    estimate = summarise(SKEWED, named_rng("x"))
    low, high = bca_by_the_book(np.array(SKEWED), 0.95, 40_000)
    assert estimate.how == "bca" and estimate.value == pytest.approx(np.mean(SKEWED))
    assert estimate.low == pytest.approx(low, abs=0.05) and estimate.high == pytest.approx(high, abs=0.12)
    assert estimate.high - estimate.value > estimate.value - estimate.low, "skew to the right must show"


def test_the_interval_equals_scipys_with_the_same_random_numbers():
    from scipy.stats import bootstrap

    expected = bootstrap(
        (np.array(SKEWED),), np.mean, n_resamples=4_999, method="BCa", rng=named_rng("x")
    ).confidence_interval
    estimate = summarise(SKEWED, named_rng("x"))
    assert (estimate.low, estimate.high) == (expected.low, expected.high)


def test_intervals_cover_as_often_as_they_say():
    """24 lognormal pairs, 200 times: the true ratio 1.2 lies inside about 95 times in 100."""
    rng, inside, rejected = np.random.default_rng(5), 0, 0
    for trial in range(200):
        base = rng.lognormal(0, 0.3, 24)
        ratio = compare(base * 1.2 * rng.lognormal(0, 0.1, 24), base, named_rng("coverage", str(trial)))
        inside += ratio.low <= 1.2 <= ratio.high
        null = compare(base * rng.lognormal(0, 0.1, 24), base, named_rng("null", str(trial)), test="t")
        rejected += null.p < 0.05
    assert 180 <= inside <= 198
    assert 2 <= rejected <= 20


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


def test_sign_flips_by_hand():
    assert sign_flip(np.array([1.0, 2.0, 3.0]), named_rng()) == 2 / 8
    assert sign_flip(np.array([1.0, 2.0, -3.0]), named_rng()) == 1.0
    assert sign_flip(np.array([1.0, 1.0, 1.0, 1.0, -1.0]), named_rng()) == pytest.approx(12 / 32)


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=8))
def test_sign_flips_equal_brute_force(x: list[int]):
    sums = [
        abs(sum(s * v for s, v in zip(signs, x, strict=True))) for signs in itertools.product((-1, 1), repeat=len(x))
    ]
    expected = sum(s >= abs(sum(x)) for s in sums) / len(sums)
    assert sign_flip(np.array(x, dtype=float), named_rng()) == pytest.approx(expected)


def test_many_pairs_are_flipped_at_random_and_agree_with_the_exact_test():
    x = np.random.default_rng(3).normal(0.25, 1, 16)
    exact = sign_flip(x, named_rng("a"))
    sampled = sign_flip(np.append(x, 0.0), named_rng("a"))  # a zero changes no sum, but makes 17
    assert sampled == pytest.approx(exact, abs=0.006) and sampled != exact
    assert sign_flip(np.full(20, 1.0), named_rng("b")) < 1e-4


def test_smallest_p():
    assert [smallest_p(5), smallest_p(8), smallest_p(5, "t")] == [2 / 32, 2 / 256, 0.0]
    assert sign_flip(np.array([1.0, 1.1, 1.2, 1.3, 1.4]), named_rng()) == smallest_p(5)


def test_identical_replicates_are_exact():
    ratio = compare([30.0, 60.0, 90.0], [10.0, 20.0, 30.0], named_rng())
    assert (ratio.how, ratio.value, ratio.low, ratio.high, ratio.p) == ("exact", 3.0, 3.0, 3.0, None)
    assert summarise([7.0, 7.0], named_rng()).how == "exact"
    assert compare([0.0, 0.0], [0.0, 0.0], named_rng()).value == 1.0


def test_few_replicates_give_a_range_and_no_test():
    few = compare([1.1, 2.4], [1.0, 2.0], named_rng())
    assert (few.how, few.low, few.high, few.p) == ("range", pytest.approx(1.1), pytest.approx(1.2), None)
    one = compare([3.0], [2.0], named_rng())
    assert (one.how, one.value, one.low, one.p) == ("single", pytest.approx(1.5), None, None)
    assert summarise([], named_rng()).value is None


def test_zeros_are_not_hidden():
    nothing = compare([1.0, 2.0, 3.0], [0.0, 0.0, 0.0], named_rng())
    assert nothing.value is None and nothing.basis == "undefined"
    some = compare([0.0, 2, 3, 1, 2, 4], [1.0, 2, 5, 3, 2, 7], named_rng())
    assert some.basis == "ratio of means" and some.value == pytest.approx(12 / 20)
    assert some.low < 0.6 < some.high and some.p == sign_flip(np.array([-1.0, 0, -2, -2, 0, -3]), named_rng())


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(positive, positive), min_size=MIN_BOOTSTRAP, max_size=9))
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
    assert ratio.high - ratio.low < 0.05 and ratio.p == pytest.approx(2 / 2**10)


def test_equal_names_give_equal_numbers():
    assert summarise(SKEWED, named_rng("a", "b")) == summarise(SKEWED, named_rng("a", "b"))
    assert summarise(SKEWED, named_rng("a", "b")) != summarise(SKEWED, named_rng("ab"))


def test_unequal_samples_are_refused():
    with pytest.raises(ValueError, match="differ in length: 2 and 1"):
        compare([1.0, 2.0], [1.0], named_rng())


def test_the_median_has_a_percentile_interval():
    estimate = summarise(SKEWED, named_rng(), "median")
    assert estimate.how == "percentile" and estimate.value == pytest.approx(2.5)
    assert 2.1 <= estimate.low < 2.5 < estimate.high <= 4.4


def test_replicates_in_two_worlds_have_no_mean():
    low = [7_408.0, 7_440.0, 7_444.0, 7_446.0, 7_449.0, 7_395.0]
    both = summarise([*low, 98_000.0, 99_100.0], named_rng())
    assert (both.value, both.low, both.how, both.flags) == (None, None, "modes", ("modes",))
    assert [(mode.count, mode.value) for mode in both.modes] == [(6, 7_442.0), (2, 98_550.0)]
    assert both.replicates == (*low, 98_000.0, 99_100.0)
    assert summarise([*low, 98_000.0], named_rng()).flags == ("outlier",)
    assert [mode.count for mode in summarise(low, named_rng()).modes] == [6]


def test_one_run_of_a_cell_without_randomness_is_no_lack():
    assert summarise([3.0], named_rng(), random=False).how == "fixed"
    assert compare([3.0], [2.0], named_rng(), random=False).how == "fixed"
    assert summarise([3.0], named_rng()).how == "single"
