"""Whose page tables aging walks: those of tasks that were switched in since the last walk of them began."""

from dataclasses import replace

import numpy as np
import pytest

from mmrun.model.description import Cell, Cgroup, Disk, Region, Variant
from mmrun.model.units import MS, PAGE
from tests.model.cells import OWN_CPUS, ZRAM, given, machine, one, run, writes

PAGES = 512 * 8
LOOP = np.tile(np.arange(PAGES), 12)
GROUP = {"g": Cgroup(max=PAGES * PAGE * 7 // 8)}
FIRST = PAGES * 7 // 8  # words below the tables that are there when the group is first full
SEVERAL = 2  # agings at least in every run below


def walked(cell: Cell, events: np.ndarray | dict[str, np.ndarray] | None = None) -> int:
    """Page-table words that walks of a run looked at."""
    metrics = run(cell, writes(LOOP) if events is None else events).metrics
    assert metrics["lru_gen_aged"] > SEVERAL
    return metrics["lru_gen_leaf_total"]


def looping(kernel: str, background: int, *regions: Region, **parts) -> Cell:
    """A loop a little larger than its group, on a CPU that something else has every `background` ns."""
    host = replace(machine(64, swap=ZRAM, **parts), background_switch=background)
    return one(kernel, host, *regions, cgroups=GROUP)


@pytest.mark.parametrize("kernel", ["6.1+mglru", "6.14+mglru", "6.18+mglru"])
def test_who_never_leaves_the_cpu_is_walked_once(kernel):
    """The first walk takes every address space; accesses alone do not make a later one take it again."""
    assert walked(looping(kernel, 0)) == FIRST
    assert walked(looping(kernel, 2 * MS)) > 2 * FIRST


def test_who_slept_is_walked_again():
    """A page read from a disk puts the task to sleep; without a device it never does."""
    mapped = Region(kind="file", readahead=0, fault_around=4096)
    stays = walked(looping("6.18+mglru", 0, mapped))
    slept = walked(looping("6.18+mglru", 0, replace(mapped, disk="d"), disks={"d": Disk()}))
    assert stays == FIRST and slept > 2 * FIRST


def test_who_shares_its_cpu_is_walked_again():
    """Two tasks take turns on one CPU, or have one each: only the former are switched out and in."""
    other = {"t": writes(LOOP), "u": writes(np.tile(np.arange(64), 40_000))}

    def with_another(**policy: Variant) -> Cell:
        cell = looping("6.18+mglru", 0)
        return replace(cell, tasks={**cell.tasks, "u": given()}, policy=policy)

    assert walked(with_another(**OWN_CPUS), other) == FIRST
    assert walked(with_another(), other) > FIRST


@pytest.mark.parametrize(("kernel", "words"), [("6.7+mglru", 0), ("6.8+mglru", 10)])
def test_small_address_spaces_are_walked_since_6_8(kernel, words):
    """Until 6.7 a walk passes over those of fewer than 64 mapped pages."""
    cell = looping(kernel, 0)
    cell = replace(cell, tasks={**cell.tasks, "u": given(cgroup="g")}, policy=OWN_CPUS)
    alone = walked(cell, {"t": writes(LOOP), "u": writes(np.zeros(0, dtype=np.int64))})
    small = walked(cell, {"t": writes(LOOP), "u": writes(np.arange(10))})
    assert small == alone + words
