"""96 MB through zswap in a group of 24 MiB, written once and read once, as recorded on a guest (data/README.md).

The pool may have 2 % of memory; half of a page is random, half is not. Which pages are stored and which refused is a
race: the task that reclaims and the worker that makes room have one CPU. So the guest's pace counts, which is about ten
times slower than a host's (test_swap_over_links.py measures it), and how its scheduler shares.
"""

import csv
from functools import cache

import numpy as np

from mmrun.model.description import Cell, Cgroup, Costs, Machine, Node, Region, SwapTarget, Sysctl, Variant
from mmrun.model.mm.zswap.settings import Zswap
from mmrun.model.units import PAGE, KiB, MiB
from tests.fidelity.markdown import table
from tests.fidelity.recorded import DATA
from tests.model.cells import given, reads, run, writes

MEMORY, LIMIT, SIZE = 730_688 * KiB, 24 * MiB, 96 * MiB
LENGTH = 2213  # bytes that a page takes: memory.stat has it to the byte in every repeat
PACE, PACES = 10, (8, 13)  # how many times slower the guest's kernel is than the model's costs; its range
CPU = (
    "scan_page", "reclaim_page", "io_path", "tlb_shootdown", "lruvec_visit", "swap_path", "copy_page", "syscall",
    "minor_fault_anon", "lru_lock", "buddy", "kswapd_wake", "zswap_fill", "zswap_lru_walk",
)  # fmt: skip
COMPRESS, DECOMPRESS, COPY = 3_000, 1_200, 300  # ns at a host's pace; brd copies a page
SCHEDULERS = {"EEVDF": {"sched": Variant(variant="fair")}, "CFS": {"sched": Variant(variant="fair", params={"algorithm": 1})}}  # fmt: skip  # noqa: E501
QUANTITIES = {
    "zswpout": "pages stored",
    "zswpwb": "pages written by zswap",
    "pswpout": "pages written to the device in all",
    "pswpin": "pages read from the device",
    "nr_vmscan_write": "pages swapped out",
    "pgscan_anon": "pages scanned",
    "pgsteal_anon": "pages reclaimed",
    "workingset_refault_anon": "refaults",
    "pgrotated": "pages rotated after their write",
    "pool_limit_hit": "stores that found the pool full",
    "stored_pages": "pages in zswap at the end",
    "pool_total_size": "bytes of the pool at the end",
}
PHASES = {"write": "written", "read": "then read"}
OURS = {"pool_limit_hit": "zswap_pool_limit_hit", "stored_pages": "zswap_stored_pages"}


@cache
def recorded() -> tuple[dict[str, float], ...]:
    """What the kernel counted, by repeat: `phase.quantity` -> value; what a repeat could not tell is left out."""
    with (DATA / "zswap.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    repeats = sorted({row["repeat"] for row in rows})
    return tuple(
        {
            f"{row['phase']}.{name}": float(row[name])
            for row in rows
            if row["repeat"] == repeat
            for name in QUANTITIES
            if row[name]
        }
        for repeat in repeats
    )


def cell(pace: int = PACE, scheduler: str = "EEVDF", pages: int = 0) -> Cell:
    """The guest, its kernel so many times slower than a host's; brd is a device that stores pages as they are."""
    usual = Costs()
    costs = Costs(**{name: getattr(usual, name) * pace for name in CPU})
    brd = SwapTarget(kind="zram", size=256 * MiB, compression_ratio=1.0, compress=COPY * pace, decompress=COPY * pace)
    contents = Zswap(compression_ratio=PAGE / LENGTH, compress=COMPRESS * pace, decompress=DECOMPRESS * pace)
    return Cell(
        kernel="6.12",
        machine=Machine(nodes=(Node(memory=MEMORY),), swap={"brd": brd}, zswap=contents, costs=costs, hz=250),
        vm=Sysctl(zswap=True, zswap_max_pool_percent=2, page_cluster=0),
        cgroups={"g": Cgroup(max=LIMIT + pages * PAGE)},
        tasks={"t": given(Region(size=SIZE), cgroup="g")},
        policy=SCHEDULERS[scheduler],
    )


@cache
def simulated(pace: int = PACE, scheduler: str = "EEVDF") -> dict[str, float]:
    """The model's values under the same names."""
    found: dict[str, float] = {}
    every = np.arange(SIZE // PAGE)
    before: dict[str, float] = {}
    for phase, events in (("write", writes(every)), ("read", np.concatenate([writes(every), reads(every)]))):
        metrics = run(cell(pace, scheduler), events, check=False).metrics
        now = {name: metrics[OURS.get(name, name)] for name in QUANTITIES if name != "pool_total_size"}
        for name, value in now.items():
            found[f"{phase}.{name}"] = value - (0 if name == "stored_pages" else before.get(name, 0))
        found[f"{phase}.pool_total_size"] = metrics["zswap_pool_pages"] * PAGE
        before = now
    return found


def span(name: str) -> tuple[float, float]:
    """Least and most that the kernel's repeats counted."""
    values = [repeat[name] for repeat in recorded() if name in repeat]
    return min(values), max(values)


def error(name: str, value: float) -> float:
    """How far a value lies from the nearest of the repeats, as a share of that."""
    nearest = min((repeat[name] for repeat in recorded() if name in repeat), key=lambda found: abs(found - value))
    return value / nearest - 1 if nearest else value


def section() -> str:
    """Recorded repeats, the model at the guest's pace, and where another pace or scheduler leads it."""
    rows = []
    for phase, words in PHASES.items():
        for quantity, doc in QUANTITIES.items():
            name = f"{phase}.{quantity}"
            least, most = span(name)
            if most == 0:
                continue
            value = simulated()[name]
            others = [simulated(pace)[name] for pace in PACES]
            cfs = simulated(scheduler="CFS")[name]
            rows.append([
                words, doc, *(f"{repeat[name]:,.0f}" if name in repeat else "–" for repeat in recorded()),
                f"{100 * (most / least - 1):.1f}", f"{value:,.0f}", f"{100 * error(name, value):+.1f}",
                f"{min(others):,.0f}–{max(others):,.0f}", f"{cfs:,.0f}",
            ])  # fmt: skip
    heads = [f"repeat {i + 1}" for i in range(len(recorded()))]
    paces = f"pace {PACES[0]} to {PACES[1]}"
    return table(
        ("phase", "quantity", *heads, "kernel's spread %", f"simulated, pace {PACE}", "error %", paces, "CFS"), rows
    )
