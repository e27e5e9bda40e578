"""Actors that share CPUs: equal shares, shares by weight, who preempts whom, and where every nanosecond goes."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from mmrun.model import registry
from mmrun.model.core.events import COMPUTE, OP_SHIFT
from mmrun.model.description import Cell, Machine, Node, Region, Sysctl, Variant
from mmrun.model.machine.state import node_count, task_count
from mmrun.model.sched import check
from mmrun.model.sched.default import default_sched
from mmrun.model.sched.placement import arrive
from mmrun.model.sched.runqueue import pick, tick_ends_turn, update_curr, wakeup_ends_turn
from mmrun.model.sched.state import QUEUED, entities, rqs, sched_settings
from mmrun.model.sched.turns import get_cpu
from mmrun.model.units import MS, MiB, S
from tests.model.actors import kswapd_of
from tests.model.cells import ZRAM, Run, machine, machine_of, one, run, writes
from tests.model.cells import given as task
from tests.model.test_sleep_properties import FEW, cells, few_requests

CFS, EEVDF = "5.17", "6.18"
FAIR, OWN = {"sched": Variant(variant="fair")}, {"sched": Variant(variant="own-cpu")}
SWITCHES = ("nr_voluntary_switches", "nr_involuntary_switches")


def hogs(cpus: int, nices: list[int], kernel: str = CFS, ms: int = 2000, **more: Any) -> Run:
    """Tasks that do nothing but compute, one of each nice level, for `ms` of simulated time."""
    tasks = {f"t{i}": task(nice=nice, **more) for i, nice in enumerate(nices)}
    host = Machine(nodes=(Node(memory=16 * MiB, cpus=cpus),))
    cell = Cell(kernel=kernel, machine=host, tasks=tasks, policy=FAIR, duration=ms * MS)
    forever = np.full(1, ms * MS | COMPUTE << OP_SHIFT, dtype=np.int64)
    done = run(cell, dict.fromkeys(tasks, forever), footprint=1)
    assert check.violations(done.built) == []
    return done


def ran(done: Run) -> np.ndarray:
    """CPU time of each task up to the end (ns)."""
    found = entities(done.m)["sum_exec"][: len(done.built.tasks)].copy()
    for rq in rqs(done.m):
        if 0 < rq.curr <= len(found):
            found[rq.curr - 1] += int(done.built.cell.duration or 0) - rq.clock
    return found


@pytest.mark.parametrize("kernel", [CFS, EEVDF])
@pytest.mark.parametrize("count", [1, 3, 4, 8, 12, 24, 36, 60, 64])
def test_equal_tasks_get_equal_shares_within_a_slice(kernel: str, count: int):
    """Where each CPU has as many, or each task a CPU of its own; once it no longer matters where each began.

    CFS puts a new task up to a slice behind the others (START_DEBIT), of a queue that is still short.
    """
    before, done = (hogs(4, [0] * count, kernel, ms) for ms in (2000, 4000))
    share, shares, s = 2 * S * min(count, 4) / count, ran(done) - ran(before), sched_settings(done.m)
    longest = int(s.slice) if kernel == EEVDF else max(int(s.latency) * 4 // max(count, 4), int(s.min_granularity))
    in_ticks = (longest // int(s.tick) + 1) * int(s.tick)
    assert np.abs(shares - share).max() <= in_ticks + s.tick, (shares, share)
    debit = 0 if kernel == EEVDF else int(s.latency)
    assert np.abs(ran(before) - share).max() <= in_ticks + s.tick + debit


@pytest.mark.parametrize("kernel", ["3.0", CFS, EEVDF])
@pytest.mark.parametrize("count", [5, 6, 7, 9, 13, 63])
def test_tasks_that_do_not_divide_by_the_cpus_change_places(kernel: str, count: int):
    shares = ran(hogs(4, [0] * count, kernel, 20_000)) / (20 * S * 4 / count)
    assert np.abs(shares - 1).max() < 0.12, shares
    assert shares.mean() == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("kernel", ["3.0", CFS, EEVDF])
def test_every_other_count_is_as_even_as_the_kernel_wants_it(kernel: str):
    """Up to a difference of imbalance_pct everybody stays in his queue; beyond it they change places."""
    for count in (10, 17, 19, 27, 43):
        done, short = hogs(4, [0] * count, kernel), count // 4
        shares, even = ran(done) / (2 * S), 4 / count
        if (short + 1) * 100 > sched_settings(done.m).imbalance_pct * short:
            assert np.abs(shares / even - 1).max() < 0.15, (count, shares / even)
        else:
            own = np.sort(
                [1 / (short + (cpu < count % 4)) for cpu in range(4) for _ in range(short + (cpu < count % 4))]
            )
            assert np.abs(np.sort(shares) - own).max() < 15 * MS / (2 * S), (count, np.sort(shares), own)


@pytest.mark.parametrize("kernel", [CFS, EEVDF])
def test_nice_levels_share_by_weight(kernel: str):
    shares = ran(hogs(1, [0, 1, 5], kernel, 20_000))
    assert shares / shares.sum() == pytest.approx(np.array([1024, 820, 335]) / 2179, abs=0.004)


def test_one_of_nice_19_gets_what_ticks_leave_it():
    """15 of 1039 parts; a whole tick at a time, which is longer than its slice."""
    shares = ran(hogs(8, [0] * 8 + [19] * 8, "3.0", 20_000))
    assert shares[8:].sum() / shares.sum() == pytest.approx(15 / 1039, rel=0.25)


def beside(kernel: str, count: int, policy: dict[str, Variant], cpus: int = 1) -> Run:
    """Tasks that write more memory than there is, thinking between two pages, on a machine with swap."""
    tasks = {f"t{i}": task(think=500_000, start=i) for i in range(count)}
    host = machine(16, cpus=cpus, swap=ZRAM)
    cell = Cell(kernel=kernel, machine=host, tasks=tasks, policy=policy, vm=Sysctl(min_free_kbytes=2048))
    return run(cell, dict.fromkeys(tasks, writes(np.arange(6000 // count))))


@pytest.mark.parametrize("kernel", ["3.0", CFS, EEVDF])
def test_kswapd_takes_its_time_from_the_task_it_works_for(kernel: str):
    alone, together = (beside(kernel, 1, policy) for policy in (OWN, FAIR))
    worked = together.metrics["kswapd_ns"]
    assert worked > 0 == alone.metrics["stall_cpu_ns"] == alone.metrics["kswapd_wait_ns"]
    lost = together.metrics["stall_cpu_ns"]
    assert together.metrics["elapsed_ns"] > alone.metrics["elapsed_ns"]
    assert lost > 0.3 * worked, "what it did while the task could have run, the task waited for"
    assert together.metrics["nr_involuntary_switches"] > 0


def first_wait(kernel: str) -> int:
    """How long kswapd waits when a task wakes it that has run for long without a break (ns)."""
    seen: list[int] = []

    def look(built: Any) -> None:
        if node_count(built.memory.m)[0].kswapd_ns and not seen:
            seen.append(int(entities(built.memory.m)[kswapd_of(built)].wait_ns))

    cell = one(kernel, machine(16, swap=ZRAM), policy=FAIR, vm=Sysctl(min_free_kbytes=2048))
    cell = replace(cell, sampling=replace(cell.sampling, accesses=4))
    cell = replace(cell, tasks={"t": replace(cell.tasks["t"], think=500_000)})
    run(cell, writes(np.arange(4000)), probe=look, check=False)
    return seen[0]


def test_cfs_lets_a_daemon_that_has_slept_for_long_run_at_once_eevdf_at_the_end_of_the_slice():
    assert first_wait("3.0") == first_wait(CFS) == 0
    assert 0 < first_wait(EEVDF) <= 2 * MS


def without_pressure(told: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if "_pressure_" not in name}


@settings(FEW, max_examples=12)
@given(cells())
def test_where_nobody_waits_the_numbers_are_those_of_own_cpus(drawn: tuple[Cell, dict[str, np.ndarray]]):
    cell, streams = drawn
    host = replace(cell.machine, nodes=tuple(replace(node, cpus=16) for node in cell.machine.nodes))
    own, fair = (run(replace(cell, machine=host, policy=policy), streams, probe=few_requests) for policy in (OWN, FAIR))
    assert fair.metrics["stall_cpu_ns"] == fair.metrics["kswapd_wait_ns"] == 0
    for name in SWITCHES:
        assert own.metrics.pop(name) == 0
    assert fair.metrics.pop("nr_involuntary_switches") == 0 < fair.metrics.pop("nr_voluntary_switches")
    # Pressure is a mean over CPUs by the time each was not idle: who shares one weighs otherwise.
    assert without_pressure(own.metrics) == without_pressure(fair.metrics)
    for name, column in without_pressure(own.outcome.series).items():
        assert name in SWITCHES or (column == fair.outcome.series[name]).all(), name


@settings(FEW, max_examples=12)
@given(cells())
def test_time_on_cpus_is_conserved_and_comes_out_again(drawn: tuple[Cell, dict[str, np.ndarray]]):
    cell, streams = drawn
    host = replace(cell.machine, nodes=tuple(replace(node, cpus=1) for node in cell.machine.nodes))
    cell = replace(cell, machine=host, policy=FAIR)
    first, second = (run(cell, streams, probe=few_requests, check=flag) for flag in (True, False))
    assert check.violations(first.built) == [] and first.metrics == second.metrics
    waited = sum(int(entities(first.m)[t].wait_ns) for t in range(len(cell.tasks)))
    if not first.metrics["oom_kill"] and first.metrics["elapsed_ns"] < (cell.duration or 0):
        switched = int(rqs(first.m)["nr_switches"].sum()) * int(sched_settings(first.m).context_switch)
        assert waited <= first.metrics["stall_cpu_ns"] <= waited + switched


def test_under_eevdf_who_ran_alone_keeps_the_rest_of_its_slice_when_a_sleeper_wakes():
    """Eight CPUs: slices of 2.8 ms, a first one of half that. Alone it got new ones at the ticks 2, 5 and 8 ms."""
    built = machine_of(Cell(kernel=EEVDF, machine=machine(16, cpus=8), tasks={"hog": task(), "w": task()}, policy=FAIR))
    m, hog, woken = built.memory.m, 0, 1
    assert get_cpu(m, hog)
    update_curr(m, 0, 9 * MS + 500_000)
    entities(m)[woken].on, entities(m)[woken].began = QUEUED, 1
    arrive(m, 0, woken)
    assert entities(m)[hog].deadline - entities(m)[hog].vruntime == 1_300_000
    assert not wakeup_ends_turn(m, 0, woken)
    update_curr(m, 0, 10 * MS)
    assert not tick_ends_turn(m, 0)
    update_curr(m, 0, 11 * MS)
    assert tick_ends_turn(m, 0) and pick(m, 0) == woken


def test_a_computation_is_interrupted_wherever_it_stands():
    """One event that computes for long, and a task that wakes up for a moment now and then."""
    host = Machine(nodes=(Node(memory=16 * MiB),))
    cell = Cell(kernel="3.0", machine=host, tasks={"long": task(), "late": task(start=10 * MS)}, policy=FAIR)
    long, brief = np.full(1, 100 * MS | COMPUTE << OP_SHIFT), np.full(1, 20 * MS | COMPUTE << OP_SHIFT)
    done = run(cell, {"long": long, "late": brief}, footprint=1).metrics
    switch = done["nr_involuntary_switches"] * 2000
    assert 120 * MS <= done["task.long.elapsed_ns"] <= 120 * MS + 2 * switch
    assert done["task.late.elapsed_ns"] < 60 * MS and done["nr_involuntary_switches"] >= 5
    assert done["stall_cpu_ns"] == done["task.long.elapsed_ns"] + done["task.late.elapsed_ns"] - 130 * MS


def test_tasks_stay_on_the_cpus_of_their_node_and_daemons_of_a_node_without_cpus_anywhere():
    host = Machine(nodes=(Node(memory=16 * MiB, cpus=1), Node(memory=16 * MiB, cpus=2), Node(memory=8 * MiB, cpus=0)))
    tasks = {f"t{i}": task(node=i % 2) for i in range(4)}
    cell = Cell(kernel=CFS, machine=host, tasks=tasks, policy=FAIR, duration=50 * MS)
    done = run(cell, dict.fromkeys(tasks, np.full(1, S | COMPUTE << OP_SHIFT)), footprint=1)
    assert [int(rqs(done.m)[int(row.cpu)].node) for row in entities(done.m)[:4]] == [0, 1, 0, 1]
    assert entities(done.m)["node"][4:7].tolist() == [0, 1, -1]
    assert ran(done)[[1, 3]].tolist() == [50 * MS] * 2 and abs(ran(done)[0] - 25 * MS) <= 12 * MS


def test_a_killed_task_gives_its_cpu_and_its_place_in_the_queue_away():
    host = machine(12, cpus=1)
    tasks = {f"t{i}": task() for i in range(3)}
    cell = Cell(kernel=CFS, machine=host, tasks=tasks, policy=FAIR)
    done = run(cell, dict.fromkeys(tasks, writes(np.arange(1500))))
    assert done.metrics["oom_kill"] > 0 and check.violations(done.built) == []
    assert int(task_count(done.m)["accesses"].max()) == 1500


def chosen(cpus: tuple[int, ...], **tasks: tuple[int, int]) -> str:
    """What a cell resolves to with so many CPUs on each node and tasks given as (node, count)."""
    nodes = tuple(Node(memory=16 * MiB, cpus=n) for n in cpus)
    named = {name: task(Region(), node=node, count=count) for name, (node, count) in tasks.items()}
    cell = Cell(kernel=EEVDF, machine=Machine(nodes=nodes), tasks=named)
    assert default_sched(cell) == registry.resolve(cell).policy["sched"].variant
    return default_sched(cell)


def test_cpus_are_shared_where_a_node_has_more_tasks_than_cpus():
    assert chosen((2,), a=(0, 2)) == "own-cpu" and chosen((2,), a=(0, 2), b=(0, 1)) == "fair"
    assert chosen((1, 4), a=(1, 4), b=(0, 1)) == "own-cpu" and chosen((4, 1), a=(1, 2)) == "fair"


def test_the_algorithm_is_the_versions_unless_it_is_chosen():
    def of(kernel: str, algorithm: int) -> int:
        policy = {"sched": Variant(variant="fair", params={"algorithm": algorithm})}
        host = machine(16)
        done = run(Cell(kernel=kernel, machine=host, tasks={"t": task()}, policy=policy), writes(np.arange(3)))
        return int(sched_settings(done.m).eevdf)

    assert [of(kernel, 0) for kernel in ("6.5", "6.6")] == [0, 1] and [of("6.18", 1), of("3.0", 2)] == [0, 1]
