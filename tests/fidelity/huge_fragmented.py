"""Huge pages on a fragmented guest: a program keeps a quarter of its pages at random, then 60 huge faults."""

import csv
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from mmrun.model.description import Cell, Region, Sysctl, Task
from mmrun.model.mm.driver import events as ask
from mmrun.model.units import PAGE, KiB, MiB, S
from mmrun.model.workloads._kept import kept
from tests.fidelity.markdown import table
from tests.fidelity.recorded import DATA
from tests.model.cells import given, machine, run, writes

HUGE, EXTENTS, SEED = 512, 60, 12345
MEMORY, FREE = 407_876 * KiB // PAGE, 343_532 * KiB // PAGE  # MemTotal and MemFree of the guest
QUANTITIES = ("huge", "compact_stall", "pgmigrate_success", "compact_migrate_scanned", "compact_free_scanned")


@dataclass(frozen=True)
class Case:
    """How much the program touched, and the mode of defrag."""

    mib: int
    defrag: str


@cache
def recorded() -> dict[Case, list[dict[str, int]]]:
    """What the kernel counted during the faults, by set-up."""
    found: dict[Case, list[dict[str, int]]] = {}
    with (DATA / "huge_fragmented.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            values = {name: int(row[name]) for name in QUANTITIES}
            found.setdefault(Case(int(row["mib"]), row["defrag"]), []).append(values)
    return found


@cache
def simulated(case: Case) -> dict[str, int]:
    """The model's values; what the guest had in use before is unmovable here, for what it was is not known."""
    pages = case.mib * MiB // PAGE
    vm = Sysctl(transparent_hugepage="always", transparent_hugepage_defrag=case.defrag, compaction_proactiveness=0)
    fragmented, huge = Region(size=pages * PAGE, advice="nohugepage"), Region(size=EXTENTS * MiB * 2, advice="hugepage")
    tasks: dict[str, Task] = {
        "boot": given(Region(size=64 * KiB)),
        "hog": replace(given(fragmented), start=S),
        "t": replace(given(huge), start=20 * S),
    }
    gone = np.flatnonzero(~kept("r25", pages, SEED))
    events = {
        "boot": ask.alloc_buffers(range((MEMORY - FREE) // 4), order=2),
        "hog": np.concatenate([writes(range(pages)), ask.dontneed(gone)]),
        "t": writes(range(0, EXTENTS * HUGE, HUGE)),
    }
    cell = Cell(kernel="6.12", machine=machine(MEMORY * PAGE // MiB), tasks=tasks, vm=vm)
    done = run(cell, events, check=False)
    return {name: int(done.metrics["thp_fault_alloc" if name == "huge" else name]) for name in QUANTITIES}


def section() -> list[str]:
    """The lines of the table of the validation report."""
    rows = []
    for case, repeats in recorded().items():
        for name in QUANTITIES:
            values, mine = [row[name] for row in repeats], simulated(case)[name]
            kernel = " to ".join(f"{value:,}" for value in sorted({min(values), max(values)}))
            mean = sum(values) / len(values)
            rows.append([f"{case.mib} MiB, {case.defrag}", name, kernel, f"{mine:,}", f"{mine / mean - 1:+.1%}"])
    return table(["set-up", "counter", "kernel", "model", "error"], rows).splitlines()
