"""Dirty throttling in a running machine: levels, pauses, fairness, groups, strict devices, in every form it had."""

from typing import Any

import numpy as np
import pytest

from mmrun.model.api import simulate
from mmrun.model.build import Built
from mmrun.model.core.state import turn
from mmrun.model.description import Cell, Cgroup, Disk, Machine, Node, Region, Sampling, Stream, Sysctl, Task, Variant
from mmrun.model.machine.state import costs, cpus
from mmrun.model.machine.timers import expiry
from mmrun.model.mm.dirty_throttling.balance_dirty import picked_up
from mmrun.model.mm.task.calls import bucket_of
from mmrun.model.mm.task.latency import bounds, percentile
from mmrun.model.mm.task.state import LATENCY_BUCKETS
from mmrun.model.mm.writeback.state import writeback_count
from mmrun.model.mm.writeback.wb_bandwidth import INIT_BW
from mmrun.model.units import MB_S, MS, PAGE, MiB, S
from tests.model.actors import asleep_until
from tests.model.cells import Run, given, machine, reads, run, sampled, writes

FORMS = ("congestion-wait", "dirtier-writes", "io-less", "position-control")
FILE = Region(kind="file", access="read", disk="d")
RATE = 32  # MB/s of the disk
LIMIT, BACKGROUND = 16 * MiB, 8 * MiB
TICK = 1_000_000


def throttled(form: str | None, writers: int, mib: int, **more: Any) -> Run:
    """`writers` tasks write a file of `mib` MiB each to a slow disk that serves one request at a time."""
    disk = more.pop("disk", Disk(parallel=1, write_latency=0, write_bandwidth=RATE * MB_S))
    group, probe, extra = more.pop("group", {}), more.pop("probe", look), more.pop("extra", 0)
    memory = more.pop("memory", 128)
    tasks = {f"t{i}": given(FILE, **group) for i in range(writers)}
    policy = {"dirty_throttling": Variant(variant=form, params=more.pop("params", {}))} if form else {}
    cell = Cell(
        kernel=more.pop("kernel", "6.18"),
        machine=Machine(nodes=(Node(memory=memory * MiB, cpus=writers),), disks={"d": disk}, hz=more.pop("hz", 1000)),
        policy=policy, tasks=tasks,
        vm=more.pop("vm", Sysctl(dirty_bytes=LIMIT, dirty_background_bytes=BACKGROUND)),
        sampling=more.pop("sampling", sampled(500)), **more,
    )  # fmt: skip
    events = writes(np.arange(mib * MiB // PAGE + extra))
    return run(cell, dict.fromkeys(tasks, events), probe=probe, check=memory <= 128)


def look(built: Built) -> int:
    """Dirty pages and pages under writeback."""
    return int(writeback_count(built.memory.m).nr_dirty + writeback_count(built.memory.m).nr_writeback)


def progress(built: Built) -> np.ndarray:
    """Accesses of each task so far."""
    return built.memory.table("task_count")["accesses"].copy()


@pytest.mark.parametrize("form", FORMS)
def test_writers_are_held_near_the_limit_at_the_speed_of_the_disk(form):
    found = throttled(form, 2, 40)
    later = found.seen[len(found.seen) // 2 :]
    assert max(later) < 1.1 * LIMIT // PAGE
    assert found.metrics["dirty_pauses"] > 10
    written = (found.metrics["nr_dirtied"] - later[-1]) * PAGE
    assert written / found.metrics["elapsed_ns"] * 1000 == pytest.approx(RATE, rel=0.2)


@pytest.mark.parametrize("form", FORMS)
def test_who_sleeps_when_the_run_ends_has_lasted_to_its_end(form):
    found = throttled(form, 10, 100, duration=2 * S)
    asleep = [asleep_until(found.built, who) for who in range(10)]
    assert max(asleep) > 2 * S, "nobody slept beyond the end"
    assert found.metrics["elapsed_ns"] < 2.1 * S
    assert min(found.metrics[f"task.t{i}.elapsed_ns"] for i in range(10)) >= 2 * S
    assert found.metrics["nr_written"] * PAGE / found.metrics["elapsed_ns"] * 1000 < 1.01 * RATE


@pytest.mark.parametrize("form", FORMS)
def test_nobody_sleeps_below_freerun(form):
    found = throttled(form, 2, 5)
    assert found.metrics["dirty_pauses"] == found.metrics["stall_dirty_ns"] == 0


def mark(built: Built) -> None:
    """Pretend that the device was over its limit."""
    built.memory.table("wbs")[0].dirty_exceeded = 1


@pytest.mark.parametrize("form", ["dirtier-writes", "io-less"])
def test_a_call_below_freerun_lets_dirtiers_ask_less_often_again(form):
    found = throttled(form, 1, 5, kernel="3.1", probe=mark)
    assert found.seen and not found.built.memory.table("wbs")[0].dirty_exceeded


@pytest.mark.parametrize(("era", "stays"), [("5.15", 0), ("6.1", 1), ("6.18", 1)])
def test_since_6_0_such_a_call_leaves_the_mark(era, stays):
    """To 5.19 it is cleared after the loop of balance_dirty_pages, since then only where a rate is found."""
    found = throttled(None, 1, 5, kernel=era, probe=mark)
    assert found.seen and found.built.memory.table("wbs")[0].dirty_exceeded == stays


def spread(form: str) -> float:
    """Largest less smallest share of ten equal writers over half of 24 s, over the mean; the start is anybody's."""
    fast = Disk(parallel=1, write_latency=0, write_bandwidth=100 * MB_S)
    found = throttled(
        form, 10, 300, disk=fast, memory=1024, vm=Sysctl(), duration=24 * S, sampling=Sampling(every=6 * S),
        probe=progress,
    )  # fmt: skip
    done = found.seen[-1] - found.seen[0]
    return (done.max() - done.min()) / done.mean()


def test_ten_equal_writers_get_equal_shares_where_nobody_writes_himself():
    assert spread("position-control") < 0.1
    assert spread("io-less") < 0.1


def test_copies_are_counted_together():
    stream = Stream(kind="writer", params={"size": MiB, "accesses": 256})
    tasks = {f"dd-{n}": Task(count=n, stream=stream, memory=(FILE,)) for n in (1, 3)}
    found = simulate(Cell(kernel="6.18", machine=machine(64, disks={"d": Disk()}), tasks=tasks)).metrics
    assert found["task.dd-1.write_calls"] == 256 and found["task.dd-3.write_calls"] == 768
    assert "task.dd-3.rate_spread_ratio" in found and "task.dd-1.rate_spread_ratio" not in found


def end_of_pause(built: Built) -> int:
    """When the pause of task 0 ends (ns); 0: it is in none."""
    paused = built.memory.table("wbs")[0].dirty_sleep == built.memory.table("actors")[0].since
    return asleep_until(built, 0) if paused else 0


@pytest.mark.parametrize("hz", [100, 250, 1000])
def test_sleeps_end_with_a_tick(hz):
    found = throttled("position-control", 1, 24, hz=hz, sampling=Sampling(every=MS), probe=end_of_pause)
    ends = np.array([end for end in found.seen if end])
    assert len(set(ends.tolist())) > 5 and ((ends - costs(found.m).kswapd_wake) % (S // hz) == 0).all()
    assert found.metrics["stall_dirty_ns"] / found.metrics["dirty_pauses"] <= (S // 5 + 8 * S // hz)


def test_the_timer_wheel_never_fires_early():
    assert [expiry(1000, n, 0) for n in (1, 10, 200)] == [1001, 1010, 1200]
    assert [expiry(1000, n, 1) for n in (1, 62, 63, 200, 504)] == [1002, 1063, 1064, 1208, 1536]


def test_a_strict_device_is_throttled_below_the_machines_freerun():
    disk = Disk(parallel=1, write_latency=0, write_bandwidth=RATE * MB_S, strictlimit=True, max_ratio=10)
    found = throttled(None, 1, 24, disk=disk, vm=Sysctl(dirty_bytes=80 * MiB, dirty_background_bytes=40 * MiB))
    assert found.metrics["dirty_pauses"] > 10
    assert max(found.seen) < 0.3 * 80 * MiB // PAGE


def test_a_groups_own_limit_governs_with_cgroup_writeback():
    group = {"cgroups": {"g": Cgroup(max=32 * MiB)}, "group": {"cgroup": "g"}, "vm": Sysctl(dirty_ratio=50)}
    free = throttled("position-control", 1, 24, cgroup_version="v1", **dict(group))
    held = throttled("position-control", 1, 24, **dict(group))
    assert free.metrics["stall_dirty_ns"] < held.metrics["stall_dirty_ns"]
    assert max(held.seen) < 16 * MiB // PAGE < max(free.seen)
    wbs = held.built.memory.table("wbs")
    assert len(wbs) == 2 and wbs[1].nr_dirtied == held.metrics["nr_dirtied"] and wbs[0].nr_dirtied == 0


def test_bandwidth_is_estimated_from_what_was_written():
    found = throttled("position-control", 1, 120, sampling=sampled(4000))
    estimate = int(found.built.memory.table("wbs")[0].write_bandwidth)
    start, real = INIT_BW, RATE * MB_S // PAGE
    ticks = found.metrics["elapsed_ns"] / (0.2 * S)
    expected = real + (start - real) * (1 - 200 / 4096) ** ticks
    assert estimate == pytest.approx(expected, rel=0.1)


def test_only_estimates_of_3_1_move_the_bandwidth():
    before, since = (throttled("dirtier-writes", 1, 24, params={"estimates": on}) for on in (False, True))
    assert before.built.memory.table("wbs")[0].write_bandwidth == INIT_BW
    assert since.built.memory.table("wbs")[0].write_bandwidth < INIT_BW


def test_dirtiers_of_3_1_submit_writes_themselves():
    found = throttled("dirtier-writes", 4, 24, kernel="3.1", disk=Disk(kind="hdd"))
    assert found.metrics["dirty_pauses"] > 0
    assert found.metrics["dirtier_written"] > 100
    assert throttled("io-less", 4, 24, kernel="3.1", disk=Disk(kind="hdd")).metrics["dirtier_written"] == 0


def test_congestion_wait_ends_early_when_a_queue_has_room():
    found = throttled("congestion-wait", 3, 24, kernel="3.1", disk=Disk(kind="usb", write_bandwidth=20 * MB_S))
    assert found.metrics["dirty_pauses"] > 0
    assert found.metrics["stall_dirty_ns"] <= found.metrics["dirty_pauses"] * 101 * MS


def test_pages_of_tasks_that_ended_are_answered_for_by_others():
    found = throttled("position-control", 1, 5, extra=3)
    m, task = found.m, found.built.memory.table("tasks")[0]
    assert 0 < cpus(m)[0].dirty_leaks <= found.metrics["nr_dirtied"] and task.nr_dirtied == 0
    turn(m).cpu, cpus(m)[0].dirty_leaks, task.nr_dirtied = 0, 100, 5
    picked_up(m, 0, 32)
    assert (task.nr_dirtied, cpus(m)[0].dirty_leaks) == (32, 73)
    picked_up(m, 0, 8)
    assert (task.nr_dirtied, cpus(m)[0].dirty_leaks) == (32, 73)


def test_latencies_of_write_show_the_pauses():
    free, held = throttled("position-control", 1, 5), throttled("position-control", 1, 40)
    assert free.metrics["write_calls"] == 5 * MiB // PAGE
    assert free.metrics["write_p50_ns"] == pytest.approx(held.metrics["write_p50_ns"], rel=0.25)
    assert free.metrics["write_p999_ns"] < TICK < held.metrics["write_p999_ns"]
    assert held.metrics["task.t0.write_p99_ns"] == held.metrics["write_p99_ns"]


def test_latencies_by_kind_of_call_and_task():
    disk = Disk(read_latency=MS, read_bandwidth=1000 * MB_S, parallel=1)
    tasks = {"reader": given(Region(kind="file", access="read", readahead=0, disk="d")), "mapper": given()}
    cell = Cell(kernel="6.18", machine=machine(64, disks={"d": disk}), tasks=tasks)
    done = run(cell, {"reader": reads([0, 1, 0, 1]), "mapper": writes(range(10))}).metrics
    assert done["task.reader.read_calls"] == done["read_calls"] == 4 and "task.mapper.read_calls" not in done
    assert done["read_p50_ns"] < MS < done["read_p99_ns"] < 2 * MS
    assert done["task.mapper.fault_calls"] == done["pgfault"] == 10 and "write_calls" not in done


def test_histogram_buckets_cover_every_latency_once():
    edges = bounds()
    assert (np.diff(edges) > 0).all()
    for ns in [0, 1, 3, 4, 5, 7, 8, 9, 1000, 999_999, 10**9, 10**12]:
        bucket = bucket_of(ns)
        assert edges[bucket] <= ns < edges[bucket + 1]
    assert bucket_of(1 << 60) == LATENCY_BUCKETS - 1


def test_percentiles_by_rank():
    counts = np.zeros(LATENCY_BUCKETS, dtype=np.int64)
    assert percentile(counts, 0.5) == 0
    counts[bucket_of(1000)], counts[bucket_of(10**6)] = 99, 1
    assert 896 <= percentile(counts, 0.5) < 1024
    assert 896 <= percentile(counts, 0.99) <= 1024
    assert 917_504 <= percentile(counts, 0.999) < 1_048_576
