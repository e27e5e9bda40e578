"""Dirty throttling's integer formulas against vectors computed apart from them."""

import pytest

from mmrun.model.core.integers import ilog2, quotient, roundup_pow_of_two
from mmrun.model.mm.dirty_throttling.dirty_pause import (
    first_dirtied_pause,
    first_max_pause,
    max_pause,
    min_pause,
    poll_interval,
    target_pause,
)
from mmrun.model.mm.writeback.dirty_ratelimit import (
    balanced_rate,
    cubic,
    damped_step,
    next_ratelimit,
    position_ratio,
    raw_step,
)
from mmrun.model.mm.writeback.page_writeback import FINE, dirtyable, old_ratelimit, ratelimit, thresholds
from mmrun.model.mm.writeback.wb_bandwidth import INIT_BW, next_bandwidth, next_limit
from mmrun.model.mm.writeback.wb_fraction import (
    FLEXIBLE_BASE,
    FLOATING_BASE,
    RATIO_SCALE,
    flexible_advance,
    flexible_fraction,
    flexible_may_count,
    floating_denominator,
    floating_may_count,
    floating_norm,
    period_shift,
    ratios_of,
    wb_share,
)

THRESH, BG, SETPOINT = 200_000, 100_000, 175_000
POSITIONS = """
150001 2045 2294 2298 18100 29608
160000 1244 1335 1336 11010 18008
170000 1031 1056 1056 9125 14928
175000 1024 1023 1023 9060 14824
180000 1016 991 990 8990 14712
190000 803 744 743 7105 11624
199999 2 1 1 15 24
"""


@pytest.mark.parametrize("row", POSITIONS.strip().splitlines())
def test_position_ratio_over_the_whole_range(row):
    dirty, globally, one, quarter, reserve, eightfold = map(int, row.split())
    assert cubic(SETPOINT, dirty, THRESH, True) == globally

    def ratio(wb_thresh, wb_dirty, bw):
        return position_ratio(THRESH, BG, THRESH, dirty, wb_thresh, wb_thresh // 2, wb_dirty, bw, True, True, False)

    assert ratio(THRESH, dirty, 25600) == one
    assert [ratio(50_000, wb_dirty, 6400) for wb_dirty in (dirty // 4, 5000, 3000)] == [quarter, reserve, eightfold]


def test_position_ratio_is_zero_at_the_limit():
    assert position_ratio(THRESH, BG, THRESH, THRESH, THRESH, BG, THRESH, 25600, True, True, False) == 0


def test_division_truncates_as_in_c():
    floored = ((SETPOINT - 190_000) << 10) // (THRESH - SETPOINT | 1)
    assert ((floored * floored >> 10) * floored >> 10) + 1024 == 802
    assert cubic(SETPOINT, 190_000, THRESH, True) == 803
    assert [quotient(-7, 2), quotient(7, 2), quotient(-8, 2)] == [-3, 3, -4]


def test_without_a_clamp_the_ratio_goes_beyond_two():
    assert cubic(SETPOINT, 100_000, THRESH, True) == 2048
    assert cubic(SETPOINT, 100_000, THRESH, False) > 20 * 1024


@pytest.mark.parametrize(
    ("wb_dirty", "ratio"),
    [(1000, 1244), (4000, 1244), (5000, 1151), (6000, 1024), (7000, 896), (7999, 5), (8000, 0)],
)
def test_strictlimit_decides_on_the_devices_own_numbers(wb_dirty, ratio):
    assert position_ratio(THRESH, BG, THRESH, 160_000, 8000, 4000, wb_dirty, 25600, True, False, True) == ratio


def test_a_nearly_clean_strictlimit_device_doubled_its_ratio_to_6_10():
    assert position_ratio(THRESH, BG, THRESH, 175_000, 8000, 4000, 7, 25600, True, True, True) == 2048
    assert position_ratio(THRESH, BG, THRESH, 175_000, 8000, 4000, 7, 25600, True, False, True) == 1024


def test_an_idle_device_counts_with_an_eighth_of_the_margin_to_6_10():
    def ratio(floor):
        return position_ratio(THRESH, BG, THRESH, 160_000, 0, 0, 100, 6400, True, floor, False)

    share = (5000 << 16) // (THRESH | 1)
    setpoint, span = SETPOINT * share >> 16, (THRESH - 5000 + 8 * 6400) * share >> 16
    assert ratio(True) == 1244 * (setpoint + span - 100) // (span | 1) * 8
    assert ratio(False) == 1244 // 4


RATES = """
25600 25600 1024 25600 5120 175000 25600 0 0 25600
25600 25600 512 25600 5120 180000 12800 0 0 25600
25600 12800 512 25600 10240 180000 6400 12799 800 24800
2560 25600 1536 25600 4000 160000 4916 1281 161 2721
2560 5120 1100 25600 5120 170000 2750 190 1 2561
25600 6000 200 1536 3000 190000 512 19600 2450 23150
"""


@pytest.mark.parametrize("row", RATES.strip().splitlines())
def test_base_rate_moves_in_confirmed_damped_steps(row):
    rl, before, ratio, bw, dirtied, dirty, balanced, raw, damped, after = map(int, row.split())
    found, task = balanced_rate(rl, ratio, bw, dirtied, 200, 1000, True)
    assert found == balanced
    step = raw_step(rl, before, found, task, dirty, SETPOINT)
    assert (step, damped_step(rl, step)) == (raw, damped)
    assert next_ratelimit(rl, before, ratio, bw, dirtied, 200, 1000, dirty, SETPOINT, True) == (after, balanced)


def test_damping_by_more_bits_than_a_word_has_stops():
    assert damped_step(25600, 1) == 0
    assert next_ratelimit(1, 1, 1, 1, 1 << 30, 200, 1000, SETPOINT, SETPOINT, True)[0] == 1


PAUSES = """
1000 25600 25600 200 10 250 6 2
1000 25600 2560 200 39 97 20 25
1000 25600 256 200 125 32 63 250
1000 25600 26 200 200 5 200 2461
1000 1536 1536 200 20 32 11 41
250 25600 25600 50 2 200 2 0
250 25600 2560 50 9 90 5 6
250 25600 256 50 31 32 16 62
250 25600 26 50 50 5 50 615
250 1536 1536 50 5 32 3 10
100 25600 25600 20 1 200 1 0
100 25600 2560 20 3 60 2 2
100 25600 256 20 12 32 7 25
100 25600 26 20 20 4 20 246
100 1536 1536 20 2 32 2 4
"""


@pytest.mark.parametrize("row", PAUSES.strip().splitlines())
def test_pauses_at_every_tick_rate(row):
    hz, bw, rl, longest, target, pages, shortest, period = map(int, row.split())
    assert max_pause(175_000, bw, hz) == longest
    assert min_pause(bw, rl, rl, longest, hz) == (shortest, pages, target)
    assert hz * 64 // rl == period


def test_a_small_pool_shortens_pauses():
    assert max_pause(0, 25600, 1000) == 1
    assert max_pause(1000, 25600, 1000) == 1000 // (1 + 25600 // 128) + 1 == 5


def test_pages_follow_the_task_rate_when_its_pause_would_be_too_long():
    shortest, pages, target = min_pause(25600, 2560, 256, 200, 1000)
    assert (target, pages, shortest) == (200, 256 * 200 // 1024, 101)
    assert target_pause(25600, 2560, 20, 1000) == 11


def test_below_freerun_a_task_looks_again_after_the_root_of_the_margin():
    margins = [(0, 200_000), (0, 1 << 16), (199_999, 200_000), (200_000, 200_000), (150_000, 200_000)]
    assert [poll_interval(*margin) for margin in margins] == [256, 256, 1, 1, 128]


def test_first_merged_form_adapts_pages_from_the_pause():
    assert first_max_pause(175_000, 25600, 25600, 1000) == 20
    assert first_max_pause(175_000, 25600, 256, 1000) == 20 + 6 * 20000 // 1024
    assert first_max_pause(100, 25600, 25600, 1000) == 4
    assert first_dirtied_pause(32, 5, 20, 32, 25600, 1000) == 128
    assert first_dirtied_pause(32, 20, 20, 32, 256, 1000) == 1 | 8
    assert first_dirtied_pause(32, 10, 20, 32, 256, 1000) == 32


@pytest.mark.parametrize(
    ("rate", "bws", "avgs"),
    [
        (1500, (24423, 20261, 16104, 10347, 4744, 2685), (25600, 24368, 21410, 14961, 6760, 3451)),
        (51200, (26850, 31266, 35677, 41787, 47734, 49920), (25600, 26907, 30047, 36890, 45595, 49107)),
    ],
)
def test_bandwidth_estimate_over_ticks(rate, bws, avgs):
    bw = avg = INIT_BW
    seen = {}
    for tick in range(1, 61):
        bw, avg = next_bandwidth(rate // 5, 200, bw, avg, 1000)
        seen[tick] = (bw, avg)
    assert [seen[tick] for tick in (1, 5, 10, 20, 40, 60)] == list(zip(bws, avgs, strict=True))


def test_an_estimate_older_than_its_period_is_replaced():
    assert next_bandwidth(5000, 5000, 25600, 25600, 1000) == (1000, 1000)


def test_limit_rises_at_once_and_falls_slowly():
    assert next_limit(100, 200, 0) == 200
    assert next_limit(200_000, 100_000, 50_000) == 200_000 - 100_000 // 32
    assert next_limit(200_000, 100_000, 190_000) == 200_000 - 10_000 // 32
    assert next_limit(200_000, 200_000, 190_000) == 200_000
    assert next_limit(100_031, 100_000, 0) == 100_031


def test_thresholds_in_percent_and_in_parts_of_a_page():
    assert thresholds(1_000_000, 20, 10, 0, 0, 100) == (200_000, 100_000)
    assert thresholds(1_000_000, 20, 10, 0, 0, FINE) == (819 * 1_000_000 // 4096, 409 * 1_000_000 // 4096)
    assert thresholds(1_000_000, 20, 10, 0, 0, FINE)[0] == 199_951
    assert thresholds(1_000_000, 10, 20, 0, 0, 100) == (100_000, 50_000)
    assert thresholds(1_000_000, 0, 0, 4096, 2048, FINE) == (4096, 2048)
    assert thresholds(1_000_000, 20, 0, 0, 2048, 100) == (200_000, 2048)


def test_what_counts_as_dirtyable_by_era():
    assert dirtyable(1000, 2000, 4000, 0, False) == 7001  # 3.1, swap free
    assert dirtyable(1000, 2000, 4000, 300, False) == 6701  # 3.3
    assert dirtyable(100, 2000, 0, 300, True) == 2001  # 6.18
    assert dirtyable(1000, 2000, 0, 300, True) == 2701


def test_pages_a_cpu_may_dirty_unchecked():
    assert (ratelimit(200_000, 8), ratelimit(1000, 8)) == (781, 16)
    assert (old_ratelimit(1 << 20, 8), old_ratelimit(1 << 20, 64), old_ratelimit(1000, 8)) == (1024, 512, 16)


def test_share_of_the_threshold():
    everything = 100 * RATIO_SCALE
    assert wb_share(100_000, 1, 4, 0, 0, everything, 0) == 25_000
    assert wb_share(100_000, 1, 4, 20 * RATIO_SCALE, 20 * RATIO_SCALE, everything, 0) == 20_000 + 20_000
    assert wb_share(100_000, 1, 1, 0, 0, RATIO_SCALE, 0) == 1000
    assert wb_share(100_000, 0, 1, 0, 0, everything, (100_000 - 20_000) // 8) == 10_000
    assert wb_share(100_000, 0, 1, 0, 0, RATIO_SCALE, 10_000) == 1000  # the largest share holds for the floor too
    assert wb_share(3_333_333, 1, 1, 1, 1, everything, 0) == 3_333_329 + 3


def test_groups_divide_a_devices_ratios_by_bandwidth():
    assert ratios_of(10 * RATIO_SCALE, 50 * RATIO_SCALE, 25, 100) == (25_000, 125_000)
    assert ratios_of(10 * RATIO_SCALE, 100 * RATIO_SCALE, 25, 100) == (25_000, 100 * RATIO_SCALE)
    assert ratios_of(5, 7, 100, 100) == (5, 7)


def test_floating_proportions_age_by_completions():
    shift = period_shift(1000)
    assert shift == 11
    assert floating_norm(700, 0, 1023, shift) == (700, 0)
    assert floating_norm(700, 0, 1024, shift) == (350, 1024)
    assert floating_norm(700, 1024, 4 * 1024 + 5, shift) == (700 >> 3, 4096)
    assert floating_norm(700, 0, 1 << 20, shift) == (0, 1 << 20)
    assert [floating_denominator(total, shift) for total in (0, 1023, 1024, 1500)] == [1024, 2047, 1024, 1500]


def test_floating_proportion_of_a_constant_mix_settles():
    shift, events, period, total = period_shift(1000), 0, 0, 0
    for i in range(40_000):
        events, period = floating_norm(events, period, total, shift)
        events, total = events + (i % 4 == 0), total + 1
    assert events / floating_denominator(total, shift) == pytest.approx(0.25, abs=0.01)


def test_flexible_proportions_age_by_time():
    assert flexible_advance(1000, 7, 3000, 2999, 1000) == (1000, 7, 3000)
    assert flexible_advance(1000, 7, 3000, 3000, 1000) == (500, 8, 6000)
    assert flexible_advance(1000, 7, 3000, 9000, 1000) == (125, 10, 12000)
    assert flexible_advance(2, 0, 3000, 60_000, 1000) == (1, 1, 0)
    assert flexible_advance(1000, 7, 0, 9000, 1000) == (1000, 7, 0)


def test_fractions_never_exceed_one():
    assert [flexible_fraction(*pair) for pair in ((1, 4), (5, 4), (0, 0))] == [(1, 4), (5, 5), (0, 1)]


def test_a_largest_ratio_stops_counting():
    assert floating_may_count(512, 0, 11, FLOATING_BASE // 2) and not floating_may_count(513, 0, 11, FLOATING_BASE // 2)
    assert floating_may_count(10**6, 0, 11, FLOATING_BASE)
    assert flexible_may_count(50, 100, FLEXIBLE_BASE // 2) and not flexible_may_count(51, 100, FLEXIBLE_BASE // 2)
    assert flexible_may_count(100, 100, FLEXIBLE_BASE)


def test_integers():
    assert [ilog2(n) for n in (1, 2, 3, 25600, 1 << 40)] == [0, 1, 1, 14, 40]
    assert [roundup_pow_of_two(n) for n in (1, 2, 3, 126, 3000)] == [1, 2, 4, 128, 4096]


def test_the_balanced_rate_was_first_capped_by_the_bandwidth_in_3_3():
    assert balanced_rate(25600, 1024, 1000, 1, 200, 1000, False)[0] == 25601 * 1000 // 5
    assert balanced_rate(25600, 1024, 1000, 1, 200, 1000, True)[0] == 1000
