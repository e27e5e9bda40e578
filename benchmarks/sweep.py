"""What a sweep costs beside its cells: (wall x cores - CPU time of the cells) / (wall x cores)."""

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.machine import cell
from benchmarks.measure import Row, cpu_seconds, run_child, say
from mmrun.model import api
from mmrun.model.units import GiB, MiB

CONFIG = """\
experiment: overhead
machine: {{nodes: [{{memory: 1GiB}}], swap: {{zram: {{kind: zram, size: 4GiB}}}}}}
kernel: "6.18"
tasks:
  task:
    stream: {{kind: uniform, size: {size}MiB, accesses: {accesses}}}
replicates: {cells}
"""
SECONDS_A_CELL = 1.0
SIZE = 2 * GiB


def accesses_of_a_second() -> int:
    """How long a stream must be for its cell to take a second of CPU time here and now."""
    trial = 1_000_000
    short = cpu_seconds(lambda: api.simulate(cell(GiB, "uniform", trial, SIZE)))
    long = cpu_seconds(lambda: api.simulate(cell(GiB, "uniform", 2 * trial, SIZE)))
    return int(trial * (1 + (SECONDS_A_CELL - short) / (long - short)))


def rows(quick: bool) -> Iterator[Row]:
    """One sweep of cells of a second each on all cores, from the command to the tables."""
    from mmrun.runner.store.store import Store

    cores = len(os.sched_getaffinity(0))
    count = (10 if quick else 60) * cores
    with tempfile.TemporaryDirectory() as scratch:
        config, out = Path(scratch) / "overhead.yaml", Path(scratch) / "out"
        accesses = accesses_of_a_second()
        config.write_text(CONFIG.format(size=SIZE // MiB, accesses=accesses, cells=count), encoding="utf-8")
        say(f"sweeping {count} cells of about a second on {cores} cores")
        wall = run_child([sys.executable, "-m", "mmrun.runner.cli", "sweep", str(config), "--out", str(out)]).wall_s
        how = [record.provenance for record in Store(out).records() if record.status == "ok"]
    if len(how) != count:
        raise RuntimeError(f"{len(how)} of {count} cells succeeded")
    busy, inside = (sum(cell[kind] for cell in how) for kind in ("cpu_seconds", "seconds"))
    span = max(cell["finished"] for cell in how) - min(cell["started"] for cell in how)

    def by_wall(seconds: float) -> str:
        return f"{percent(inside, seconds * cores):.1f} % by the cells' own wall time, which other work stretches"

    started = f"{wall:.0f} s from command to tables, Ray's start included"
    cells = f"{count} cells of {busy / count:.2f} s on {cores} cores"
    yield Row(
        "sweep", f"overhead, {cells}", percent(busy, wall * cores), "%", percent(busy, wall * cores), "%",
        floor=10, aim=5, higher=False, note=f"{started}; {by_wall(wall)}",
    )  # fmt: skip
    yield Row(
        "sweep", "the same from the first cell's start to the last one's end", percent(busy, span * cores), "%",
        percent(busy, span * cores), "%",
        note=f"{span:.0f} s; {by_wall(span)}",
    )  # fmt: skip


def percent(useful: float, spent: float) -> float:
    """The share of `spent` that was not useful."""
    return 100 * (1 - useful / spent)
