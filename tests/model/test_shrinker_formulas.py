"""The integer arithmetic of the shrinker formulas, era by era, against vectors computed by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrun.model.mm.slab.shrinker import scanned_share
from mmrun.model.mm.slab.variants.shrinker import batched_clamped, priority, priority_min, single_callback

COUNTS = st.integers(0, 10**7)
QUICK = settings(max_examples=200, deadline=None, derandomize=True)


@pytest.mark.parametrize(("scanned", "expected"), [(32, 6), (1024, 204), (65536, 13107)])
def test_until_4_15_the_scanned_share_of_the_page_lists_decides(scanned: int, expected: int):
    assert scanned_share(scanned, 1_000_000, 2, 100_000) == expected


@pytest.mark.parametrize(("prio", "expected"), [(12, 4), (10, 18), (8, 78), (6, 312), (4, 1250), (2, 5000), (0, 20000)])
def test_since_5_0_the_priority_decides(prio: int, expected: int):
    assert priority.objects_at(prio, 2, 10_000) == expected
    assert priority.total_scan(0, expected, prio, 10_000) == expected


@pytest.mark.parametrize(("seeks", "expected"), [(1, 5000), (2, 2500), (8, 625), (0, 5000)])
def test_seeks_weigh_and_zero_seeks_means_half_the_cache(seeks: int, expected: int):
    assert priority.objects_at(3 if seeks else 12, seeks, 10_000) == expected


@pytest.mark.parametrize(("prio", "expected"), [(12, 492), (4, 20000)])
def test_two_million_put_off_are_scaled_by_priority_since_5_13(prio: int, expected: int):
    delta = priority.objects_at(prio, 2, 10_000)
    assert priority.total_scan(2_000_000, delta, prio, 10_000) == expected


def test_ten_million_put_off_empty_the_cache_in_3_0_and_halve_it_in_3_1():
    fresh = scanned_share(32, 1_000_000, 2, 100_000)
    assert single_callback.capped(10_000_000 + fresh, 100_000) == 200_000
    assert batched_clamped.total_scan(10_000_000, fresh, 100_000) == 50_000
    assert priority.total_scan(10_000_000, priority.objects_at(12, 2, 100_000), 12, 100_000) == 2441 + 48


def test_the_clamp_of_3_1_lets_a_large_delta_through():
    assert batched_clamped.total_scan(10_000_000, 25_000, 100_000) == 200_000, "a quarter of the cache is large"
    assert batched_clamped.total_scan(10_000_000, 24_999, 100_000) == 50_000


def test_the_sign_of_an_overflown_count_is_caught():
    assert single_callback.capped(-5, 1000) == 1000
    assert batched_clamped.total_scan(-50, 10, 1000) == 500, "restarts at the cache's size, then the clamp"


def test_the_floor_of_4_19_asks_for_a_batch_or_the_whole_cache():
    assert priority_min.objects_at(12, 2, 128, 10_000) == 128
    assert priority_min.objects_at(12, 2, 128, 100) == 100
    assert priority_min.objects_at(12, 2, 0, 100) == 0, "before and after 4.19 and 4.20"
    assert priority_min.objects_at(2, 2, 128, 10_000) == 5000


@pytest.mark.parametrize("prio", range(13))
def test_a_cache_below_two_to_the_priority_is_left_alone_since_5_0(prio: int):
    assert priority.objects_at(prio, 2, (1 << prio) - 1) == 0
    assert priority.objects_at(prio, 2, 1 << prio) == 2


def test_what_is_put_off_is_capped_at_twice_the_cache_since_5_13():
    assert priority.put_off(10_000_000, 4, 0, 10_000) == 20_000
    assert priority.put_off(300, 4, 128, 10_000) == 176
    assert priority.put_off(0, 4, 10, 10_000) == 0


@QUICK
@given(nr=COUNTS, delta=COUNTS, cache=COUNTS, prio=st.integers(0, 12))
def test_no_formula_asks_for_more_than_twice_the_cache(nr: int, delta: int, cache: int, prio: int):
    totals = (
        single_callback.capped(nr + delta, cache),
        batched_clamped.total_scan(nr, delta, cache),
        priority.total_scan(nr, delta, prio, cache),
    )
    assert all(0 <= total <= 2 * cache for total in totals)
    assert totals[1] <= totals[0], "3.1 never asks for more than 3.0"
    assert priority.put_off(nr, delta, totals[2], cache) <= 2 * cache


@QUICK
@given(nr=COUNTS, cache=COUNTS)
def test_deferred_work_counts_for_less_the_milder_the_pressure(nr: int, cache: int):
    totals = [priority.total_scan(nr, priority.objects_at(p, 2, cache), p, cache) for p in range(12, -1, -1)]
    assert (np.diff(totals) >= 0).all()
