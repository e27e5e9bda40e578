"""Huge pages as recorded on guests: faults under each setting, then swapping, whole or split (data/README.md)."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from mmrun.model.description import Cell, Cgroup, Region, SwapTarget, Sysctl, Task
from mmrun.model.mm.driver import events as ask
from mmrun.model.units import PAGE, MiB, S
from tests.fidelity.markdown import table
from tests.fidelity.recorded import DATA
from tests.model.cells import given, machine, run, writes

HUGE, EXTENTS, LIMIT = 512, 16, 64 * MiB
SETTLED = 3 * S  # the group's statistics were folded between the faults and what followed
OWN_KERNEL_PAGES = 1  # of the replaying program, charged to the group
# Faults and anonymous pages of the program itself: what is beyond the pages touched where no page was huge.
OWN_FAULTS = {"fault all": 13, "fault first": 16}
FAULTS = ("thp_fault_alloc", "pgfault", "still_huge")
SWAPPING = (
    "pgscan_anon", "pgsteal_anon", "nr_vmscan_write", "thp_swpout", "thp_split_page", "thp_split_pmd",
    "thp_deferred_split_page", "still_huge", "present",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One set-up; `what`: `fault all` or `first` touches every page, or the first of each 2 MiB, `swap` on a device."""

    kernel: str
    what: str
    mib: int
    dropped: int
    enabled: str
    defrag: str

    @property
    def quantities(self) -> tuple[str, ...]:
        """What is compared."""
        return SWAPPING if self.what.startswith("swap") else FAULTS


@cache
def recorded() -> dict[Case, list[dict[str, int]]]:
    """What the kernel counted, by set-up, a row a repeat."""
    found: dict[Case, list[dict[str, int]]] = {}
    with (DATA / "huge.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            case = Case(row["kernel"], row["what"], int(row["mib"]), int(row["dropped"]), row["enabled"], row["defrag"])
            found.setdefault(case, []).append({name: int(row[name]) for name in case.quantities})
    return found


def _swapping(case: Case) -> dict[str, Any]:
    """16 huge pages of a group, a part of each let go, then small pages until the group has too much."""
    huge, small = EXTENTS * HUGE, case.mib * MiB // PAGE
    regions = (Region(size=huge * PAGE, advice="hugepage"), Region(size=small * PAGE, advice="nohugepage"))
    host = machine(966, swap={"s": SwapTarget(kind="zram", size=256 * MiB)})
    group = Cgroup(max=LIMIT - OWN_KERNEL_PAGES * PAGE)
    task = Task(stream=given().stream, memory=regions, cgroup="r", stays=True)
    vm = Sysctl(transparent_hugepage=case.enabled, transparent_hugepage_defrag=case.defrag)
    gone = ask.dontneed([i * HUGE + k for i in range(EXTENTS) for k in range(case.dropped)])
    events = [writes(range(huge)), ask.sleep_until(SETTLED), gone, writes(range(huge, huge + small))]
    done = run(Cell(kernel=case.kernel, machine=host, tasks={"t": task}, cgroups={"r": group}, vm=vm),
               np.concatenate(events))  # fmt: skip
    words = done.built.memory.table("pte")[:huge]
    return {**done.metrics, "present": int((words & 1).sum())}


def _faults(case: Case) -> dict[str, Any]:
    pages = case.mib * MiB // PAGE
    vm = Sysctl(transparent_hugepage=case.enabled, transparent_hugepage_defrag=case.defrag)
    task = given(Region(size=pages * PAGE, advice="hugepage" if case.enabled == "madvise" else "normal"))
    touched = writes(range(0, pages, 1 if case.what == "fault all" else HUGE))
    done = run(Cell(kernel=case.kernel, machine=machine(588), tasks={"t": task}, vm=vm), touched)
    return {**done.metrics, "pgfault": done.metrics["pgfault"] + OWN_FAULTS[case.what]}


@cache
def simulated(case: Case) -> dict[str, int]:
    """The model's values under the same names."""
    metrics = _swapping(case) if case.what.startswith("swap") else _faults(case)
    metrics["still_huge"] = metrics["nr_anon_transparent_hugepages"]
    return {name: int(metrics[name]) for name in case.quantities}


def errors(case: Case) -> dict[str, int]:
    """By how much the model is outside of what the repeats counted."""
    mine, rows = simulated(case), recorded()[case]
    outside = {}
    for name in case.quantities:
        least, most = min(row[name] for row in rows), max(row[name] for row in rows)
        outside[name] = mine[name] - most if mine[name] > most else min(0, mine[name] - least)
    return outside


def _rows() -> Iterator[list[str]]:
    for case, rows in recorded().items():
        mine, off = simulated(case), errors(case)
        for name in case.quantities:
            least, most = min(row[name] for row in rows), max(row[name] for row in rows)
            if most or mine[name]:
                what = f"{case.kernel}, {case.what}, {case.mib} MiB, {case.enabled}/{case.defrag}"
                what += f", {case.dropped} of each let go" if case.dropped else ""
                kernel = f"{least:,}" if least == most else f"{least:,} to {most:,}"
                yield [what, name, kernel, f"{mine[name]:,}", str(off[name])]


def section() -> list[str]:
    """The lines of the table of the validation report."""
    return table(["set-up", "counter", "kernel", "model", "outside by"], list(_rows())).splitlines()
