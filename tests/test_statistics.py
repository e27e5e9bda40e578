"""The simulation behind docs/statistics.md, small: the methods in use hold what the page says of them."""

import re
from pathlib import Path

import numpy as np
import pytest

from benchmarks import statistics
from benchmarks.statistics_before import bca_interval, flip_p
from mmrun.runner.report import intervals, shape

ROOT = Path(__file__).resolve().parents[1]
HARMLESS = ("normal, cv 5 %", "lognormal, s 0.2", "heavy tails (t, 3 degrees), cv 9 %", "Poisson, mean 3")
ALIKE = ("normal, cv 5 %, both", "normal, one baseline for all", "lognormal, s 1, both", "heavy tails, both",
         "one-sided, both")  # fmt: skip


def cells(lines: list[str], name: str) -> list[float]:
    """The percentages after the arrow in a row of a table; dashes left out."""
    line = next(line for line in lines if line.startswith(f"| {name} |"))
    return [float(found) for found in re.findall(r"\*\*([\d.]+)\*\*", line)]


@pytest.fixture(scope="module")
def means() -> list[str]:
    return statistics.coverage(statistics.VALUES, 6000, of_means=True)


@pytest.fixture(scope="module")
def ratios() -> list[str]:
    return statistics.coverage(statistics.RATIOS, 6000, of_means=False)


def test_intervals_of_means_hold_what_they_say(means: list[str]):
    for name in (*HARMLESS, "one-sided (exponential), cv 5 %"):
        assert all(92.0 <= held <= 98.2 for held in cells(means, name)), name


def test_intervals_of_ratios_hold_what_they_say(ratios: list[str]):
    for name in ALIKE:
        assert all(93.5 <= held <= 97.5 for held in cells(ratios, name)), name
    for name in ("heavy tails, one", "one-sided, one (the other without noise)"):
        assert all(91.7 <= held <= 98 for held in cells(ratios, name)), name


def test_an_unseen_world_is_not_covered_but_the_one_seen_is(means: list[str]):
    assert max(cells(means, "rare jump, 90 and 10 %, x 3: mean of both")) < 18, "14 at n = 3, else next to nothing"
    assert all(92 <= held <= 98 for held in cells(means, "rare jump: mean of the mode seen")[:4])


def test_families_of_true_nulls_are_seldom_rejected():
    lines = statistics.families(600)
    for name in ALIKE:
        assert all(0.5 <= false <= 8 for false in cells(lines, name)) and len(cells(lines, name)) == 3, name
    assert all(false <= 8 for name in ("two modes, both", "rare jump, both") for false in cells(lines, name))
    assert all(not cells(lines, noise.name) for noise in statistics.RATIOS if noise.quiet), "of these there is no test"


def test_flags_are_rare_over_harmless_noise_and_sure_over_two_worlds():
    rng = np.random.default_rng(8)
    for noise in statistics.VALUES:
        x = np.sort(noise.draw(rng, (4000, 1, 8))[:, 0], axis=-1)
        told = shape.apart(x)[0] | shape.apart(x, 2)[0]
        both = (np.max(x, axis=-1) > 200) & (np.min(x, axis=-1) < 200)
        if noise.name.startswith(("two", "rare")):
            assert np.mean(told[both]) > 0.98
        else:
            assert np.mean(told) < 0.035, noise.name


def test_the_limits_of_gaps_are_what_one_normal_sample_in_a_thousand_exceeds():
    rng = np.random.default_rng(9)
    for cuts in (1, 2):  # in parts of one or two values no spread is as small as the least that is taken for one
        for n in range(3 + cuts, 10):
            x = np.sort(np.exp(rng.normal(0, 1, (60_000, n))), axis=-1)
            assert 0.0003 < np.mean(shape.apart(x, cuts)[0]) < 0.0022, (n, cuts)


def test_what_was_before_is_what_scipy_does():
    from scipy.stats import bootstrap

    rng = np.random.default_rng(4)
    x = rng.lognormal(0, 0.5, (1, 12))
    expected = bootstrap((x[0],), np.mean, n_resamples=9999, method="BCa", rng=rng).confidence_interval
    low, high = bca_interval(x, rng, 0.95)
    assert (low[0], high[0]) == (pytest.approx(expected.low, rel=0.03), pytest.approx(expected.high, rel=0.04))
    logs = rng.normal(0.3, 1, (3, 7))
    exact = [intervals.sign_flips(row, rng, 0.95)[2] for row in logs]
    assert flip_p(logs, rng) == pytest.approx(exact)


def test_until_by_the_pilot_holds_and_modes_take_all():
    normal, modes = statistics.VALUES[0], statistics.VALUES[7]
    assert all(held >= 89 for held in cells(statistics.stopping(200, [normal]), normal.name))
    lines = statistics.stopping(20, [modes])
    rare = next(line for line in lines if line.startswith("| two modes, 80 and 20 %"))
    assert rare.count("n 200") == 3


def test_the_page_holds_the_tables_of_the_simulation():
    page = statistics.PAGE.read_text(encoding="utf-8")
    assert statistics.PAGE == ROOT / "docs" / "statistics.md" and page.count(statistics.MARK) == 1
    for noise in (*statistics.VALUES, *statistics.RATIOS):
        assert f"| {noise.name} |" in page
