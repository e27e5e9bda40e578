"""Dirty throttling of a real kernel, event by event: what went into each call gives what came out of it."""

from collections import Counter

from tests.fidelity.dirty import events
from tests.fidelity.dirty_report import calls, stretches, ticks


def test_every_call_decided_as_computed():
    found = {what: (shown, right) for what, shown, right in calls()}
    assert len(events()) == 696
    for what in ("setpoint", "rate 0 exactly at the limit", "period", "pause", "rate of the task", "longest pause"):
        assert found[what][0] == found[what][1] > 100, what
    shown, right = found["pages until the next call"]
    assert shown - right <= 2  # a task that ran free meanwhile looked again after fewer pages


def test_estimates_change_no_faster_than_the_kernel_makes_them():
    counts = Counter(own[0].case for _, own in stretches())
    for case, count in counts.items():
        times = [event.us for event in events() if event.case == case]
        assert count <= (times[-1] - times[0]) / 200_000


def test_a_sleep_ends_one_tick_later_than_asked_for():
    assert sum(ticks()) > 0.9 * len(ticks()) > 90
