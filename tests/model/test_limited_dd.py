"""dd in a group smaller than the file: with cgroup v1 nothing throttles a writer before its group is full."""

from typing import Any

import pytest

from mmrun.model.api import simulate
from mmrun.model.description import Cell, Cgroup, Costs, Disk, Machine, Node, Region, Stream, Task
from mmrun.model.units import PAGE, MiB, S

SIZE, LIMIT = 100 * MiB, 20 * MiB
RATE = 140 * 10**6  # of the disk (bytes a second), and a little more
WAITING = ("3.6", "3.10", "3.15", "4.1", "4.9", "4.11", "4.14", "4.19", "5.8", "5.15", "6.1", "6.18")
V2 = ("4.5", "4.9", "4.14", "4.19", "5.8", "5.15", "6.1", "6.18", "6.1+mglru", "6.12+mglru", "6.18+mglru")


def dd(
    kernel: str, version: str | None = None, size: int = SIZE, limit: int = LIMIT, disk: str = "hdd", **costs: int
) -> dict[str, Any]:
    task = Task(
        stream=Stream(kind="writer", params={"size": size, "accesses": size // PAGE}),
        memory=(Region(kind="file", access="read", disk="d"),), cgroup="g",
    )  # fmt: skip
    machine = Machine(nodes=(Node(memory=256 * MiB, cpus=2),), disks={"d": Disk(kind=disk)}, costs=Costs(**costs))
    groups = {"g": Cgroup(max=limit)}
    return simulate(
        Cell(kernel=kernel, machine=machine, tasks={"dd": task}, cgroups=groups, cgroup_version=version)
    ).metrics


def finished(found: dict[str, Any]) -> bool:
    """Whether all was written, in no more than twice the time that the disk needs for what does not fit."""
    at_least = (SIZE - LIMIT) / RATE
    done = found["outcome"] == "ok" and found["oom_kill"] == 0 and found["nr_dirtied"] == SIZE // PAGE
    return done and at_least < found["elapsed_ns"] / S < 2 * at_least


@pytest.mark.parametrize("kernel", WAITING)
def test_reclaim_lets_the_flusher_run_and_waits_for_what_it_writes(kernel):
    """Since 3.6 (e62e384e9da8) a group's reclaimer waits for pages under writeback instead of running out of memory."""
    found = dd(kernel, "v1")
    assert finished(found) and found["stall_dirty_ns"] == 0


@pytest.mark.parametrize(
    ("kernel", "killed"), [("3.2", 1), ("3.3", 1), ("3.5", 1), ("3.6", 0), ("3.15", 0), ("4.19", 0)]
)
def test_before_3_6_reclaim_scans_a_group_through_while_a_usb_stick_writes_its_first_request(kernel, killed):
    """c3b94f44fcb0: ext4 on a stick, 20 MiB; who loses the race depends on what looking at a page takes."""
    assert dd(kernel, "v1", size=30 * MiB, disk="usb", scan_page=100)["oom_kill"] == killed


@pytest.mark.parametrize("kernel", V2)
def test_with_cgroup_v2_the_writer_is_throttled_by_its_group_s_own_limit(kernel):
    """v2 is what these kernels have; most of the time passes in balance_dirty_pages, hardly any in reclaim."""
    found = dd(kernel)
    assert finished(found) and found["stall_dirty_ns"] > 10 * found["stall_memcg_ns"] > 0


@pytest.mark.parametrize("kernel", ["6.1+mglru", "6.18+mglru"])
def test_generations_pass_dirty_pages_over_and_run_out(kernel):
    """As reported of v1 with MGLRU (B. Wang, March 2026): 6.18 wakes the flusher, but no reclaimer waits for it."""
    found = dd(kernel, "v1")
    assert found["outcome"] == "oom" and found["oom_kill"] == 1 and found["elapsed_ns"] < S // 10


def test_a_group_s_page_cache_counts_for_its_limit_whatever_its_lists_are():
    """mem_cgroup_wb_stats: both kinds of lists write the same pages in requests of the same size."""
    lists, generations = (dd(kernel, size=40 * MiB, limit=5 * MiB) for kernel in ("6.18", "6.18+mglru"))
    assert lists["elapsed_ns"] / 1.1 < generations["elapsed_ns"] < 1.1 * lists["elapsed_ns"]
    assert generations["disk.d.writes"] < 1.5 * lists["disk.d.writes"]
