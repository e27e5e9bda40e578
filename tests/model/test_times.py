"""Whose time it was: of each task and group, every cause once, down to the nanosecond, also of what came to nothing."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mmrun.model.core.events import compute, exits
from mmrun.model.description import Cell, Cgroup, Disk, Machine, Node, Region, Stream, Task
from mmrun.model.mm.task.settings import APART, OF_RECLAIM, RECLAIMS
from mmrun.model.units import MS, PAGE, US, MiB
from tests.model.cells import FILE, OWN_CPUS, READ, given, machine, one, reads, run, writes

WORK = ("think_ns", "hit_ns", "fault_ns")


def parts(found: dict[str, Any], name: str) -> dict[str, int]:
    """What a task or group spent its time on, without what it did not."""
    return {part: found[f"{name}.{part}"] for part in APART if found[f"{name}.{part}"]}


@pytest.mark.parametrize("kernel", ["3.3", "3.6", "4.19", "6.18"])
def test_a_writer_at_its_limit_reclaims_for_the_rest_of_its_time(kernel: str):
    """Killed or not: the time of a charge that failed is that of the reclaim before it."""
    host = Machine(nodes=(Node(cpus=4, memory=2048 * MiB),), disks={"sda": Disk(kind="hdd")})
    stream = Stream(kind="writer", params={"size": 10_000 * PAGE, "accesses": 10_000})
    file = Region(kind="file", access="read", disk="sda")
    cell = Cell(
        kernel=kernel, machine=host, cgroups={"g": Cgroup(max=5 * MiB)}, cgroup_version="v1",
        tasks={"dd": Task(stream=stream, memory=(file,), cgroup="g")},
    )  # fmt: skip
    found = run(cell).metrics
    throttled = found["stall_dirty_ns"] + found["stall_queue_ns"]
    assert found["stall_memcg_ns"] == found["elapsed_ns"] - found["fault_ns"] - throttled > found["fault_ns"]


@pytest.mark.parametrize("kernel", ["3.15", "4.19", "6.18", "6.18+mglru"])
def test_reclaim_that_ends_in_a_kill_is_counted(kernel: str):
    """Anonymous memory and no swap: all that is tried for the last charge is in vain."""
    cell = one(kernel, machine(16), cgroups={"g": Cgroup(max=2 * MiB)}, policy=OWN_CPUS)
    killed = run(cell, writes(range(1000))).metrics
    enough = run(replace(cell, cgroups={"g": Cgroup(max=8 * MiB)}), writes(range(1000))).metrics
    assert killed["outcome"] == "oom" and enough["stall_memcg_ns"] == 0
    assert sum(parts(killed, "task.t").values()) == killed["task.t.elapsed_ns"]
    assert killed["stall_memcg_ns"] == killed["elapsed_ns"] - sum(killed[part] for part in WORK) > 0


def test_who_waits_for_the_death_of_another_says_so():
    """Both want more than there is; while the larger one sleeps in a call the smaller waits for its death."""
    host = Machine(
        nodes=(Node(memory=16 * MiB, cpus=2),), disks={"d": Disk(kind="hdd", stall_from=0, stall_until=500 * MS)}
    )
    large = given(Region(size=800 * PAGE), replace(READ, disk="d", size=64 * PAGE), cgroup="g")
    cell = Cell(kernel="6.18", machine=host, cgroups={"g": Cgroup(max=4 * MiB)}, policy=OWN_CPUS,
                tasks={"large": large, "small": given(cgroup="g")})  # fmt: skip
    streams = {
        "large": np.concatenate([writes(range(800)), reads([800])]),
        "small": np.concatenate([compute(5 * MS), writes(range(600))]),
    }
    found = run(cell, streams).metrics
    assert found["oom_kill"] == 1 and found["task.small.stall_oom_ns"] == found["stall_oom_ns"] > 400 * MS
    for name in cell.tasks:
        assert sum(parts(found, f"task.{name}").values()) == found[f"task.{name}.elapsed_ns"], name


def test_computation_and_a_late_start_are_told_apart():
    cell = Cell(kernel="6.18", machine=machine(16), tasks={"t": given(think=100, start=3 * MS)})
    events = np.concatenate([writes(range(100)), compute(5 * MS), reads(range(100))])
    found = run(cell, events).metrics
    assert found["task.t.think_ns"] == 200 * 100 + 5 * MS and found["task.t.not_started_ns"] == 3 * MS
    assert sum(parts(found, "task.t").values()) + 3 * MS == found["task.t.elapsed_ns"]
    late = run(replace(cell, duration=2 * MS), events).metrics
    assert late["task.t.not_started_ns"] == 2 * MS == late["elapsed_ns"] and not parts(late, "task.t")


def test_a_process_that_ends_takes_time_for_it():
    events = np.concatenate([writes(range(2000)), exits(), writes(range(2000))])
    found = run(one("6.18", machine(32), policy=OWN_CPUS), events).metrics
    assert sum(parts(found, "task.t").values()) == found["elapsed_ns"]


def test_a_groups_time_is_that_of_its_tasks_and_of_those_below():
    groups = {"top": Cgroup(), "in": Cgroup(parent="top", max=2 * MiB), "other": Cgroup(count=2)}
    files = {name: replace(FILE, file=name) for name in "abc"}
    tasks = {
        "a": given(files["a"], cgroup="in", count=2), "b": given(files["b"], cgroup="top"),
        "c": given(files["c"], cgroup="other"), "d": given(),
    }  # fmt: skip
    cell = Cell(kernel="6.18", machine=machine(32, cpus=8), cgroups=groups, tasks=tasks)
    found = run(cell, {name: reads(range(1000)) for name in ("a.0", "a.1", "b", "c", "d")}).metrics
    for part in (*APART, *OF_RECLAIM):
        a, b, c = (found[f"task.{name}.{part}"] for name in "abc")
        groups = [found[f"cgroup.{name}.{part}"] for name in ("in", "top", "other")]
        assert groups == [a, a + b, c], part
        assert found[part] == a + b + c + found[f"task.d.{part}"], part
    assert found["cgroup.in.stall_memcg_ns"] > 0 == found["cgroup.other.stall_memcg_ns"]
    assert {"stall_memcg_ns"} == {part for part in RECLAIMS if found[part]}
    assert found["task.a.fault_ns"] > 1000 * US / 10
