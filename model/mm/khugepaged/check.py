"""khugepaged knows each address space once, and has collapsed no more than it was given huge pages for."""

import numpy as np

from mmrun.model.core.law import chain, require
from mmrun.model.machine.built import Built
from mmrun.model.mm.khugepaged.settings import RESULTS
from mmrun.model.mm.khugepaged.state import khugepaged_count, khugepaged_scan, khugepaged_settings, mm_slots


def verify(built: Built, seen: np.ndarray) -> None:
    """Its list, its place, its counts."""
    m = built.memory.m
    if not khugepaged_settings(m).on:
        return
    scan, count = khugepaged_scan(m), khugepaged_count(m)
    linked = chain(built.memory.table("mm_slots"), int(scan.mm_slots.head), int(scan.mm_slots.n))
    entered = np.flatnonzero(mm_slots(m)["entered"])
    require(sorted(linked) == entered.tolist(), lambda: "khugepaged's list and those who joined it differ")
    require(scan.mm == 0 or scan.mm - 1 in linked, lambda: "khugepaged scans an address space that is not on its list")
    done = int(built.memory.table("khugepaged_results")[RESULTS.index("succeed")])
    require(
        done == count.khugepaged_pages_collapsed <= count.thp_collapse_alloc,
        lambda: f"{count.khugepaged_pages_collapsed} ranges collapsed, {done} of them scanned",
    )
