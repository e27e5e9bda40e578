"""Curves along the replays, by number."""

from pathlib import Path

import numpy as np
import pytest

from tests.fidelity.compare import Result, replay
from tests.fidelity.curves import PANELS, Gap, distribution, gaps, pair, worst
from tests.fidelity.recorded import Case, cases, curves

# From each backend, and what lies outside of the plain ones.
SAMPLED = (
    "zram-shift-50-s60",
    "zram-zipf08-90-s60",
    "filemmap-shift-75-s60",
    "filemmap-zipf10-75-s60",
    "fileread-zipf10-50-s60",
    "fileread-shift-50-s60",
    "mixed-shift-50-s200",
    "mixed25-zipf10-50-s60",
    "filemmap-shift-50-s60-faultaround",
)


def named(name: str) -> Case:
    return next(case for case in cases() if case.name == name)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[Gap]:
    folder: Path = tmp_path_factory.mktemp("traces")
    return gaps(replay(named(name), folder) for name in SAMPLED)


def test_the_model_follows_the_recorded_curves(found: list[Gap]) -> None:
    """The distribution over curves: means within 0.2 % (median) and 2 % (worst), largest gaps within 1 % (median)."""
    assert {gap.panel for gap in found} == set(PANELS) and len(found) >= 4 * len(SAMPLED)
    mean, largest = np.array([gap.mean for gap in found]), np.array([gap.largest for gap in found])
    assert np.median(mean) < 0.002 and mean.max() < 0.02
    assert np.median(largest) < 0.01 and np.quantile(largest, 0.9) < 0.06


def test_tables_tell_groups_and_the_worst(found: list[Gap]) -> None:
    assert "plain, large limits" in distribution(found)
    far = max(found, key=lambda gap: gap.largest)
    assert worst(found).splitlines()[2].startswith(f"| {far.result.case.name} |")


def test_a_gap_is_a_share_of_where_the_curve_ends() -> None:
    case = named("zram-shift-50-s60")
    kernel = curves()[case.name]
    series = {"access": kernel["at"]}
    for recorded, simulated in PANELS.values():
        series |= {simulated.format(kind): kernel[recorded.format(kind)].astype(float) for kind in case.kinds}
    same = Result(case, ({},), 0, series, None)
    assert all(gap.largest == gap.mean == 0 for gap in gaps([same]))
    series["pgscan_anon"] = series["pgscan_anon"] + 0.1 * kernel["pgscan_anon"][-1]
    (scanned,) = (gap for gap in gaps([same]) if gap.panel == "scanned")
    assert scanned.largest == pytest.approx(0.1) and scanned.mean == pytest.approx(0.1)
    at, dots, line = pair(same, "active lists")
    assert (dots == line).all() and at[-1] == 600_000
