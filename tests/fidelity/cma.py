"""Contiguous memory as recorded on a guest of 512 MB with an area of 64 MiB: how it fills, what requests get."""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from mmrun.model.build import Built
from mmrun.model.description import Cell, Machine, Mempolicy, Node, Sampling, Stream, SwapTarget, Sysctl, Task
from mmrun.model.mm.cma.events import contig_alloc, contig_release
from mmrun.model.mm.cma.settings import CmaArea
from mmrun.model.mm.driver.events import alloc_buffers, dontneed, pin, sleep_until, unpin
from mmrun.model.mm.driver.state import FAILED, driver_log
from mmrun.model.mm.page.state import zones
from mmrun.model.units import PAGE, MiB, S
from tests.fidelity.markdown import table
from tests.fidelity.recorded import DATA
from tests.model.cells import OWN_CPUS, Run, run, writes

AREA, MANAGED, MIN = 64 * MiB, 119_476, 5_632  # bytes; pages of the guest's only zone, its min watermark
FREE, FREE_CMA = 105_689, 16_288  # after boot
MB = MiB // PAGE
STEP, FILLED = 4 * MB, 388 * MB
LOW = 4096  # pages of the first node, which takes zone DMA, so that the second has a single zone as on arm64
LEFT, PINNED = 100 * MB, 331 * MB
BOOT_ORDER = 3  # of what the kernel has of its own
PAUSE = 10 * S  # from case to case, in which the per-CPU lists shrink
REQUESTS = 3000  # numbers of the requests' buffers begin there
STATES = {
    "idle": "idle",
    "anon_left100": "anonymous memory but for 100 MB",
    "pin_vmsplice,e4": "anonymous memory but for 60 MB, every fourth page pinned",
}
WANTED = AREA // PAGE  # pages asked for in all
ORDER = (
    ("idle", 256), ("anon_left100", 256), ("pin_vmsplice,e4", 256), ("idle", 1024), ("anon_left100", 1024),
    ("idle", 4096), ("anon_left100", 4096),
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """Requests of so many pages in one state: by repeat which were served, pages migrated, ranges tried in vain."""

    state: str
    pages: int
    served: tuple[str, ...]
    migrated: tuple[int, ...]
    retries: tuple[int, ...]


@cache
def recorded() -> tuple[Case, ...]:
    """Every recorded case."""
    rows: dict[tuple[str, int], list[dict[str, str]]] = {}
    with (DATA / "cma.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            rows.setdefault((row["state"], int(row["pages"])), []).append(row)
    return tuple(
        Case(
            state, pages, tuple(row["map"] for row in own), tuple(int(row["migrated"]) for row in own),
            tuple(int(row["busy_retry"]) for row in own),
        )
        for (state, pages), own in rows.items()
    )  # fmt: skip


@cache
def recorded_fill(repeat: int = 0) -> np.ndarray:
    """(free pages, free pages of the area) after every 4 MB of anonymous memory."""
    with (DATA / "cma_fill.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if int(row["repeat"]) == repeat]
    return np.array([[int(row["free"]), int(row["free_cma"])] for row in rows])


def cell(sampling: Sampling | None = None) -> Cell:
    """The guest after boot; task `t` has what `events` says."""
    shares = MIN * (MANAGED + LOW) // MANAGED
    given = Stream(kind="given")
    return Cell(
        kernel="6.12",
        machine=Machine(
            nodes=(Node(memory=LOW * PAGE, cpus=0), Node(memory=MANAGED * PAGE)),
            cma={"default": CmaArea(size=AREA, node=1)},
            swap={"zram": SwapTarget(kind="zram", size=256 * MiB)},
        ),
        vm=Sysctl(min_free_kbytes=shares * PAGE // 1024, page_cluster=0),
        policy=OWN_CPUS,
        sampling=sampling or Sampling(),
        tasks={
            "low": Task(stream=given, node=1, mempolicy=Mempolicy(mode="bind", nodes=(0,)), stays=True),
            "t": Task(stream=given, node=1, mempolicy=Mempolicy(mode="bind", nodes=(1,)), stays=True, start=10**9),
        },
    )  # fmt: skip


def boot() -> np.ndarray:
    """What the kernel has of its own: a little of the area, and what else was not free."""
    taken = MANAGED - WANTED - (FREE - FREE_CMA)
    return np.concatenate(
        [contig_alloc([0], WANTED - FREE_CMA), alloc_buffers(1 + np.arange(taken >> BOOT_ORDER), BOOT_ORDER)]
    )


def simulate(events: np.ndarray, pages: int, every: int, probe: Callable[[Built], Any] | None = None) -> Run:
    """The guest boots, then `events` happen; nothing is left of the first node. A sample every so many accesses."""
    low = alloc_buffers(np.arange(LOW), effort="none")
    streams = {"low": low, "t": np.concatenate([boot(), events])}
    return run(cell(Sampling(accesses=every)), streams, footprint=pages, check=False, probe=probe)


@cache
def fill() -> np.ndarray:
    """The same two numbers of the model. Between two steps the guest's CPU is idle, which folds what it had counted."""

    def counts(built: Built) -> tuple[int, int]:
        zone = zones(built.memory.m)[1]
        return int(zone.nr_free), int(zone.nr_free_cma)

    steps = [
        np.concatenate([sleep_until((first // STEP + 1) * 2 * S), writes(np.arange(first, first + STEP))])
        for first in range(0, FILLED, STEP)
    ]
    return np.array(simulate(np.concatenate(steps), FILLED, STEP, counts).seen)


@dataclass(frozen=True)
class Served:
    """What the model makes of a case."""

    served: str
    migrated: int
    retries: int


@cache
def served(last_first: bool = True) -> dict[tuple[str, int], Served]:
    """All cases, one after the other as recorded on one machine; anonymous memory is filled and freed first.

    `last_first`: the program gave the buffers of a case back from the last one to the first.
    """
    events = [writes(np.arange(FILLED)), dontneed(np.arange(FILLED))]
    for number, (state, pages) in enumerate(ORDER):
        events.append(sleep_until(PAUSE * (number + 1)))
        memory = {"idle": 2 * STEP, "anon_left100": FREE - LEFT - LEFT // 32}.get(state, PINNED)
        numbers = REQUESTS + np.arange(WANTED // pages)
        events.append(writes(np.arange(memory)))
        if state.startswith("pin"):
            events.append(pin(np.arange(0, memory, 4)))
        events += [contig_alloc(numbers, pages), contig_release(numbers[::-1] if last_first else numbers)]
        events += [unpin(np.arange(memory)), dontneed(np.arange(memory))]
    done = simulate(np.concatenate([*events, writes([0])]), FILLED, 1 << 10)
    rows = done.built.memory.table("buffer_results")[: int(driver_log(done.m).results)]
    told = ["0" if row["pfn"] == FAILED else "1" for row in rows[(rows["contig"] > 0) & (rows["number"] >= REQUESTS)]]
    found, at, counts = {}, 0, _cumulated(done)
    for state, pages in ORDER:
        end = at + WANTED // pages
        migrated, retries = (counts[end + 1][i] - counts[at + 1 if at else 0][i] for i in range(2))
        found[state, pages] = Served("".join(told[at:end]), migrated, retries)
        at = end
    return found


def _cumulated(done: Run) -> dict[int, tuple[int, int]]:
    """(pages migrated, ranges tried in vain) once so many requests have been answered; the boot's counts as one."""
    series, last = done.outcome.series, done.metrics
    names = ("pgmigrate_success", "cma_alloc_busy_retry")
    found = {0: (0, 0)}
    for i in range(len(series["access"])):
        answered = int(series["cma_alloc_success"][i] + series["cma_alloc_fail"][i])
        found[answered] = (int(series[names[0]][i]), int(series[names[1]][i]))
    found[int(last["cma_alloc_success"] + last["cma_alloc_fail"])] = (int(last[names[0]]), int(last[names[1]]))
    return found


def section() -> list[str]:
    """How the area fills; what requests in each state get, beside every repeat of the recording."""
    rows = []
    for case in recorded():
        ours = served()[case.state, case.pages]
        span = [f"{min(each):,}–{max(each):,}" for each in (case.migrated, case.retries)]
        got = [str(each.count("1")) for each in case.served]
        rows.append([
            STATES[case.state], f"{case.pages:,}", ", ".join(got), str(ours.served.count("1")), span[0],
            f"{ours.migrated:,}", span[1], f"{ours.retries:,}",
        ])  # fmt: skip
    head = ("state", "pages", "served", "model", "pages migrated", "model", "ranges tried in vain", "model")
    there, ours = recorded_fill(), fill()
    both = min(len(there), len(ours))
    far = int(np.abs(half_rule_error(there[:both])).max()), int(np.abs(half_rule_error(ours[:both])).max())
    text = (
        "While anonymous memory fills the guest the area stays untouched until more than half of what is free lies in "
        f"it, then half of all free pages are the area's: to {far[0]} page as recorded, to {far[1]} in the model until "
        "reclaim begins. How much memory the program filled before the requests of 1,024 and 4,096 pages is not told."
    )
    return [text, "", *table(head, rows).splitlines()]


def half_rule_error(fill: np.ndarray) -> np.ndarray:
    """By how many pages each step of a filling that reclaim has not touched misses the rule."""
    free, free_cma = fill[fill[:, 0] > 2 * LEFT // 3].T
    return free_cma - np.minimum(FREE_CMA, free // 2)
