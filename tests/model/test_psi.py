"""Pressure stall information: the kernel's conditions, weights and averages, and who stalls over what by version."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mmrun.model.core.events import compute
from mmrun.model.description import Cell, Cgroup, Disk, Machine, Sampling, Stream, SwapTarget, Task, Variant
from mmrun.model.psi.averages import FIXED_1, calc_avgs, calc_load, collect, psi_update
from mmrun.model.psi.settings import AVERAGES, KINDS, TOTALS
from mmrun.model.psi.state import (
    CPU_FULL,
    CPU_SOME,
    IO_FULL,
    IO_SOME,
    IOWAIT,
    MEM_FULL,
    MEM_SOME,
    MEMSTALL,
    NONIDLE,
    ONCPU,
    RUNNING,
    psi,
    psi_cpus,
    psi_groups,
    psi_settings,
)
from mmrun.model.psi.task_change import group_change
from mmrun.model.units import MS, PAGE, GiB, MiB, S
from tests.model.cells import OWN_CPUS, READ, given, machine, machine_of, one, reads, run, writes

FAIR = {"sched": Variant(variant="fair")}
PERIOD = 2 * S


def shown(avg: np.ndarray) -> list[str]:
    """As the kernel prints averages."""
    return [f"{int(a) >> 11}.{((a & FIXED_1 - 1) * 100 >> 11):02}" for a in avg]


@pytest.mark.parametrize(
    "samples, wanted",
    [
        ([100], "18.11 3.27 0.68"), ([100] * 2, "32.94 6.43 1.36"), ([100] * 5, "63.18 15.32 3.37"),
        ([100] * 10, "86.44 28.29 6.63"), ([100] * 30, "99.75 63.13 18.60"), ([50], "9.05 1.63 0.34"),
        ([50] * 5, "31.59 7.66 1.68"), ([50] * 30, "49.87 31.57 9.30"), ([50] * 150, "50.00 49.66 32.15"),
        ([25], "4.52 0.81 0.17"), ([100] * 5 + [0], "51.73 14.82 3.34"), ([100] * 5 + [0] * 5, "23.26 12.97 3.25"),
        ([100] * 5 + [0] * 10, "8.56 10.98 3.14"),
    ],
)  # fmt: skip
def test_averages_are_the_kernels_to_the_last_digit(samples: list[int], wanted: str):
    avg = np.zeros(3, np.int64)
    for percent in samples:
        calc_avgs(avg, 0, percent * PERIOD // 100, PERIOD)
    assert shown(avg) == wanted.split()


def crowd(cpus: int, kernel: str = "6.18", groups: dict[str, Cgroup] | None = None) -> Any:
    """A machine whose actors share CPUs."""
    return machine_of(one(kernel, machine(64, cpus=cpus), policy=FAIR, cgroups=groups or {})).memory.m


@pytest.mark.parametrize(
    "some, nonidle, wanted",
    [((2000, 0), (500, 500), 1000), ((2000, 0), (500, 0), 2000), ((1000, 500, 0, 0), (500, 250, 250, 0), 625)],
)
def test_cpus_weigh_what_they_were_not_idle(some: tuple[int, ...], nonidle: tuple[int, ...], wanted: int):
    m = crowd(len(some))
    for row, ns, busy in zip(psi_cpus(m), some, nonidle, strict=True):
        row.times[MEM_SOME], row.times[NONIDLE], row.mask = ns * MS, busy * MS, 1
        row.since = PERIOD
    collect(m, PERIOD)
    assert psi_groups(m)[0].total[MEM_SOME] == wanted * MS
    collect(m, PERIOD)
    assert psi_groups(m)[0].total[MEM_SOME] == wanted * MS, "nothing is collected twice"


def after_a_period(m: Any) -> dict[str, float]:
    """Each state's share of the first period, in per cent."""
    psi_update(m, psi_settings(m).period)
    return {kind: 100 * int(psi_groups(m)[0].total[s]) / int(psi_settings(m).period) for s, kind in enumerate(KINDS)}


def test_one_task_more_than_cpus():
    m = crowd(256)
    for cpu in range(256):
        group_change(m, cpu, 0, RUNNING | ONCPU, 0)
    group_change(m, 17, 0, RUNNING, 0)
    found = after_a_period(m)
    assert found["cpu_some"] == pytest.approx(100 / 256, rel=1e-6) and found["cpu_full"] == 0
    assert found["memory_some"] == found["io_some"] == 0


def test_one_of_four_stalls():
    m = crowd(4)
    for cpu in range(4):
        group_change(m, cpu, 0, RUNNING | ONCPU | (MEMSTALL if cpu == 2 else 0), 0)
    found = after_a_period(m)
    assert (found["memory_some"], found["memory_full"], found["cpu_some"]) == (25, 25, 0)


BEFORE, LATER = ("4.20", "5.15"), ("5.17", "6.18")


@pytest.mark.parametrize(
    "kernels, tasks, wanted",
    [
        (BEFORE + LATER, [IOWAIT], {IO_SOME, IO_FULL}),
        (BEFORE + LATER, [IOWAIT, RUNNING | ONCPU], {IO_SOME}),
        (BEFORE + LATER, [MEMSTALL | IOWAIT], {IO_SOME, IO_FULL, MEM_SOME, MEM_FULL}),
        (BEFORE + LATER, [MEMSTALL, RUNNING | ONCPU], {MEM_SOME}),
        (BEFORE + LATER, [MEMSTALL | RUNNING | ONCPU], {MEM_SOME, MEM_FULL}),
        (LATER, [MEMSTALL | RUNNING | ONCPU, RUNNING], {MEM_SOME, CPU_SOME}),
        (BEFORE, [MEMSTALL | RUNNING | ONCPU, RUNNING], {MEM_SOME, MEM_FULL, CPU_SOME}),
        (("4.20",), [RUNNING], set()),  # somebody of another group runs
        (("5.8",), [RUNNING], {CPU_SOME}),
        (("5.13", "6.18"), [RUNNING], {CPU_SOME, CPU_FULL}),
        (("4.20", "6.18"), [RUNNING | ONCPU, RUNNING], {CPU_SOME}),
        (("6.18",), [], set()),
    ],
)
def test_what_tasks_come_to_on_a_cpu(kernels: tuple[str, ...], tasks: list[int], wanted: set[int]):
    for kernel in kernels:
        m = crowd(1, kernel)
        for flags in tasks:
            group_change(m, 0, 0, flags, 0)
        expected = sum(1 << state for state in wanted) | (1 << NONIDLE if tasks else 0)
        assert psi_cpus(m)[0].mask == expected, kernel
        for flags in tasks:
            group_change(m, 0, flags, 0, 100)
        assert psi_cpus(m)[0].mask == 0 and psi_cpus(m)[0].times[NONIDLE] == (100 if tasks else 0)


def test_there_is_none_before_4_20():
    old, new = (run(one(kernel, machine(16)), writes(range(100))).metrics for kernel in ("4.19", "4.20"))
    assert TOTALS.keys() | AVERAGES.keys() <= new.keys()
    assert not (TOTALS.keys() | AVERAGES.keys()) & old.keys()


SSD = Machine(nodes=machine(64, cpus=4).nodes, disks={"d": Disk(kind="sata-ssd")})
ON_DISK = replace(READ, disk="d", readahead=0)


def thrashing(pages: int) -> np.ndarray:
    """Random pages of a few more than there is room for: those that were active are evicted, too."""
    return np.random.default_rng(4).integers(0, pages, 8 * pages)


def test_first_reads_are_io_and_what_was_in_use_before_is_memory_too():
    """A pure stream never makes memory pressure but by its reclaim; reads of what was active and evicted do."""
    cell = one("6.18", SSD, replace(ON_DISK, size=2048 * PAGE), cgroups={"g": Cgroup(max=4 * MiB, stat_read_every=16)})
    stream = run(cell, reads(range(2048))).metrics
    loop = run(cell, reads(thrashing(1300))).metrics
    assert stream["io_pressure_full_ns"] == stream["io_pressure_some_ns"] == stream["stall_file_ns"] > 0
    assert stream["memory_pressure_some_ns"] == stream["stall_memcg_ns"]
    again = loop["memory_pressure_some_ns"] - loop["stall_memcg_ns"]
    assert 0.1 * loop["stall_file_ns"] < again < loop["stall_file_ns"] == loop["io_pressure_some_ns"]
    assert loop["cgroup.g.memory_pressure_full_ns"] == loop["memory_pressure_some_ns"]


def test_dirty_throttling_is_io():
    disk = Machine(nodes=machine(64, cpus=2).nodes, disks={"d": Disk(kind="hdd")})
    found = run(one("6.18", disk, ON_DISK, cgroups={"g": Cgroup()}), writes(range(9000))).metrics
    assert found["cgroup.g.io_pressure_some_ns"] == found["stall_dirty_ns"] > 0 == found["memory_pressure_some_ns"]
    assert found["io_pressure_some_ns"] > 0, "of the machine less, as its flusher's CPU weighs, too"


@pytest.mark.parametrize("kernel, counts", [("4.20", False), ("5.15", True), ("6.18", True)])
def test_the_sleep_over_memory_high(kernel: str, counts: bool):
    cell = one(kernel, machine(16), cgroups={"g": Cgroup(high=2 * MiB, max=8 * MiB)})
    found = run(cell, writes(range(600))).metrics
    assert found["io_pressure_some_ns"] == 0
    assert (found["memory_pressure_some_ns"] == found["stall_high_ns"] + found["stall_memcg_ns"]) or not counts
    assert found["memory_pressure_some_ns"] <= found["stall_high_ns"]


@pytest.mark.parametrize("kernel, least", [("5.4", None), ("5.15", 0.5), ("6.18", 0)])
def test_swap_in_from_memory(kernel: str, least: float | None):
    """A page read from zram is there when the read returns: since 5.5 that is a stall, later if the page was active."""
    host = machine(16, cpus=2, swap={"z": SwapTarget(kind="zram", size=64 * MiB)})
    cell = one(kernel, host, cgroups={"g": Cgroup(max=4 * MiB, stat_read_every=16)}, policy=OWN_CPUS)
    found = run(cell, writes(thrashing(1300))).metrics
    read = found["cgroup.g.memory_pressure_some_ns"] - found["stall_memcg_ns"]
    assert found["pswpin"] > 1000
    assert read == 0 if least is None else least * found["stall_swap_ns"] < read < found["stall_swap_ns"]


def test_a_group_has_the_pressure_of_those_below_and_shared_cpus_count_alike():
    groups = {"top": Cgroup(), "in": Cgroup(parent="top", max=4 * MiB, stat_read_every=16), "other": Cgroup()}
    cell = Cell(
        kernel="6.18", machine=SSD, cgroups=groups,
        tasks={"a": given(replace(ON_DISK, size=2048 * PAGE), cgroup="in"), "b": given(cgroup="other")},
    )  # fmt: skip
    streams = {"a": reads(thrashing(1300)), "b": compute(100 * MS)}
    own, shared = (run(replace(cell, policy=policy), streams).metrics for policy in (OWN_CPUS, FAIR))
    for found in (own, shared):
        for name in TOTALS:
            assert found[f"cgroup.top.{name}"] == found[f"cgroup.in.{name}"] and found[f"cgroup.other.{name}"] == 0
    for resource in ("memory", "io"):
        name = f"cgroup.in.{resource}_pressure_some_ns"
        assert own[name] == pytest.approx(shared[name], rel=1e-3) and own[name] > 50 * MS
        # The machine's CPUs are two, of which the other one does not stall.
        assert own[f"{resource}_pressure_some_ns"] < own[name]


def test_a_cpu_too_few():
    """Three that compute on two CPUs: on one of them somebody waits, always; nobody waits where each has its own."""
    tasks = {f"t{i}": Task(stream=Stream(kind="given"), cgroup="g") for i in range(3)}
    cell = Cell(kernel="6.18", machine=machine(64, cpus=2), tasks=tasks, cgroups={"g": Cgroup()}, duration=8 * S)
    streams = dict.fromkeys(tasks, np.concatenate([compute(S)] * 9))
    shared, own = (run(replace(cell, policy=policy), streams).metrics for policy in (FAIR, OWN_CPUS))
    assert shared["cpu_pressure_some_ns"] == pytest.approx(4 * S, rel=0.02)
    assert shared["cgroup.g.cpu_pressure_full_ns"] == shared["cpu_pressure_full_ns"] == 0
    assert own["cpu_pressure_some_ns"] == 0


def test_averages_follow_a_stall_that_goes_on():
    """A disk that never answers: the first sample lacks the moments before, the others are whole."""
    dead = Machine(
        nodes=machine(64).nodes, disks={"d": Disk(kind="hdd", size=16 * GiB, stall_from=0, stall_until=1000 * S)}
    )
    cell = one("6.18", dead, ON_DISK, duration=11 * S, sampling=Sampling(every=S))
    found = run(cell, reads(range(5)))
    wanted, avg = [0], 0
    for percent in (99, 100, 100, 100, 100):
        avg = calc_load(avg, 1677, percent << 11)
        wanted.append((avg >> 11) * 100 + ((avg & FIXED_1 - 1) * 100 >> 11))
    assert sorted(set(found.outcome.series["io_pressure_full_avg10"].tolist())) == wanted[:-1]
    assert found.metrics["io_pressure_full_avg10"] == wanted[-1]
    assert found.metrics["io_pressure_full_ns"] == found.metrics["stall_file_ns"] > 10.9 * S
    totals = found.outcome.series["io_pressure_some_ns"]
    assert (np.diff(totals) >= 0).all() and totals[-1] < found.metrics["io_pressure_some_ns"]
    assert psi(found.m).next_update > 11 * S


def test_a_kswapd_that_works_is_pressure_of_the_machine_alone():
    host = Machine(nodes=machine(16, cpus=2).nodes, disks={"d": Disk(kind="sata-ssd")})
    cell = one("6.18", host, replace(ON_DISK, size=8192 * PAGE), cgroups={"g": Cgroup()})
    found = run(cell, reads(range(8192))).metrics
    assert found["memory_pressure_some_ns"] > 0 < found["kswapd_ns"]
    assert found["cgroup.g.memory_pressure_some_ns"] == found["stall_alloc_ns"] < found["memory_pressure_some_ns"]
