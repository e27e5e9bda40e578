"""A cell's timeline: settings, limits, dropped caches and removed groups, at their times and with all laws kept."""

from typing import Any

import numpy as np
import pytest

from mmrun.model import registry
from mmrun.model.core.events import compute
from mmrun.model.core.record import DECLARED
from mmrun.model.description import Cell, Cgroup, Disk, Entry, Region, SlabCache, Stream, Sysctl, Task
from mmrun.model.eras import era
from mmrun.model.life.sysctls import write
from mmrun.model.life.timeline import Change, Limits, Reclaim
from mmrun.model.mm.memcg.state import memcgs
from mmrun.model.mm.page.state import zones
from mmrun.model.mm.writeback.state import dirty_settings
from mmrun.model.rules.timeline import fixed
from mmrun.model.units import MS, PAGE, MiB
from tests.model.cells import ANON, Run, given, machine, machine_of, one, reads, run, with_swap, writes

FILE = Region(kind="file", access="read", disk="d", file="f")
SIZED = Region(kind="file", access="read", disk="d", file="f", size=4 * MiB)


def pause(ms: int) -> np.ndarray:
    """The task computes for so long."""
    return compute(ms * MS)


def limits(at: float, **given_: Any) -> Entry:
    """Limits of group g, written at a time in ms."""
    return Entry(at=int(at * MS), set=Change(cgroups={"g": Limits(**given_)}))


def lived(kernel: str, *entries: Entry, group: Cgroup | None = None, pages: int = 2048, swap: str = "zram",
          version: str | None = None) -> Run:  # fmt: skip
    """A task in group g touches pages, and is there for another 100 ms."""
    cell = one(
        kernel, machine(64, **with_swap(swap, 32 * MiB)), ANON, timeline=entries, cgroup_version=version,
        cgroups={"g": group or Cgroup(max=32 * MiB)},
    )  # fmt: skip
    return run(cell, np.concatenate([writes(range(pages)), pause(100), reads(range(16))]))


def row(done: Run, group: str = "g") -> Any:
    """The group's row."""
    return memcgs(done.m)[done.built.cgroups.index(group)]


def ops(done: Run) -> np.ndarray:
    """The rows of the timeline's writes."""
    return done.built.memory.table("life_ops")


def test_a_limit_that_is_lowered_makes_its_writer_reclaim() -> None:
    done = lived("6.18", limits(50, max=4 * MiB))
    (op,) = ops(done)
    assert op.done and op.result == 0 and op.began >= 50 * MS and op.ended > op.began
    assert op.before >= 2048 and op.after <= 1024  # pages
    assert row(done).limit == 1024 and done.metrics["pswpout"] >= 1024
    assert done.metrics["timeline_writes"] == 1 and done.metrics["timeline_ns"] == op.ended - op.began
    assert done.outcome.changes[0].startswith("0.05") and "memory.max 4MiB of g: 0" in done.outcome.changes[0]


def test_peak_is_the_most_that_was_charged() -> None:
    done = lived("6.18", limits(50, max=4 * MiB))
    assert row(done).peak == ops(done)[0].before >= 2048 > row(done).usage
    assert done.metrics["cgroup.g.peak_pages"] == row(done).peak


def test_since_4_6_a_limit_kills_and_before_it_is_refused() -> None:
    new = lived("4.19", limits(50, max=4 * MiB), swap="none")
    assert ops(new)[0].result == 0 and new.metrics["oom_kill"] == 1 and new.metrics["cgroup.g.events_oom"] == 1
    for kernel, version in (("4.5", "v2"), ("4.19", "v1"), ("3.15", "v1")):
        old = lived(kernel, limits(50, max=4 * MiB), swap="none", version=version)
        assert ops(old)[0].result == -16 and row(old).limit == 32 * MiB // PAGE, kernel
        assert old.metrics["oom_kill"] == 0 and old.metrics["timeline_refused"] == 1


def test_v1_lowers_a_limit_by_reclaiming() -> None:
    done = lived("3.15", limits(50, max=4 * MiB), version="v1")
    assert ops(done)[0].result == 0 and row(done).limit == 1024 and row(done).usage <= 1024


def test_high_is_reclaimed_to_by_its_writer_since_4_6() -> None:
    for kernel, once in (("4.4", False), ("4.19", True), ("5.10", True), ("6.18", True)):
        done = lived(kernel, limits(50, high=4 * MiB), version="v2")
        op = ops(done)[0]
        assert op.result == 0 and row(done).memory_high == 1024
        assert (op.after < op.before) == once, kernel
        assert done.metrics["outcome"] == "ok"


def test_a_limit_is_lifted() -> None:
    done = lived("6.18", limits(50, max="max", high="max"), group=Cgroup(max=2 * MiB, high=MiB), pages=1024)
    assert row(done).limit == row(done).memory_high == 1 << 62


def test_protection_that_is_written_protects() -> None:
    done = lived("6.18", limits(20, low=4 * MiB, min=MiB), limits(50, min=0))
    g = row(done)
    assert (g.memory_min, g.memory_low, g.protects) == (0, 1024, 1)
    assert memcgs(done.m)[0].children_low == 1024 and memcgs(done.m)[0].children_min == 0


def test_swap_max_below_usage_is_refused_to_4_17() -> None:
    for kernel, answer in (("4.14", -16), ("4.19", 0), ("6.18", 0)):
        done = lived(kernel, limits(50, max=4 * MiB), limits(60, swap_max=MiB), version="v2")
        assert ops(done)[1].result == answer, kernel
        assert row(done).swap_pages > 256


@pytest.mark.parametrize("kernel", ["3.1", "3.15", "4.19", "6.18", "6.18+mglru"])
def test_drop_caches_takes_clean_pages_that_nobody_uses(kernel: str) -> None:
    host = machine(64, disks={"d": Disk()})
    entry = Entry(at=150 * MS, drop_caches=1)
    mapped, groups = Region(kind="file", disk="d", file="mapped"), {"g": Cgroup(max=32 * MiB)}
    cell = one(kernel, host, SIZED, mapped, timeline=(entry,), cgroups=groups)
    events = np.concatenate([reads(range(1024)), writes(range(1000, 1008)), reads(range(1024, 1040)), pause(500)])
    done = run(cell, events, footprint=2048)
    (op,) = ops(done)
    left = done.built.memory.table("files")["nr_cached"]
    assert left[0] == 8 and op.after >= 1016  # dirty ones stay
    assert left[1] >= 16 and done.metrics["dropped_pages"] == op.after and done.metrics["drop_pagecache"] == 1


@pytest.mark.parametrize("kernel", ["3.1", "3.15", "4.19", "5.8", "6.18"])
def test_drop_caches_shrinks_slabs(kernel: str) -> None:
    region = Region(kind="slab", cache="c")
    task = Task(stream=Stream(kind="metadata", params={"objects": 2000, "accesses": 2000, "pattern": "walk"}),
                memory=(region,), stays=True)  # fmt: skip
    keeper = Task(stream=Stream(kind="loop", params={"size": PAGE, "accesses": 100}), think=10 * MS)
    cell = Cell(kernel=kernel, machine=machine(64), tasks={"t": task, "k": keeper},
                slab={"c": SlabCache(object=192, filesystem=True)},
                timeline=(Entry(at=500 * MS, drop_caches=2),))  # fmt: skip
    done = run(cell)
    assert 1500 < ops(done)[0].after <= 2000
    assert done.metrics["dropped_objects"] == ops(done)[0].after


CHANGEABLE = sorted(Sysctl.__dataclass_fields__.keys() - fixed().keys())
VALUES = {"transparent_hugepage_defrag": "always", "dirty_bytes": 8 * MiB, "dirty_background_bytes": 4 * MiB,
          "swappiness": 7, "percpu_pagelist_fraction": 8, "percpu_pagelist_high_fraction": 8, "max_ptes_none": 5,
          "khugepaged_defrag": False, "min_free_kbytes": 8000, "watermark_scale_factor": 200}  # fmt: skip


def settings_of(built: Any) -> dict[str, bytes]:
    """Everything that settings of a machine come to, but what is worked out when dirty limits are written alone."""
    dirty_settings(built.memory.m).ratelimit_pages = 0
    found = {each.name: each(built.memory.m).tobytes() for each in DECLARED.values()
             if not each.dimensions and each.name.endswith("settings")}  # fmt: skip
    return found | {"zones": zones(built.memory.m).tobytes(), "pcps": built.memory.table("pcps").tobytes()}


@pytest.mark.parametrize("name", CHANGEABLE)
@pytest.mark.parametrize("kernel", ["4.19", "6.18"])
def test_a_setting_that_is_written_is_as_one_from_the_start(name: str, kernel: str) -> None:
    kernel_ = era(kernel)
    if name in kernel_.missing:
        pytest.skip(f"{kernel} has no vm.{name}")
    most = kernel_.ranges.get(name, (0, 1 << 30))[1]
    value = VALUES[name] if name in VALUES else min(most, (kernel_.sysctl.get(name) or 0) + 5)
    host = machine(64, **with_swap("zram", 8 * MiB))
    later = (Entry(at=MS, set=Change(vm=Sysctl(**{name: value}))),)  # daemons that a setting needs are there
    base = {"zswap": True} if name.startswith("zswap") and "zswap" not in kernel_.missing else {}
    before = machine_of(one(kernel, host, vm=Sysctl(**base), timeline=later))
    after = one(kernel, host, vm=Sysctl(**base, **{name: value}), timeline=later)
    plain, wanted = settings_of(before), settings_of(machine_of(after))
    write(before, {name: value})
    assert settings_of(before) == wanted
    assert name in ("nr_overcommit_hugepages", "zone_reclaim_mode") or plain != wanted


def test_what_cannot_change_is_refused_with_the_reason() -> None:
    cell = one("6.18", machine(64), timeline=(Entry(at=MS, set=Change(vm=Sysctl(numa_balancing=1))),))
    with pytest.raises(ValueError, match=r"timeline.0.set.vm.numa_balancing: vm.numa_balancing cannot change .*tables"):
        registry.resolve(cell)


def group_cell(kernel: str, *entries: Entry, **more: Any) -> Cell:
    """Task t in group g reads a file and ends, task k lives on."""
    tasks = {"t": given(FILE, cgroup="g", stays=False), "k": given(ANON, cgroup=more.pop("other", None))}
    groups = {"g": Cgroup(max=32 * MiB), "h": Cgroup(max=32 * MiB)}
    return Cell(kernel=kernel, machine=machine(64, disks={"d": Disk()}, **with_swap("zram", 16 * MiB)), tasks=tasks,
                cgroups=groups, timeline=entries, **more)  # fmt: skip


STREAMS = {"t": reads(range(512)), "k": np.concatenate([writes(range(64)), pause(400), reads(range(8))])}


def test_a_removed_group_lives_as_long_as_its_pages() -> None:
    remove = Entry(at=200 * MS, remove="g")
    done = run(group_cell("6.18", remove), STREAMS)
    assert ops(done)[0].result == 0 and row(done).offline == 1 and row(done).usage >= 512
    assert done.metrics["nr_dying_descendants"] == 1 and done.metrics["cgroup.g.file"] == 512
    assert row(done).kmem == 0  # what it had of the kernel's is the root's
    dropped = run(group_cell("6.18", remove, Entry(at=300 * MS, drop_caches=1)), STREAMS)
    assert row(dropped).usage == 0 and dropped.metrics["nr_dying_descendants"] == 0


def test_to_3_18_pages_move_to_the_group_above() -> None:
    for kernel in ("3.1", "3.18"):
        done = run(group_cell(kernel, Entry(at=200 * MS, remove="g")), STREAMS)
        frames = done.built.memory.table("frames")
        assert row(done).usage == 0 and done.metrics["nr_dying_descendants"] == 0, kernel
        assert (frames["memcg"][frames["kind"] == 5] == 0).all() and done.metrics["cgroup.g.usage_pages"] == 0
        assert done.built.memory.table("files")["nr_cached"][0] == 512


def test_kernel_memory_pins_a_group_to_5_2() -> None:
    entries = Entry(at=200 * MS, remove="g"), Entry(at=300 * MS, drop_caches=1)
    held = {kernel: run(group_cell(kernel, *entries), STREAMS) for kernel in ("4.19", "5.15")}
    assert row(held["4.19"]).kmem > 0 and held["4.19"].metrics["nr_dying_descendants"] == 1
    assert row(held["5.15"]).usage == 0 and held["5.15"].metrics["nr_dying_descendants"] == 0


def test_a_group_in_use_is_not_removed() -> None:
    done = run(group_cell("6.18", Entry(at=MS // 2, remove="g"), Entry(at=200 * MS, remove="g"),
                          Entry(at=201 * MS, remove="g")), STREAMS)  # fmt: skip
    assert [int(op.result) for op in ops(done)] == [-16, 0, -2]


def test_memory_reclaim_takes_what_is_asked_for_or_says_it_could_not() -> None:
    entries = (Entry(at=50 * MS, reclaim=Reclaim(cgroup="g", size=2 * MiB)),
               Entry(at=60 * MS, reclaim=Reclaim(cgroup="g", size=64 * MiB, swappiness="max")))  # fmt: skip
    done = lived("6.18", *entries)
    assert [int(op.result) for op in ops(done)] == [0, -11]
    assert ops(done)[0].before - ops(done)[0].after >= 512


def test_force_empty_empties() -> None:
    done = run(group_cell("4.19", Entry(at=200 * MS, force_empty="g"), cgroup_version="v1"), STREAMS)
    (op,) = ops(done)
    assert op.result == 0 and op.before > 512 and op.after <= 64  # page tables and nodes of the cache's tree
    assert "cgroup.g.file" not in done.metrics


def test_oom_group_takes_all_of_a_group() -> None:
    for together, dead in ((False, 1), (True, 3)):
        tasks = {name: given(ANON, cgroup="g") for name in ("a", "b", "c")} | {"k": given(ANON)}
        cell = Cell(kernel="6.18", machine=machine(64), tasks=tasks,
                    cgroups={"g": Cgroup(max=4 * MiB, oom_group=together)})  # fmt: skip
        small = np.concatenate([writes(range(128)), pause(200)])
        done = run(cell, {"a": writes(range(1500)), "b": small, "c": small, "k": small})
        assert done.metrics["oom_kill"] == dead
        assert done.metrics["cgroup.g.events_oom_group_kill"] == int(together)


def test_what_comes_after_the_end_is_told() -> None:
    done = lived("6.18", limits(5000, max=4 * MiB))
    assert done.outcome.changes == ["5s: memory.max 4MiB of g: not done, the run was over"]
    assert done.metrics["timeline_writes"] == 0
