"""Contiguous memory as recorded on a guest of 512 MB with an area of 64 MiB: how it fills, what requests get."""

import csv
from dataclasses import dataclass
from functools import cache

import numpy as np

from mmrun.model.description import Cell, Machine, Mempolicy, Node, Sampling, Stream, SwapTarget, Sysctl, Task
from mmrun.model.mm.cma.events import contig_alloc
from mmrun.model.mm.cma.settings import CmaArea
from mmrun.model.mm.driver.events import alloc_buffers, free_buffers, pin
from mmrun.model.mm.driver.state import FAILED, driver_log
from mmrun.model.units import PAGE, MiB
from tests.fidelity.recorded import DATA
from tests.model.cells import OWN_CPUS, Run, run, writes

AREA, MANAGED, MIN = 64 * MiB, 119_476, 5_632  # bytes; pages of the guest's only zone, its min watermark
FREE, FREE_CMA = 105_689, 16_288  # after boot
STEP = 4 * MiB // PAGE
LOW = 4096  # pages of the first node, which takes zone DMA, so that the second has a single zone as on arm64
HOLES, BOOT_ORDER = 0, 3
REQUESTS = 3000  # numbers of the requests' buffers begin there
LEFT = 100 * MiB // PAGE
STATES = {
    "idle": "idle",
    "anon_left100": "anonymous memory but for 100 MB",
    "pin_vmsplice,e4": "anonymous memory but for 60 MB, every fourth page pinned",
}
WANTED = AREA // PAGE  # pages asked for in all


@dataclass(frozen=True)
class Case:
    """Requests of so many pages in one state: by repeat which were served, pages migrated, ranges tried in vain."""

    state: str
    pages: int
    served: tuple[str, ...]
    migrated: tuple[int, ...]
    retries: tuple[int, ...]
    hog: int


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
            tuple(int(row["busy_retry"]) for row in own), int(own[0]["hog_mib"]),
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


def boot(holes: int = HOLES) -> np.ndarray:
    """What the kernel has of its own: a little of the area, and what else was not free; blocks of its type have holes."""
    taken, size = MANAGED - WANTED - (FREE - FREE_CMA), 1 << BOOT_ORDER
    numbers = 1 + np.arange((taken + holes) // size)
    gone = np.diff(np.arange(len(numbers) + 1) * holes // (taken + holes)) > 0
    return np.concatenate(
        [contig_alloc([0], WANTED - FREE_CMA), alloc_buffers(numbers, BOOT_ORDER), free_buffers(numbers[gone])]
    )


def simulate(events: np.ndarray, pages: int, sampling: Sampling | None = None) -> Run:
    """The guest boots, then `events` happen; nothing is left of the first node."""
    low = alloc_buffers(np.arange(LOW), effort="none")
    return run(cell(sampling), {"low": low, "t": np.concatenate([boot(), events])}, footprint=pages, check=False)


@cache
def fill() -> np.ndarray:
    """The same two numbers of the model."""
    pages = STEP * len(recorded_fill())
    series = simulate(writes(np.arange(pages)), pages, Sampling(accesses=STEP)).outcome.series
    return np.stack([series["node1_free"], series["nr_free_cma"]], axis=1)


@cache
def served(state: str, pages: int, hog: int) -> tuple[str, int, int]:
    """Which requests are served, in order; pages migrated for them; ranges tried in vain."""
    memory = {"idle": 0, "anon_left100": FREE - LEFT - LEFT // 64}.get(state, hog * MiB // PAGE)
    before = [writes(np.arange(memory))] if memory else []
    if state.startswith("pin"):
        before.append(pin(np.arange(0, memory, 4)))
    asked = contig_alloc(REQUESTS + np.arange(WANTED // pages), pages)
    done = simulate(np.concatenate([*before, asked]), max(memory, 1))
    rows = done.built.memory.table("buffer_results")[: int(driver_log(done.m).results)]
    own = rows[(rows["contig"] > 0) & (rows["number"] >= REQUESTS)]
    told = "".join("0" if pfn == FAILED else "1" for pfn in own["pfn"])
    return told, int(done.metrics.get("migrated_contig_range", 0)), int(done.metrics["cma_alloc_busy_retry"])
