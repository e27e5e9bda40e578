"""The recorded replays with swap on a disk and page_cluster 3: what was read ahead, on each disk it may have been.

Not on the slowest, 1 ms and one at a time: there misses are half as many again without readahead, too.
"""

from pathlib import Path

import pytest

from mmrun.model.api import simulate
from tests.fidelity.compare import members
from tests.fidelity.recorded import cases

RECORDED = {  # faults that read, in both repeats; pages read ahead
    "diskswap-real_gcc-75-s60-cluster3": ((63, 66), (5, 42)),
    "diskswap-shift-75-s60-cluster3": ((1042, 1042), (0, 0)),
}


@pytest.mark.parametrize("name", RECORDED)
def test_pages_are_read_ahead_from_swap_as_they_were(name: str, tmp_path: Path) -> None:
    """Small counts of a thousand pages; the limit's group is tiny, so they are held to a fifth and to two dozen."""
    (fewest, most), (least_ahead, most_ahead) = RECORDED[name]
    case = next(case for case in cases() if case.name == name)
    for disk, each in members(case, tmp_path):
        if disk == "slower volume, one at a time":
            continue
        found = simulate(each).metrics
        assert 0.8 * fewest <= found["pgmajfault"] <= 1.2 * most
        assert least_ahead <= found["swap_ra"] <= most_ahead + (25 if most_ahead else 8)
