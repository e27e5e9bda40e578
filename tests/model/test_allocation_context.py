"""What reclaim may do for whom: pages that are read ahead are no reason to enter file systems since 5.8."""

from typing import Any

import numpy as np
import pytest

from mmrun.model.description import Cgroup, Region
from mmrun.model.units import KiB, MiB
from tests.model.cells import reads, run
from tests.model.slab_cells import names, slab_cell

FILES, PAGES = 4000, 2048


def read_under_a_limit(kernel: str, **file: Any) -> dict[str, Any]:
    """Files are looked up in a group of 6 MiB, then it reads 8 MiB."""
    memory = (*names("dentry", objects=FILES), Region(kind="file", size=PAGES * 4 * KiB, **file))
    cell = slab_cell(kernel, *memory, mib=(64,), cgroup="g", cgroups={"g": Cgroup(max=6 * MiB)})
    return run(cell, np.concatenate([reads(np.arange(FILES)), reads(FILES + np.arange(PAGES))])).metrics


@pytest.mark.parametrize("readahead", [0, 128 * KiB])
@pytest.mark.parametrize("kernel", ["4.19", "5.7", "5.10", "6.12", "6.18"])
def test_reading_under_a_limit_scans_no_dentry_since_5_8(kernel, readahead):
    """Recorded on 6.12: 40 MiB read in a group of 24 MiB scan no object. What is refused is put off."""
    found = read_under_a_limit(kernel, access="read", readahead=readahead)
    assert found["pgsteal_file"] > 500
    if kernel in ("4.19", "5.7"):
        assert found["slabs_scanned"] > 5000
    else:
        assert found["slabs_scanned"] == 0 and found["nr_deferred"] > 0


def test_a_read_without_readahead_goes_its_way_since_5_10():
    assert read_under_a_limit("5.8", access="read", readahead=0)["slabs_scanned"] > 5000
    assert read_under_a_limit("5.8", access="read", readahead=128 * KiB)["slabs_scanned"] == 0


@pytest.mark.parametrize("kernel", ["5.8", "6.18"])
def test_a_fault_reads_a_page_alone_with_all_that_reclaim_may_do(kernel):
    """Without readahead a fault allocates its page itself; around it, readahead does."""
    assert read_under_a_limit(kernel, access="mmap", readahead=0)["slabs_scanned"] > 5000
    assert read_under_a_limit(kernel, access="mmap", readahead=128 * KiB)["slabs_scanned"] == 0
