"""khugepaged over ranges of 2 MiB of every kind, under four sets of limits, as a kernel of 6.12 left them."""

import csv
from functools import cache
from pathlib import Path

import numpy as np

from mmrun.model.description import Region, Sysctl
from mmrun.model.mm.driver.events import sleep_until
from mmrun.model.mm.khugepaged.events import madvise_huge, madvise_pageout
from mmrun.model.mm.task.state import PTE_PRESENT
from mmrun.model.units import MS, S
from tests.model.cells import ZRAM, Run, machine, one, reads, run, writes

DATA = Path(__file__).parent / "data" / "khugepaged.csv"
PAGES = 512
COUNTERS = {
    "thp_collapse_alloc": "thp_collapse_alloc", "thp_scan_exceed_none_pte": "thp_scan_exceed_none_pte",
    "thp_scan_exceed_swap_pte": "thp_scan_exceed_swap_pte", "pswpin": "pswpin", "pgmajfault": "pgmajfault",
    "full_scans": "khugepaged_full_scans", "pages_collapsed": "khugepaged_pages_collapsed",
}  # fmt: skip
Case = tuple[int, int]
Extent = tuple[str, int, int, int]


@cache
def recorded() -> dict[Case, tuple[list[Extent], dict[str, int]]]:
    """By limits (max_ptes_none, max_ptes_swap): extents as (what, huge, present, swapped), and counters."""
    found: dict[Case, tuple[list[Extent], dict[str, int]]] = {}
    with DATA.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            extents, counts = found.setdefault((int(row["max_ptes_none"]), int(row["max_ptes_swap"])), ([], {}))
            if row["present"]:
                extents.append((row["what"], int(row["value"]), int(row["present"]), int(row["swapped"])))
            else:
                counts[row["what"]] = int(row["value"])
    return found


def made(what: str, first: int) -> np.ndarray:
    """Events that bring an extent about: `pN` first N pages written, `sN` N spread, `zN` first N zeros, the others
    written, `wN` first N swapped out, `kN` locked, which is as present here."""
    kind, count, all_pages = what[0], int(what[1:]), first + np.arange(PAGES)
    if kind == "s":
        return writes(first + np.arange(count) * PAGES // count)
    if kind == "z":
        return np.concatenate([reads(all_pages[:count]), writes(all_pages[count:])])
    if kind == "w":
        return np.concatenate([writes(all_pages), madvise_pageout(first, count)])
    return writes(all_pages[:count])


@cache
def replayed(case: Case) -> Run:
    """The recording's extents, then thirteen rounds of khugepaged: four times round and half a round more."""
    names = [extent[0] for extent in recorded()[case][0]]
    events = [made(what, number * PAGES) for number, what in enumerate(names)]
    start = 10 * S
    rounds = [sleep_until(start), madvise_huge(0), sleep_until(start + 12 * 200 * MS + 150 * MS)]
    vm = Sysctl(
        transparent_hugepage="madvise", zero_page=True, max_ptes_none=case[0], max_ptes_swap=case[1], page_cluster=0,
        khugepaged_scan_sleep_millisecs=200,
    )  # fmt: skip
    region = Region(advice="nohugepage", size=len(names) * PAGES * 4096)
    return run(one("6.12", machine(512, swap=ZRAM), region, vm=vm), np.concatenate(events + rounds))


def extents_of(done: Run, names: list[str]) -> list[Extent]:
    """What is there at the end."""
    words, marks = done.built.memory.table("pte"), done.built.memory.table("huge_marks")
    found = []
    for number, what in enumerate(names):
        own = words[number * PAGES : (number + 1) * PAGES]
        present = (own & PTE_PRESENT) != 0
        found.append((what, int(marks[number]), int(present.sum()), int(((own != 0) & ~present).sum())))
    return found


def compared(case: Case) -> tuple[int, int, dict[str, tuple[int, int]]]:
    """(extents as recorded, extents, counters as (recorded, model))."""
    extents, counts = recorded()[case]
    done = replayed(case)
    own = extents_of(done, [extent[0] for extent in extents])
    alike = sum(one_ == other for one_, other in zip(extents, own, strict=True))
    return alike, len(extents), {name: (value, int(done.metrics[COUNTERS[name]])) for name, value in counts.items()}


def section() -> list[str]:
    """Markdown: a line a set of limits."""
    lines = [
        "| max_ptes_none, max_ptes_swap | extents as recorded | counters as recorded | others |",
        "|---|---|---|---|",
    ]
    for case in recorded():
        alike, count, counters = compared(case)
        same = [name for name, (value, own) in counters.items() if value == own]
        off = [f"{name} {value}, here {own}" for name, (value, own) in counters.items() if value != own]
        figures = f"{alike} of {count} | {len(same)} of {len(counters)} | {'; '.join(off) or 'none'}"
        lines.append(f"| {case[0]}, {case[1]} | {figures} |")
    return lines
