"""By how much per-CPU counters may be wrong. Vectors: mm/vmstat.c and mm/page-writeback.c, 3.6 and 6.12."""

import pytest

from mmrun.model.description import Region
from mmrun.model.machine.state import geometry
from mmrun.model.mm.cma.place import stat_threshold
from mmrun.model.mm.writeback.dirty_control import stat_error
from mmrun.model.units import PAGE, GiB, MiB
from tests.model.cells import machine_of, one
from tests.model.flushers import host

ZONES = (64 * MiB, 512 * MiB, GiB, 4 * GiB, 16 * GiB, 64 * GiB, 256 * GiB)
THRESHOLDS = {
    1: (2, 8, 10, 14, 18, 22, 26), 2: (4, 16, 20, 28, 36, 44, 52), 4: (6, 24, 30, 42, 54, 66, 78),
    8: (8, 32, 40, 56, 72, 88, 104), 16: (10, 40, 50, 70, 90, 110, 125), 64: (14, 56, 70, 98, 125, 125, 125),
    128: (16, 64, 80, 112, 125, 125, 125),
}  # fmt: skip


@pytest.mark.parametrize("cpus", THRESHOLDS)
def test_counts_of_a_zone_by_cpus_and_size(cpus):
    assert tuple(stat_threshold(size // PAGE, cpus) for size in ZONES) == THRESHOLDS[cpus]


def test_counts_of_a_device_by_cpus():
    m = machine_of(one("6.18", host(), Region(kind="file", access="read", disk="d"))).memory.m
    errors = []
    for cpus in (1, 4, 8, 16, 64, 256):
        geometry(m).nr_cpus = cpus
        errors.append(int(stat_error(m)))
    assert errors == [8, 96, 256, 640, 3584, 18432]
