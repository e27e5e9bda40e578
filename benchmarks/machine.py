"""The full machine model: touches that hit, faults with reclaim, bytes a frame, beside what memory allows.

Rates are those of the second half of a run, so that building the machine and filling its memory do not count. The
engine is timed alone; the note has the rate with numpy's making of the stream.
"""

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from statistics import median
from unittest.mock import patch

from benchmarks.limits import dependent_rounds, random_updates
from benchmarks.measure import Row, python, run_child, say
from mmrun.model import api, engine
from mmrun.model.description import Cell, Machine, Node, Region, Stream, SwapTarget, Sysctl, Task
from mmrun.model.machine.state import progress
from mmrun.model.results import counted
from mmrun.model.units import PAGE, GiB, MiB

ERA = "6.18"
FAULTS = {"loop": (3, 5), "uniform": (1, 2.5)}  # M/s: floor, aim


def cell(memory: int, kind: str, accesses: int, size: int, region: Region | None = None, era: str = ERA) -> Cell:
    """One task on one node, zram for what does not fit."""
    return Cell(
        kernel=era,
        machine=Machine(
            nodes=(Node(memory=memory),), swap={"zram": SwapTarget(kind="zram", size=2 * max(memory, size))}
        ),
        tasks={
            "task": Task(
                stream=Stream(kind=kind, params={"size": size, "accesses": accesses}), memory=(region or Region(),)
            )
        },
    )


def per_second(what: Cell, counter: str) -> tuple[float, float]:
    """How fast `counter` grows in the second half of a run: a CPU second in the engine, and a CPU second in all."""
    marks, run, inside = [], engine.run, 0.0

    def timed(m):
        nonlocal inside
        start = time.process_time()
        why = run(m)
        end = time.process_time()
        inside += end - start
        count = progress(m).accesses if counter == "accesses" else counted(m)[counter]
        marks.append((int(count), int(progress(m).accesses), inside, end))
        return why

    with patch.object(engine, "run", timed):
        api.simulate(what)
    last = marks[-1]
    middle = next(mark for mark in marks if 2 * mark[1] >= last[1])
    count = last[0] - middle[0]
    return count / (last[2] - middle[2]), count / (last[3] - middle[3])


def median_rates(what: Cell, counter: str, repeats: int = 3) -> tuple[float, float]:
    """Medians of `per_second`."""
    rates = [per_second(what, counter) for _ in range(repeats)]
    return median(alone for alone, _ in rates), median(both for _, both in rates)


def hits(quick: bool) -> Iterator[Row]:
    """Touches of resident pages: sequential, skewed, and at random over a small and a large footprint."""
    accesses = 10_000_000 if quick else 40_000_000
    for label, kind, size in (
        ("loop, 1 GiB", "loop", GiB),
        ("zipf 1.0, 1 GiB", "zipf", GiB),
        ("uniform, 64 MiB", "uniform", 64 * MiB),
        ("uniform, 1 GiB", "uniform", GiB),
        ("uniform, 4 GiB", "uniform", 4 * GiB),
    ):
        rate, with_stream = median_rates(cell(2 * size, kind, accesses, size), "accesses")
        limit = random_updates(size // PAGE)
        yield Row(
            "machine", f"touches that hit, {label}", rate / 1e6, "M touches/s", rate / 1e6, "M/s", limit / 1e6,
            "random updates of as many words", 100, 300, note=f"with its stream {with_stream / 1e6:.0f} M/s",
        )  # fmt: skip


def huge_hits(quick: bool) -> Iterator[Row]:
    """Touches of resident huge pages, beside those of small ones in the same run."""
    accesses, size = 10_000_000 if quick else 40_000_000, GiB
    small = cell(2 * size, "uniform", accesses, size)
    huge = replace(small, vm=Sysctl(transparent_hugepage="always"))
    rates = {label: median_rates(what, "accesses")[0] for label, what in (("huge", huge), ("small", small))}
    yield Row(
        "machine", "touches that hit huge pages, uniform, 1 GiB", rates["huge"] / 1e6, "M touches/s",
        rates["huge"] / rates["small"], "x", rates["small"] / 1e6, "touches of small pages", 1.0, 1.05,
    )  # fmt: skip


def faults(quick: bool) -> Iterator[Row]:
    """Faults that evict a page and bring one in: more is touched than there is memory."""
    accesses = 1_000_000 if quick else 4_000_000
    bare = Region(kind="file", readahead=0, fault_around=PAGE)
    limit = dependent_rounds(GiB)
    for label, kind, size, region in (
        ("clean file pages, loop", "loop", 2 * GiB, bare),
        ("clean file pages, uniform", "uniform", 2 * GiB, bare),
        ("anonymous pages to zram, loop", "loop", 1280 * MiB, Region()),
        ("anonymous pages to zram, uniform", "uniform", 2 * GiB, Region()),
    ):
        rate, _ = median_rates(cell(GiB, kind, accesses, size, region), "pgfault")
        floor, aim = FAULTS[kind]
        yield Row(
            "machine", f"faults with reclaim, {label}", rate / 1e6, "M faults/s", rate / 1e6, "M/s", limit / 1e6,
            "M rounds/s of a bare loop of twelve dependent random touches", floor, aim,
            note=f"{rate / limit:.2f} of the bare loop's rounds",
        )  # fmt: skip


RESIDENT = """
import sys
from benchmarks.machine import cell
from mmrun.model import api
memory = int(sys.argv[1])
api.simulate(cell(memory, "loop", int(sys.argv[2]), memory // 100 * 97))
print(open("/proc/self/status").read().split("VmHWM:")[1].split()[0])
"""


def resident_bytes(memory: int) -> int:
    """Peak resident memory of a process that simulates a machine of this size with all its memory in use."""
    command = [*python(RESIDENT), str(memory), str(memory // PAGE)]
    return min(int(run_child(command).stdout) for _ in range(2)) * 1024  # a first run may have compiled


def state(quick: bool) -> Iterator[Row]:
    """Bytes a frame, as the slope of resident memory between two machines filled with pages."""
    small, large = (1 * GiB, 5 * GiB) if quick else (2 * GiB, 18 * GiB)
    slope = (resident_bytes(large) - resident_bytes(small)) / ((large - small) / PAGE)
    yield Row(
        "machine", "state a simulated frame", slope, "bytes", slope, "bytes", floor=40, aim=32, higher=False,
        note=f"page tables included; a 1 TiB machine needs {slope * (1 << 28) / GiB:.1f} GiB",
    )  # fmt: skip


def rows(quick: bool) -> Iterator[Row]:
    """Everything about the speed and size of the model."""
    say(f"compiling kernels if needed: {api.warm(cell(16 * MiB, 'loop', 100, MiB)):.0f} s")
    yield from hits(quick)
    yield from huge_hits(quick)
    yield from faults(quick)
    if os.path.exists("/proc/self/status"):
        yield from state(quick)
