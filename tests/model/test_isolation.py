"""Isolation passes over pages of zones that would not help the caller: how many, and whether they count as scanned."""

import pytest

from mmrun.model.mm.lru.lists import push_head
from mmrun.model.mm.page.flags import INACTIVE_FILE, LRU
from mmrun.model.mm.page.state import zones
from mmrun.model.mm.page.zones import lruvec_of
from mmrun.model.mm.reclaim.shrink_list import isolate
from mmrun.model.mm.reclaim.state import scans
from mmrun.model.mm.reclaim.vmscan import own_scan
from tests.model.cells import machine, machine_of, on_list, one

HIGH, LOW = 40, 3  # pages


@pytest.mark.parametrize(
    "kernel, wanted, passed",
    [("4.9", 2, HIGH // 4), ("4.9", 8, HIGH), ("4.12", 2, HIGH), ("6.18", 2, HIGH), ("6.18", 8, HIGH)],
)
def test_pages_of_too_high_a_zone_are_passed_over(kernel: str, wanted: int, passed: int):
    """The oldest pages are all of zone DMA32, the caller can use zone DMA only.

    A quarter of what is passed over counts from 4.8 on, all of it where the list ends there, always all since 4.12.
    """
    built = machine_of(one(kernel, machine(64)))
    m, frames = built.memory.m, built.memory.table("frames")
    lv, s = lruvec_of(m, 0, 0, 0), own_scan(m)
    first = [int(zones(m)[z].start) + 512 for z in (0, 1)]
    pages = [first[1] + i for i in range(HIGH)] + [first[0] + i for i in range(LOW)]
    for at, pfn in enumerate(pages):
        frames[pfn].state, frames[pfn].zone = LRU, int(at < HIGH)
        push_head(m, lv, INACTIVE_FILE, pfn)
    sc = scans(m)[s]
    sc.highest_zoneidx = 0
    taken = min(wanted, LOW)
    assert isolate(m, s, lv, INACTIVE_FILE, wanted) == taken == sc.nr_taken
    assert sc.passed == passed
    assert list(sc.batch[:taken]) == pages[HIGH : HIGH + taken], "oldest first"
    assert on_list(built, lv, INACTIVE_FILE) == [*reversed(pages[:HIGH]), *reversed(pages[HIGH + taken :])]
