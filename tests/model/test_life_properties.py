"""Random timelines over groups, files, swap and slab caches: every law holds after each change, and runs repeat."""

import random
from typing import Any

import pytest

from mmrun.model.description import Cell, Cgroup, Entry, Region, SlabCache, Stream, Sysctl, Task
from mmrun.model.eras import era
from mmrun.model.life.timeline import Change, Limits, Reclaim
from mmrun.model.units import MS, KiB, MiB
from tests.model.cells import machine, run, with_swap

KERNELS = ("3.1", "3.15", "4.4", "4.19", "5.4", "5.15", "6.1+mglru", "6.18", "6.18+mglru")
SEEDS = 12


def an_action(dice: random.Random, kernel: str, v2: bool) -> dict[str, Any]:
    """One thing that this kernel can do."""
    flags, group = era(kernel).flags, dice.choice(("a", "b", "c"))
    size = dice.choice((256 * KiB, MiB, 4 * MiB, 64 * MiB))
    can: list[dict[str, Any]] = [
        {"drop_caches": dice.choice((1, 2, 3))}, {"remove": group}, {"compact": 1}, {"remove": group},
        {"set": Change(vm=Sysctl(swappiness=dice.choice((0, 100)), min_free_kbytes=dice.choice((200, 4000))))},
        {"set": Change(vm=Sysctl(vfs_cache_pressure=dice.choice((0, 1000)), dirty_ratio=dice.choice((0, 60))))},
        {"set": Change(cgroups={group: Limits(max=dice.choice((size, "max")))})},
    ]  # fmt: skip
    if not v2:
        return dice.choice([*can, {"force_empty": group}, {"set": Change(cgroups={group: Limits(soft_limit=size)})}])
    can.append({"set": Change(cgroups={group: Limits(high=dice.choice((size, "max")), swap_max=size)})})
    if flags["memory_reclaim"]:
        can.append({"reclaim": Reclaim(cgroup=dice.choice((group, None)), size=size)})
    if era(kernel).cgroup_missing.get("min") is None:
        can.append({"set": Change(cgroups={group: Limits(min=dice.choice((0, MiB)), low=min(size, 4 * MiB))})})
    return dice.choice(can)


def a_cell(seed: int) -> Cell:
    """Short tasks in nested groups, one that goes on, ten things that happen."""
    dice = random.Random(seed)
    kernel = KERNELS[seed % len(KERNELS)]
    v2 = bool(era(kernel).flags["cgroup2_by_default"]) and dice.random() < 0.8
    file = Region(kind="file", access="read", disk="d", file=dice.choice(("f", "g")))
    slab = Region(kind="slab", cache="c", file="fs")

    def task(kind: str, region: Region, group: str | None, **params: Any) -> Task:
        return Task(stream=Stream(kind=kind, params=params), memory=(region,), cgroup=group, count=dice.choice((1, 2)))

    tasks = {
        "t": task("loop", file, dice.choice("abc"), size=2 * MiB, accesses=700, write_fraction=0.3),
        "u": task("zipf", Region(), dice.choice("abc"), size=6 * MiB, accesses=3000, write_fraction=0.5),
        "v": task("metadata", slab, dice.choice("abc"), objects=900, accesses=900, pattern="walk"),
        "w": Task(stream=Stream(kind="zipf", params={"size": 6 * MiB, "accesses": 4000, "write_fraction": 0.5}),
                  think=10_000, cgroup=dice.choice(("c", None))),
    }  # fmt: skip
    times = sorted(dice.randrange(0, 60) for _ in range(10))
    host = machine(*((16, 16) if dice.random() < 0.3 else (32,)), cpus=2, **with_swap("partition", 8 * MiB))
    return Cell(
        kernel=kernel, machine=host, tasks=tasks, cgroup_version="v2" if v2 else "v1", seed=str(seed),
        cgroups={"a": Cgroup(max=24 * MiB), "b": Cgroup(parent="a", max=8 * MiB), "c": Cgroup(max=12 * MiB)},
        slab={"c": SlabCache(object=192, filesystem=True)},
        timeline=tuple(Entry(at=at * MS, **an_action(dice, kernel, v2)) for at in times),
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(SEEDS))
def test_laws_hold_whatever_changes(seed: int) -> None:
    done, again = (run(a_cell(seed), check=True) for _ in range(2))
    assert again.metrics == done.metrics and again.outcome.changes == done.outcome.changes
    assert done.metrics["timeline_writes"] > 0
