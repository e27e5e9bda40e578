"""Where position control settles: the formulas in a loop against another transcription of the same algorithm."""

from statistics import mean

import pytest

from tests.model.dirty_writers import run

# Writers, device MB/s, dirtyable MB; then in steady state: dirty in % of that, base rate in MB/s, mean pause in ms.
SETTLED = [
    (1, 100, 3000, 17.9, 100, 9.8),
    (2, 100, 3000, 18.4, 52.6, 19.5),
    (10, 100, 3000, 18.3, 10.6, 40),
    (100, 100, 3000, 18.5, 1.10, 125),
    (1000, 100, 3000, 18.2, 0.109, 200),
    (10, 6, 400, 18.3, 0.66, 200),
    (1, 6, 400, 17.8, 6.5, 22),
]


@pytest.mark.parametrize(("writers", "rate", "dirtyable", "level", "ratelimit", "pause"), SETTLED)
def test_dirty_pages_settle_above_the_setpoint(writers, rate, dirtyable, level, ratelimit, pause):
    end = run(writers, rate, dirtyable, seconds=40 if writers == 1000 else 80)
    later, calm = len(end.levels) // 2, len(end.pauses) // 2
    assert 100 * mean(end.levels[later:]) / (dirtyable * 256) == pytest.approx(level, rel=0.03)
    assert mean(end.rates[later:]) / 256 == pytest.approx(ratelimit, rel=0.05)
    assert mean(end.pauses[calm:]) == pytest.approx(pause, rel=0.05)
