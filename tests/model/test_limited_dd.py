"""dd in a group smaller than the file, on cgroup v1: nothing throttles a writer before its group is full."""

import pytest

from mmrun.model.api import simulate
from mmrun.model.description import Cell, Cgroup, Disk, Machine, Node, Region, Stream, Task
from mmrun.model.units import PAGE, MiB, S

SIZE, LIMIT = 100 * MiB, 20 * MiB


def dd(kernel: str) -> dict:
    task = Task(
        stream=Stream(kind="writer", params={"size": SIZE, "accesses": SIZE // PAGE}),
        memory=(Region(kind="file", access="read", disk="d"),), cgroup="g",
    )  # fmt: skip
    machine = Machine(nodes=(Node(memory=256 * MiB, cpus=2),), disks={"d": Disk(kind="hdd")})
    return simulate(Cell(kernel=kernel, machine=machine, tasks={"dd": task}, cgroups={"g": Cgroup(max=LIMIT)})).metrics


WAITING = ("3.6", "3.10", "3.15", "4.1", "4.9", "4.11", "4.14", "4.19", "5.8", "5.15", "6.1", "6.18")


@pytest.mark.parametrize("kernel", WAITING)
def test_reclaim_lets_the_flusher_run_and_waits_for_what_it_writes(kernel):
    """Since 3.6 (e62e384e9da8) a group's reclaimer waits for pages under writeback instead of running out of memory."""
    found = dd(kernel)
    assert found["outcome"] == "ok" and found["oom_kill"] == 0 and found["nr_dirtied"] == SIZE // PAGE
    at_least = (SIZE - LIMIT) / (140 * 10**6)  # seconds: what does not fit was written
    assert at_least < found["elapsed_ns"] / S < 2 * at_least


@pytest.mark.parametrize("kernel", ["6.1+mglru", "6.18+mglru"])
def test_generations_pass_dirty_pages_over_and_run_out(kernel):
    """As reported of v1 with MGLRU (B. Wang, March 2026): 6.18 wakes the flusher, but no reclaimer waits for it."""
    found = dd(kernel)
    assert found["outcome"] == "oom" and found["oom_kill"] == 1 and found["elapsed_ns"] < S // 10
