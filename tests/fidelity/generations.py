"""Replays on Linux 6.14 and 6.17 with generations on and off (data/README.md, `generations.csv`), beside the model.

While most of them ran, a task woke on each CPU every 500 us, so that the program was switched out and in and the
emulated TLB was emptied. A walk of page tables takes as long as such a period over some 5,000 words: of those over
20,000 words each was followed by another one at once, of those over 3,800 four in five, as the recorded counts of words
looked at tell.
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from math import ceil
from pathlib import Path
from statistics import median

import numpy as np

from mmrun.model.api import Outcome, simulate
from mmrun.model.description import (
    Cell,
    Cgroup,
    Costs,
    Machine,
    Node,
    Region,
    Sampling,
    Stream,
    SwapTarget,
    Sysctl,
    Task,
)
from mmrun.model.trace import open_trace, write_trace
from mmrun.model.units import PAGE, US, GiB
from tests.fidelity.cases import BLOCK_PAGES, MONITOR, NODE_BYTES, NODE_PAGES, first_touches, touched_pages, trace_pages
from tests.fidelity.recorded import DATA
from tests.fidelity.spread import BATCH, COUNTABLE

SAMPLES = 8  # parts of a replay; the generations and memory.stat were read before, between and after them
MIXED_ANON = 8_192  # pages of `mixread` that are anonymous, the lower ones
OWN_PAGES = 3  # anonymous pages of the replaying program in the group
OWN_SPACE = 600  # pages of its address space around them, as the recorded counts of words looked at tell
WALK_PTE = 100  # ns a word in the emulated guest, by the same counts
MOST_MORE, STEP = 12, 3  # pages of limit either way that small cases, and larger ones that are off, are simulated with
UNKNOWN = (4_000, 16_000, 64_000)  # us: periods that are tried where nothing woke on purpose
TRAPPED = 5  # times the misses of two lists: a run in which what is read leaves before it is read again
QUANTITIES = ("misses", "scans", "steals", "refaults", "agings")
BANDS = {"misses": 0.02, "steals": 0.02, "refaults": 0.02, "scans": 0.03}  # that larger cases may be off by


@dataclass(frozen=True)
class Replay:
    """A trace replayed on one kernel under one limit, as often as it was recorded."""

    kernel: str
    generations: bool
    tick_us: int
    trace: str
    mode: str
    limit_pages: int
    repeats: tuple[Mapping[str, str], ...]

    @property
    def name(self) -> str:
        """What the report calls it."""
        tick = "" if self.tick_us else "-no-tick"
        return f"{self.era}-{self.mode}-{self.trace}-{self.limit_pages}{tick}"

    @property
    def era(self) -> str:
        """The model's name of the kernel."""
        return f"{self.kernel}+mglru" if self.generations else self.kernel

    @property
    def small(self) -> bool:
        """Whether batches and the program's own pages are a good part of the limit."""
        return self.limit_pages < 5_000

    def values(self, quantity: str) -> list[int]:
        """The quantity in every repeat; agings only with generations."""
        return [value for repeat in self.repeats if (value := self._value(repeat, quantity)) is not None]

    def value(self, quantity: str) -> float | None:
        """Median over the repeats; None where it was not recorded."""
        values = self.values(quantity)
        return median(values) if values else None

    def _value(self, repeat: Mapping[str, str], quantity: str) -> int | None:
        if quantity == "misses":
            if self.mode in ("anon", "filemmap"):
                return int(repeat["majflt"])
            return int(repeat["majflt"]) + int(repeat["pgsteal"]) - int(repeat["pswpout"]) + int(repeat["file"])
        if quantity == "agings":
            return int(repeat["youngest"].split()[-1]) - 3 if self.generations else None
        if quantity == "refaults":
            return int(repeat["refault_anon"]) + int(repeat["refault_file"])
        return int(repeat[{"scans": "pgscan", "steals": "pgsteal"}[quantity]])


@cache
def replays() -> tuple[Replay, ...]:
    """Every recorded replay."""
    found: dict[tuple[str, str, str, str, str, str], list[Mapping[str, str]]] = {}
    names = ("kernel", "lru_gen", "tick_us", "trace", "mode", "limit_pages")
    with (DATA / "generations.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            kernel, lru_gen, tick_us, trace, mode, limit_pages = (row[name] for name in names)
            found.setdefault((kernel, lru_gen, tick_us, trace, mode, limit_pages), []).append(row)
    return tuple(
        Replay(k[0], k[1] == "7", int(k[2]), k[3], k[4], int(k[5]), tuple(repeats)) for k, repeats in found.items()
    )


def anonymous_pages(case: Replay) -> int:
    """How many pages of the trace, from page 0 on, are anonymous."""
    npages = trace_pages(case.trace)[2]
    return {"anon": npages, "mixread": MIXED_ANON}.get(case.mode, 0)


def replayed_trace(case: Replay, folder: Path) -> Path:
    """The accesses as the program made them, its own pages behind those of the trace.

    Anonymous pages are first written. The program's own are touched at first, all but one of them again at each
    sample: in most of the read cases all three were swapped out, two came back by major faults and were there at the
    end.
    """
    path = folder / f"own-{case.trace}-{anonymous_pages(case)}.mmt"
    if path.exists():
        return path
    pages, writes, npages = trace_pages(case.trace)
    writes = (pages < anonymous_pages(case)) & (writes | first_touches(pages))
    at = np.arange(0, pages.size, -(-pages.size // SAMPLES))
    where = np.concatenate([np.repeat(at, OWN_PAGES - 1), [0]])
    own = np.concatenate([np.tile(npages + np.arange(OWN_PAGES - 1), at.size), [npages + OWN_PAGES - 1]])
    pages, writes = np.insert(pages, where, own), np.insert(writes, where, True)
    write_trace(path, [(pages, writes)], {"kind": "derived", "from": f"{case.trace}.mmt"}, npages=npages + OWN_SPACE)
    return path


def kernel_memory(case: Replay) -> int:
    """Pages of page tables and radix-tree nodes that the replay makes the model charge to the group."""
    pages, anonymous, npages = touched_pages(case.trace), anonymous_pages(case), trace_pages(case.trace)[2]
    mapped = pages[pages < anonymous] if case.mode.endswith("read") else pages
    mapped = np.concatenate((mapped, [npages]))
    nodes = np.unique(pages[pages >= anonymous] // NODE_PAGES).size
    return np.unique(mapped // BLOCK_PAGES).size + ceil(nodes * NODE_BYTES / PAGE)


def regions(case: Replay) -> tuple[Region, ...]:
    """The address space: anonymous pages, the file, the program's own pages."""
    anonymous, npages = anonymous_pages(case), trace_pages(case.trace)[2]
    access = "read" if case.mode.endswith("read") else "mmap"
    file = Region(kind="file", size=(npages - anonymous) * PAGE, access=access, readahead=0, fault_around=PAGE)
    found = (Region(size=anonymous * PAGE), file, Region(size=OWN_SPACE * PAGE))
    return tuple(region for region in found if region.size)


def cell(case: Replay, folder: Path, more: int = 0, period_us: int | None = None) -> Cell:
    """The cell that replays `case`, its limit `more` pages higher; `period_us` between switches, if not as recorded."""
    path = replayed_trace(case, folder)
    period = (case.tick_us if period_us is None else period_us) * US
    charged = median(int(repeat["kernel_pages"]) for repeat in case.repeats)
    limit = round(case.limit_pages - max(0, charged - kernel_memory(case))) + more
    stream = Stream(kind="trace", params={"path": str(path)})
    return Cell(
        kernel=case.era,
        machine=Machine(
            nodes=(Node(cpus=2, memory=2 * GiB),),
            swap={"ram": SwapTarget(kind="zram", size=GiB)},
            costs=Costs(walk_pte=WALK_PTE),
            background_switch=period,
            tlb_flush=period or None,
        ),
        vm=Sysctl(page_cluster=0),
        cgroups={"replay": Cgroup(max=limit * PAGE, stat_read_every=MONITOR)},
        tasks={"replay": Task(stream=stream, cgroup="replay", memory=regions(case))},
        sampling=Sampling(accesses=-(-open_trace(path).page.size // SAMPLES)),
    )


def counts(case: Replay, outcome: Outcome) -> dict[str, float]:
    """The quantities of a simulated run, from the counters that the recorded ones come from."""
    m = {name: float(value) for name, value in outcome.metrics.items() if not isinstance(value, str)}
    misses = m["pgmajfault"]
    if case.mode.endswith("read"):
        misses += m["pgsteal_file"] + m["nr_inactive_file"] + m["nr_active_file"]
    return {
        "misses": misses,
        "scans": m["pgscan_anon"] + m["pgscan_file"],
        "steals": m["pgsteal_anon"] + m["pgsteal_file"],
        "refaults": m["workingset_refault_anon"] + m["workingset_refault_file"],
        "agings": m["lru_gen_aged"],
    }


@dataclass(frozen=True)
class Compared:
    """A replay in the model: its counts, and those with the limit a few pages off or other periods of switches."""

    case: Replay
    found: Mapping[str, float]
    nearby: tuple[Mapping[str, float], ...] = ()

    def error(self, quantity: str) -> float | None:
        """(simulated - recorded) / recorded; None where too few were counted."""
        recorded = self.case.value(quantity)
        return None if not recorded or recorded < COUNTABLE else (self.found[quantity] - recorded) / recorded

    def range(self, quantity: str) -> tuple[float, float]:
        """Smallest and largest count of all runs."""
        values = [run[quantity] for run in (self.found, *self.nearby)]
        return min(values), max(values)

    def within(self, quantity: str) -> bool:
        """Whether a repeat's count lies in that range; of pages, within a batch of it."""
        (low, high), batch = self.range(quantity), 0 if quantity == "agings" else BATCH
        return any(low - batch <= value <= high + batch for value in self.case.values(quantity))


def replay(case: Replay, folder: Path) -> Compared:
    """Simulate a case, small ones and those of unknown periods in every way that is left open."""

    def run(more: int = 0, period_us: int | None = None) -> dict[str, float]:
        return counts(case, simulate(cell(case, folder, more, period_us)))

    if not case.tick_us:
        first, *others = [run(0, period) for period in UNKNOWN]
        return Compared(case, first, tuple(others))
    alone = Compared(case, run())
    off = any(abs(alone.error(quantity) or 0) > share for quantity, share in BANDS.items())
    steps = range(-MOST_MORE, MOST_MORE + 1, STEP) if case.small or off else ()
    return Compared(case, alone.found, tuple(run(more) for more in steps if more))
