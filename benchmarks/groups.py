"""Ten thousand memory cgroups on 16 GiB: simulated time that a CPU second buys, beside the same load in one group."""

import time
from collections.abc import Iterator

from benchmarks.machine import ERA
from benchmarks.measure import Row
from mmrun.model import api
from mmrun.model.description import Cell, Cgroup, Machine, Node, Stream, SwapTarget, Task
from mmrun.model.units import MS, PAGE, GiB

THINK = 1 * MS  # between two accesses of a task: groups that serve requests, not benchmarks of memory
LOADS = {"memory suffices": 0.8, "a fifth too little memory": 1.2}  # what the tasks touch, as a multiple of memory


def cell(groups: int, tasks: int, memory: int, accesses: int, load: float) -> Cell:
    """`tasks` alike tasks, spread over the groups, that together touch `load` times the memory, evenly."""
    size = int(memory * load) // tasks // PAGE * PAGE
    return Cell(
        kernel=ERA,
        machine=Machine(nodes=(Node(memory=memory, cpus=8),), swap={"zram": SwapTarget(kind="zram", size=memory)}),
        cgroups={"job": Cgroup(count=groups)},
        tasks={
            "job": Task(
                stream=Stream(kind="uniform", params={"size": size, "accesses": accesses}),
                cgroup="job",
                count=tasks,
                think=THINK,
            )
        },
    )


def measured(what: Cell) -> tuple[float, float, dict[str, int | float | str]]:
    """Simulated seconds and accesses a CPU second, set-up included, and the run's metrics."""
    start = time.process_time()
    found = api.simulate(what).metrics
    took = time.process_time() - start
    return float(found["elapsed_ns"]) / 1e9 / took, float(found["accesses"]) / took, found


def rows(quick: bool) -> Iterator[Row]:
    """Each load in many groups and in one."""
    groups, memory = (1_000, 2 * GiB) if quick else (10_000, 16 * GiB)
    api.warm(cell(2, 2, GiB // 64, 100, 1))
    for name, load in LOADS.items():
        one, _, _ = measured(cell(1, groups, memory, 1_000, load))
        many, rate, found = measured(cell(groups, groups, memory, 1_000, load))
        yield Row(
            "groups", f"{groups:,} groups of one task, {memory // GiB} GiB, {name}", many, "simulated s/s",
            one / many, "times the CPU time of one group", one, "the same tasks in one group", 3, 1.5, higher=False,
            note=f"{rate / 1e6:.2f} M accesses/s; {found['pgsteal_kswapd']:,} pages reclaimed by kswapd, "
            f"{found['pgsteal_direct']:,} by tasks, {found['memcg_visits']:,} visits of groups",
        )  # fmt: skip
