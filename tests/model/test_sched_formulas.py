"""The scheduler's formulas against vectors worked out by hand from the kernel's: slices, shares, lags, who is next."""

import pytest

from mmrun.model.sched import cfs, eevdf
from mmrun.model.sched.weights import PRIO_TO_WEIGHT, scaling, weight_of
from mmrun.model.units import MS

US = 1000
LATENCY, MIN_GRANULARITY, WAKEUP_GRANULARITY = 24 * MS, 3 * MS, 4 * MS  # with eight CPUs
SLICE = 2_800_000


def test_weights_are_the_kernels():
    assert len(PRIO_TO_WEIGHT) == 40
    assert [weight_of(nice) for nice in (-20, -5, 0, 5, 10, 19)] == [88761, 3121, 1024, 335, 110, 15]
    with pytest.raises(ValueError, match="-20 to 19, not 20"):
        weight_of(20)


@pytest.mark.parametrize(
    ("cpus", "latency", "least", "wakeup", "slices"),
    [(1, 6000, 750, 1000, (750, 700)), (2, 12000, 1500, 2000, (1500, 1400)), (3, 12000, 1500, 2000, (1500, 1400)),
     (4, 18000, 2250, 3000, (2250, 2100)), (7, 18000, 2250, 3000, (2250, 2100)),
     (8, 24000, 3000, 4000, (3000, 2800)), (64, 24000, 3000, 4000, (3000, 2800))],
)  # fmt: skip
def test_slices_grow_with_the_number_of_cpus(cpus, latency, least, wakeup, slices):
    factor = scaling(cpus)
    assert (6000 * factor, 750 * factor, 1000 * factor) == (latency, least, wakeup)
    assert (750 * factor, 700 * factor) == slices


@pytest.mark.parametrize(
    ("nice", "advance"),
    [(0, 1_000_000), (5, 3_056_716), (10, 9_309_090), (19, 68_266_666), (-20, 11_536)],
)
def test_a_millisecond_is_worth_more_virtual_time_to_the_nice(nice, advance):
    assert cfs.calc_delta_fair(MS, weight_of(nice)) == advance


def slices(nices, latency=LATENCY, least=MIN_GRANULARITY, floor=0):
    """Slices in us of tasks of these nice levels that share a CPU."""
    load = sum(weight_of(nice) for nice in nices)
    period = cfs.sched_period(len(nices), latency, least)
    return [cfs.sched_slice(period, weight_of(nice), load, floor) // US for nice in nices]


def test_slices_of_cfs():
    assert slices([0, 0]) == [12000, 12000]
    assert slices([0] * 4) == [6000] * 4
    assert slices([0] * 10) == [3000] * 10
    assert slices([0, 19]) == [23653, 346]
    assert slices([0, 0, 19]) == [11912, 11912, 174] and sum(slices([0, 0, 19])) == 23998
    assert slices([0, 0], 6 * MS, 750 * US) == [3000, 3000]
    assert slices([0, 19], floor=MIN_GRANULARITY) == [23653, 3000]


def test_a_sleeper_preempts_by_how_long_it_slept_and_what_it_weighs():
    grains = [cfs.calc_delta_fair(WAKEUP_GRANULARITY, weight_of(nice)) // US for nice in (0, 19, -5)]
    assert grains == [4000, 273066, 1312]
    long, short = cfs.woken_vruntime(0, 100 * MS, LATENCY), cfs.woken_vruntime(97 * MS, 100 * MS, LATENCY)
    assert (long, short) == (88 * MS, 97 * MS)
    assert cfs.wakeup_preempts(100 * MS, long, WAKEUP_GRANULARITY, 1024)
    assert not cfs.wakeup_preempts(100 * MS, short, WAKEUP_GRANULARITY, 1024)
    assert not cfs.wakeup_preempts(100 * MS, long, WAKEUP_GRANULARITY, weight_of(19))


def test_a_tick_ends_a_turn_after_the_slice_or_when_another_is_far_behind():
    assert not cfs.tick_preempts(12 * MS, 12 * MS, MIN_GRANULARITY, 0, 0)
    assert cfs.tick_preempts(12 * MS + 1, 12 * MS, MIN_GRANULARITY, 0, 0)
    assert not cfs.tick_preempts(2 * MS, 12 * MS, MIN_GRANULARITY, 50 * MS, 0)
    assert cfs.tick_preempts(3 * MS, 12 * MS, MIN_GRANULARITY, 13 * MS, 0)
    assert not cfs.tick_preempts(3 * MS, 12 * MS, MIN_GRANULARITY, 12 * MS, 0)


@pytest.mark.parametrize(
    ("nice", "virtual"), [(0, 2_800_000), (5, 8_558_805), (10, 26_065_454), (19, 191_146_666), (-5, 918_679)]
)
def test_virtual_slices_of_eevdf(nice, virtual):
    assert eevdf.virtual_deadline(7, SLICE, weight_of(nice)) == 7 + virtual


@pytest.mark.parametrize(
    ("load", "weight", "lag", "placed"),
    [(1024, 1024, 1000, 2000), (2048, 1024, 1000, 1500), (1024, 15, 1000, 1014), (15, 1024, 1000, 69266),
     (15, 1024, -1000, -69266)],
)  # fmt: skip
def test_a_lag_is_placed_so_that_it_survives(load, weight, lag, placed):
    assert eevdf.placed_lag(lag, load, weight) == placed


def test_a_lag_is_two_slices_at_most_or_a_tick():
    assert eevdf.entity_lag(50 * MS, 0, SLICE, MS, 1024) == 2 * SLICE
    assert eevdf.entity_lag(0, 50 * MS, SLICE, MS, 1024) == -2 * SLICE
    assert eevdf.entity_lag(0, 50 * MS, SLICE, 10 * MS, 1024) == -10 * MS
    assert eevdf.entity_lag(3, 1, SLICE, MS, 1024) == 2


def test_the_mean_is_rounded_down_and_eligibility_is_not_rounded():
    assert eevdf.average(-1, 2, 100) == 99 and eevdf.average(3, 2, 100) == 101 and eevdf.average(5, 0, 7) == 7
    assert eevdf.is_eligible(101, 2048, 2048, 100) and not eevdf.is_eligible(101, 2047, 2048, 100)
    assert eevdf.is_eligible(99, -2048, 2048, 100) and not eevdf.is_eligible(100, -1, 2048, 100)


@pytest.mark.parametrize(
    ("used_up", "now", "renewed"),
    [(14, 14, 14), (14, 19, 19), (14, 20, 20), (14, 49, 20), (14, 50, 50), (14, 95, 80), (20, 20, 20), (20, 51, 50)],
)
def test_slices_are_renewed_at_ticks(used_up, now, renewed):
    """A slice of 28 and ticks every 10: after the first tick every 30; what is not used up at a tick waits for one."""
    assert eevdf.last_renewal(used_up, now, 28, 10) == renewed


def test_two_tasks_of_which_one_was_forked_take_turns_as_worked_out():
    """Continuous time: who runs is asked again whenever a slice is used up. Half a slice is the new one's first."""
    v, deadline, ran = {"a": 0, "b": 0}, {"a": SLICE, "b": SLICE // 2}, []
    for _ in range(4):
        keys = 1024 * sum(v.values())
        able = [name for name in v if eevdf.is_eligible(v[name], keys, 2048, 0)]
        best = min(able, key=deadline.__getitem__)
        ran.append((best, deadline[best] - v[best]))
        v[best] = deadline[best]
        deadline[best] = eevdf.virtual_deadline(v[best], SLICE, 1024)
    assert ran == [("b", 1_400_000), ("a", 2_800_000), ("b", 2_800_000), ("a", 2_800_000)]
    assert v == {"a": 5_600_000, "b": 4_200_000}
