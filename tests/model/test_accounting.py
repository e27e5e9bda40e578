"""Where time goes: at any moment a task's work and stalls make up all of its time, also while it sleeps."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmrun.model.build import Built
from mmrun.model.core.accounting import CONTROLLER, DIRTY, FAULT, FILE, KSWAPD, SCANNER, begins, ends, work_as
from mmrun.model.core.codes import KILLED
from mmrun.model.core.sleep import sleep_until
from mmrun.model.description import Cell, Cgroup, Disk, Machine, Node, Sampling, SwapTarget, Sysctl
from mmrun.model.machine.state import node_count, task_count
from mmrun.model.mm.idle.state import idle_count
from mmrun.model.mm.memcg.pressure import some_ppm
from mmrun.model.mm.reclaim.state import reclaim_settings
from mmrun.model.mm.task.settings import APART, OF_RECLAIM, RECLAIMS
from mmrun.model.mm.task.times import clocks
from mmrun.model.units import MS, GiB, MiB, S
from tests.model.actors import Entered, kswapd_of, life
from tests.model.cells import ZRAM, machine, one, run, writes
from tests.model.test_sleep import crowd
from tests.model.test_sleep_properties import FEW, cells, few_requests


def books_balance(built: Built) -> None:
    """Every task, dead or alive: its time since it started is its work and its stalls, each counted once."""
    times = clocks(built).tolist()
    for t, (task, clock) in enumerate(zip(built.plan.tasks.values(), times, strict=True)):
        stat = task_count(built.memory.m)[t]
        spent = sum(int(stat[name]) for name in APART)
        assert spent == clock - task.start, (built.tasks[t], clock - task.start - spent)
        assert sum(int(stat[name]) for name in OF_RECLAIM) <= sum(int(stat[name]) for name in RECLAIMS)


@FEW
@given(cells(), st.integers(1, 400))
def test_a_run_cut_anywhere_has_counted_all_its_time(drawn: tuple[Cell, dict[str, np.ndarray]], cut: int):
    cell, streams = drawn

    def look(built: Built) -> None:
        few_requests(built)
        books_balance(built)

    done = run(
        replace(cell, duration=cut * 997_001, sampling=Sampling(every=17 * MS)), streams, probe=look, check=False
    )
    books_balance(done.built)
    tasks = done.built.memory.table("tasks")
    assert [int(row.time) for row in tasks if row.state != KILLED] == [
        clock for clock, row in zip(clocks(done.built).tolist(), tasks, strict=True) if row.state != KILLED
    ]
    for name, column in done.outcome.series.items():
        if name.endswith("_ns") and name in done.metrics:
            assert (np.diff(column) >= 0).all() and column[-1] <= done.metrics[name], name


@pytest.mark.parametrize("kernel", ["3.1", "6.18", "6.18+mglru"])
def test_so_has_one_that_swaps_to_memory(kernel: str):
    events = writes(np.random.default_rng(5).integers(0, 5000, 20_000))
    done = run(one(kernel, machine(16, swap=ZRAM), cgroups={"g": Cgroup(max=12 * MiB)}), events)
    books_balance(done.built)
    assert min(done.metrics[f"stall_{why}_ns"] for why in ("memcg", "swap")) > 0 < done.metrics["fault_ns"]


def stuck(**more: Any) -> Cell:
    """A machine whose swap never answers: kswapd's first run does not end."""
    dead = Disk(kind="hdd", size=16 * GiB, stall_from=0, stall_until=1000 * S)
    host = Machine(nodes=(Node(memory=16 * MiB),), disks={"d": dead},
                   swap={"s": SwapTarget(kind="partition", size=64 * MiB, disk="d")})  # fmt: skip
    return one("5.15", host, duration=S, vm=Sysctl(min_free_kbytes=512), **more)


def test_work_of_a_run_that_never_ends_is_counted_as_it_is_done():
    done = run(stuck(sampling=Sampling(every=MS)), writes(np.arange(6000)), probe=few_requests, check=False)
    found, series = done.metrics, done.outcome.series
    scanning = reclaim_settings(done.m).scan_page * series["pgscan_kswapd"]
    assert found["pageoutrun"] == 1 and done.built.memory.table("actors")[kswapd_of(done.built)].stack
    assert 0 < found["kswapd_ns"] == np.diff(series["kswapd_ns"], prepend=0).sum() == found["node0.kswapd_ns"]
    assert (series["kswapd_ns"] >= scanning).all() and found["kswapd_ns"] < 100 * scanning[-1] < S


def test_a_sleepers_stall_goes_on_from_sample_to_sample():
    done = run(stuck(sampling=Sampling(every=100 * MS)), writes(np.arange(6000)), probe=few_requests, check=False)
    alloc, request = (done.outcome.series[f"stall_{why}_ns"] for why in ("alloc", "request"))
    assert (np.diff(alloc)[1:] == 100 * MS).all() and (np.diff(request)[1:] == 100 * MS).all()
    assert alloc[-1] + 100 * MS == done.metrics["stall_alloc_ns"] > done.metrics["stall_request_ns"] > 800 * MS


@life
def read_slowly(m, ns):
    """Stall over a file for so long."""
    begins(m, FILE)
    sleep_until(m, m.now + ns)
    ends(m, FILE)
    return 0


def test_pressure_knows_of_a_stall_that_goes_on():
    built = crowd(2)
    m, reading = built.memory.m, Entered(built, 1, read_slowly, 1000)
    m.now += 400
    assert some_ppm(m, 0, 1000) == 400_000
    m.now += 300
    assert some_ppm(m, 0, 1000) == 300_000
    reading.go_on(reading.until - 50)  # what was counted too much is taken back, should it wake before
    assert not reading.until and built.memory.table("task_count")[1].stall_file_ns == 950


@life
def in_parts(m, again):
    """Work 3 ns, sleep 10 ns over a file, of that 4 after it has begun to throttle, work 5 ns."""
    begins(m, FAULT)
    m.now += 3
    begins(m, FILE)
    sleep_until(m, m.now + 6)
    begins(m, DIRTY)
    sleep_until(m, m.now + 4)
    ends(m, FILE)
    ends(m, DIRTY)
    m.now += 5
    ends(m, FAULT)
    return 0


def test_a_task_stalls_for_several_reasons_at_once():
    built = crowd(1)
    doing = Entered(built, 0, in_parts, 0)
    while doing.until:
        doing.go_on(doing.until)
    stat = built.memory.table("task_count")[0]
    assert (int(stat.fault_ns), int(stat.stall_file_ns), int(stat.stall_dirty_ns)) == (8, 10, 4)


@life
def for_others(m, kind):
    """A daemon works 3 ns, 10 ns as one of another kind, sleeping 100 meanwhile, then 5 ns."""
    m.now += 3
    own = work_as(m, kind)
    m.now += 4
    sleep_until(m, m.now + 100)
    m.now += 6
    work_as(m, own)
    m.now += 5
    return 0


@pytest.mark.parametrize(("own", "other"), [(SCANNER, CONTROLLER), (CONTROLLER, SCANNER), (KSWAPD, CONTROLLER)])
def test_a_daemons_work_counts_as_what_it_works_as(own: int, other: int):
    built = crowd(1)
    count, who = idle_count(built.memory.m), kswapd_of(built)
    built.memory.table("actors")[who].kind = own
    working = Entered(built, who, for_others, other)
    working.go_on(working.until)
    assert not working.until
    worked = {
        KSWAPD: int(node_count(built.memory.m)[0].kswapd_ns),
        SCANNER: int(count.idle_scan_ns),
        CONTROLLER: int(count.proactive_ns),
    }
    assert {kind: ns for kind, ns in worked.items() if ns} == {own: 8, other: 10}
