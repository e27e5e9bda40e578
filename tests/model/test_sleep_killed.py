"""Tasks that the OOM killer kills while they sleep in the kernel: they wake, leave, and give back what they hold."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from mmrun.model import check
from mmrun.model.block.state import disks
from mmrun.model.build import Built
from mmrun.model.core.codes import KILLED
from mmrun.model.core.events import FSYNC, OP_SHIFT
from mmrun.model.description import (
    Cell,
    Cgroup,
    Disk,
    Machine,
    Node,
    Region,
    Sampling,
    SwapTarget,
    Sysctl,
    Task,
    Variant,
)
from mmrun.model.machine.state import nodes
from mmrun.model.mm.limits.oom import kill_largest
from mmrun.model.mm.page.flags import LOCKED
from mmrun.model.mm.reclaim.state import congestion
from mmrun.model.units import MB_S, MS, PAGE, GiB, MiB
from tests.model.actors import asleep_until, due, waiting
from tests.model.cells import given, reads, run, writes

HDD = Disk(kind="hdd", size=16 * GiB)
FILE = Region(kind="file", access="read", disk="d")
VICTIM = 0
MUCH = 3000  # pages of anonymous memory that make a task the largest


def waits_in(built: Built, queue: Any) -> bool:
    return VICTIM in waiting(built, queue)


def in_page_waits(built: Built) -> bool:
    return any(waits_in(built, queue) for queue in built.memory.table("page_waits") if queue.first)


def for_request(built: Built) -> bool:
    return waits_in(built, disks(built.memory.m)[0].room)


def for_data(built: Built) -> bool:
    """For a page that is being read."""
    locked = (built.memory.table("frames")["state"] & LOCKED) != 0
    return in_page_waits(built) and bool((locked & (built.memory.table("frames")["pins"] > 0)).any())


def in_dirty_pause(built: Built) -> bool:
    return built.memory.table("wbs")[0].dirty_sleep == built.memory.table("actors")[VICTIM].since


def over_reclaim(built: Built) -> bool:
    queues = [congestion(built.memory.m), *nodes(built.memory.m)[0].reclaim_wait]
    return any(waits_in(built, queue) for queue in queues)


def over_high(built: Built) -> bool:
    """Asleep in no queue for long, with its group over memory.high."""
    group = built.memory.table("memcgs")[1]
    long = asleep_until(built, VICTIM) > built.memory.m.now + 5 * MS
    return bool(long and not built.memory.table("actors")[VICTIM].waits and group.usage > group.memory_high)


def for_file(built: Built) -> bool:
    """fsync: for pages of the file to be written."""
    return any(waits_in(built, file.written) for file in built.memory.table("files"))


@dataclass
class Sleep:
    """A cell whose task `a` falls asleep in one place, how that is told, and what it does there."""

    asleep: Callable[[Built], bool]
    cell: Cell
    events: np.ndarray


def host(disk: Disk = HDD, memory: int = 32, **more: Any) -> Machine:
    return Machine(nodes=(Node(memory=memory * MiB, cpus=2),), disks={"d": disk}, **more)


def cell(kernel: str, machine: Machine, *regions: Region, **more: Any) -> Cell:
    """Task `a`, which is the largest, beside `b`, which goes on when it is gone."""
    own = {"cgroup": "g"} if "cgroups" in more else {}
    tasks: dict[str, Task] = {"a": given(*regions, **own), "b": given(Region(size=MiB), FILE)}
    return Cell(kernel=kernel, machine=machine, tasks=tasks, sampling=Sampling(every=5 * MS), **more)


def after(*parts: np.ndarray) -> np.ndarray:
    """Events of a task that has much anonymous memory before it does something else."""
    return np.concatenate([writes(range(MUCH)), *parts])


BIG = Region(size=MUCH * PAGE)
DIRTY = Sysctl(dirty_bytes=4 * MiB, dirty_background_bytes=2 * MiB)
SLOW = Disk(parallel=1, write_latency=0, write_bandwidth=8 * MB_S)
FRAGMENTS = Region(kind="file", access="read", disk="d", fragment=PAGE)
SYNC = np.array([MUCH | FSYNC << OP_SHIFT])
FILE_WRITES = writes(range(MUCH, MUCH + 2000))
SWAP = {"swap": {"s": SwapTarget(kind="partition", size=64 * MiB, disk="d")}}


def dirtier(form: str, kernel: str) -> Sleep:
    policy = {"dirty_throttling": Variant(variant=form)}  # type: ignore[arg-type]
    return Sleep(in_dirty_pause, cell(kernel, host(SLOW), BIG, FILE, vm=DIRTY, policy=policy), after(FILE_WRITES))


SLEEPS = {
    "request, swapping out": lambda: Sleep(
        for_request, cell("6.18", host(memory=16, **SWAP), Region()), writes(np.random.default_rng(1).permutation(6000))
    ),
    "request, fsync of many fragments": lambda: Sleep(
        for_request, cell("3.1", host(), BIG, FRAGMENTS), after(writes(range(MUCH, MUCH + 700)), SYNC)
    ),
    "page being read": lambda: Sleep(for_data, cell("6.18", host(), BIG, FILE), after(reads(range(MUCH, MUCH + 500)))),
    "page being swapped in": lambda: Sleep(
        for_data, cell("6.18", host(memory=16, **SWAP), Region()), writes(np.tile(np.arange(5000), 2))
    ),
    "dirty pause, position-control": lambda: dirtier("position-control", "6.18"),
    "dirty pause, dirtier-writes": lambda: dirtier("dirtier-writes", "3.1"),
    "dirty pause, congestion-wait": lambda: dirtier("congestion-wait", "3.1"),
    "too much under writeback": lambda: Sleep(
        over_reclaim, cell("3.1", host(memory=16, **SWAP), Region()), writes(np.random.default_rng(1).permutation(6000))
    ),
    "a group's pages all dirty": lambda: Sleep(
        over_reclaim,
        cell("6.18", host(), BIG, FILE, cgroups={"g": Cgroup(max=(MUCH + 300) * PAGE)}, cgroup_version="v1"),
        after(FILE_WRITES),
    ),
    "memory.high": lambda: Sleep(
        over_high, cell("6.18", host(), Region(), cgroups={"g": Cgroup(high=2 * MiB)}), writes(range(MUCH))
    ),
    "fsync": lambda: Sleep(for_file, cell("6.18", host(), BIG, FILE), after(FILE_WRITES, SYNC)),
}  # fmt: skip


@pytest.mark.parametrize("where", SLEEPS)
def test_who_is_killed_in_its_sleep_wakes_at_once_and_frees_what_it_holds(where):
    sleep = SLEEPS[where]()
    killed: list[int] = []

    def kill(built: Built) -> tuple[bool, int]:
        m = built.memory.m
        if not killed and asleep_until(built, VICTIM) and sleep.asleep(built):
            kill_largest(m)
            assert built.memory.table("tasks")["killed"].tolist() == [1, 0]
            assert due(built, VICTIM) == max(int(m.now), int(built.memory.table("actors")[VICTIM].since))
            check.verify(built)
            killed.append(int(m.now))
        return bool(built.memory.table("tasks")[VICTIM].state == KILLED), int(m.now)

    bystander = np.tile(np.concatenate([writes(range(200)), reads(range(256, 400))]), 30)
    done = run(sleep.cell, {"a": sleep.events, "b": bystander}, probe=kill)
    assert killed, "it never slept there"
    assert done.metrics["oom_kill"] == 1 and done.metrics["accesses"] >= len(bystander)
    built, m, task = done.built, done.m, done.built.memory.table("tasks")[VICTIM]
    assert task.state == KILLED and not built.memory.table("actors")[VICTIM].stack
    assert not built.memory.table("pte")[int(task.pte_start) : int(task.pte_start + task.npages)].any()
    assert not built.memory.table("actors")[VICTIM].waits and built.memory.table("plugs")[VICTIM].n == 0
    assert not nodes(m)[0].nr_throttled and not (built.memory.table("frames")["pins"] > 0).any()
    queues = [congestion(m), *nodes(m)[0].reclaim_wait, disks(m)[0].room, *built.memory.table("page_waits")]
    assert not any(VICTIM in waiting(built, queue) for queue in queues)
    check.verify(built)
