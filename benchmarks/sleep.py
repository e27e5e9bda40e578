"""Sleep and wake in the middle of kernel code: what it costs with how many actors, and what their stacks take."""

import time
from collections.abc import Iterator

import numpy as np

from benchmarks.measure import Row
from mmrun.model.build import Built, build
from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.sleep import resume, sleep_until
from mmrun.model.core.stacks import Stacks
from mmrun.model.core.state import actors, turn
from mmrun.model.description import Cell, Machine, Node, Region, Stream, Task
from mmrun.model.registry import resolve
from mmrun.model.units import PAGE, MiB

ROUNDS = 1_000_000


@kernel
def _three_deep(m, x):
    sleep_until(m, m.now + 10 + x)
    return x + 1


@kernel
def _two_deep(m, x):
    return _three_deep(m, x) + turn(m).actor % 2


@hook
def controller(m, number):
    """Sleep again and again, three calls deep, with locals that must survive it."""
    slept = 0
    while True:
        slept += _two_deep(m, slept % 7)
        actors(m)[turn(m).actor].index = slept
    return slept


@kernel
def _rounds(m, count, rounds):
    """Let `count` actors run in turn until each sleeps again, `rounds` times in all."""
    for i in range(rounds):
        resume(m, i % count)


def sleeping(count: int) -> Built:
    """A machine whose `count` tasks do nothing but sleep."""
    task = Task(stream=Stream(kind="loop", params={"size": 4096, "accesses": 1}), memory=(Region(),), count=count)
    cell = resolve(Cell(kernel="6.18", machine=Machine(nodes=(Node(memory=64 * MiB),)), tasks={"t": task}))
    names = ["t"] if count == 1 else [f"t.{i}" for i in range(count)]
    built = build(cell, dict.fromkeys(names, 1))
    built.memory.table("actors")["entry"][:count] = controller.address
    return built


def resident(stacks: Stacks) -> float:
    """Megabytes of the stacks that are in memory: by page, as a mapping of smaps may go on behind the last stack."""
    first, pages = stacks.start // PAGE, (stacks.end - stacks.start) // PAGE
    with open("/proc/self/pagemap", "rb") as entries:
        entries.seek(first * 8)
        words = np.frombuffer(entries.read(pages * 8), dtype=np.uint64)
    return float(np.count_nonzero(words >> np.uint64(63))) * PAGE / 2**20  # bit 63: present


def rows(quick: bool) -> Iterator[Row]:
    """One actor, a thousand, ten thousand."""
    rounds = ROUNDS // 10 if quick else ROUNDS
    for count, floor, aim in ((1, 50.0, 20.0), (1_000, 50.0, 20.0), (10_000, None, None)):
        built = sleeping(count)
        _rounds(built.memory.m, count, 2 * count)
        start = time.process_time()
        _rounds(built.memory.m, count, rounds)
        assert built.stacks
        ns = (time.process_time() - start) * 1e9 / rounds
        yield Row(
            "sleep", f"sleep and wake in the middle of kernel code, {count:,} actors", ns, "ns", ns, "ns",
            floor=floor, aim=aim, higher=False, note=f"{resident(built.stacks):.1f} MB of stacks in memory",
        )  # fmt: skip
