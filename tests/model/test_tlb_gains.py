"""What huge pages of a pool gain over small ones: nothing within reach, more the larger the memory."""

import numpy as np
import pytest

from mmrun.model.description import Region, Sysctl
from mmrun.model.mm.tlb.settings import Tlb
from tests.model.cells import machine, one, reads, run, writes

LOADS = 60_000


def gain(mib: int) -> tuple[float, float]:
    """(walks a load on small pages, time of random loads on small pages over that on huge ones, less one)."""
    pages, times, walks = mib * 256, {}, 0.0
    loads = reads(np.random.default_rng(1).integers(0, pages, LOADS))
    for size in (None, "2MiB"):
        step = 512 if size else 1
        host = machine(2 * mib + 256, tlb=Tlb(core="skylake"))
        cell = one("6.12", host, Region(hugetlb=size), vm=Sysctl(nr_hugepages=mib // 2 if size else 0))
        before = run(cell, writes(np.arange(0, pages, step)), footprint=pages).metrics
        done = run(cell, np.concatenate([writes(np.arange(0, pages, step)), loads]), footprint=pages).metrics
        times[size] = sum(done[name] - before[name] for name in ("hit_ns", "walk_ns", "fault_ns"))
        walks = walks if size else (done["dtlb_load_misses"] - before["dtlb_load_misses"]) / LOADS
    return walks, times[None] / times["2MiB"] - 1


def test_within_reach_there_is_little_to_gain():
    assert gain(4)[1] < 0.05


def test_beyond_it_nearly_every_load_walks_and_huge_pages_gain():
    small, large = gain(64), gain(256)
    assert 0.9 < small[0] < large[0] <= 1
    assert 0.05 < small[1] < 0.15 and 0.05 < large[1] < 0.15


@pytest.mark.slow
def test_at_a_gigabyte_walks_go_to_memory():
    walks, more = gain(1024)
    assert walks > 0.99 and more > 0.2
