"""From which pageblocks memory comes when none of the wanted type is free: by era, block for block."""

import pytest

from mmrun.model.build import Built
from mmrun.model.core.record import NONE
from mmrun.model.mm.page import buddy
from mmrun.model.mm.page.flags import KERNEL, KERNEL_PAGE, LRU, MOVABLE, RECLAIMABLE, UNMOVABLE
from mmrun.model.mm.page.state import alloc_count, pageblocks, zones
from tests.model.cells import ANON, machine, machine_of, one

U, M, R = UNMOVABLE, MOVABLE, RECLAIMABLE
PAGES = 2048
Requests = list[tuple[int, int]]


def zone_with(kernel: str, types: tuple[int, ...], free: list[tuple[int, int]], lru: list[tuple[int, int]]) -> Built:
    """A zone of four pageblocks: their types, its free blocks (first page, order), ranges on LRU lists."""
    built = machine_of(one(kernel, machine(64), ANON))
    m, frames = built.memory.m, built.memory.table("frames")
    zone = zones(m)[len(zones(m)) - 1]
    base = int(zone.start)
    zone.areas["head"] = zone.areas["tail"] = NONE
    zone.areas["nr_free"] = zone.nr_free = 0
    zone.span = zone.managed = PAGES
    zone.wmark_high = 100_000  # the boost has room for every attempt
    frames["state"][base:], frames["order"][base:], frames["kind"][base:] = KERNEL, 0, KERNEL_PAGE
    pageblocks(m)[base >> 9 : (base >> 9) + 4] = types
    for first, last in lru:
        frames["state"][base + first : base + last] = LRU
    for pfn, order in free:
        own = slice(base + pfn, base + pfn + (1 << order))
        frames["state"][own] = frames["kind"][own] = 0
        buddy.add_to_free_list(m, len(zones(m)) - 1, base + pfn, order, types[pfn >> 9], True)
        buddy.account_freepages(m, len(zones(m)) - 1, 1 << order, types[pfn >> 9])
    return built


SETUPS: dict[str, tuple[tuple[int, ...], Requests, Requests, Requests]] = {
    "A": ((U, M, M, R), [(512, 5), (560, 3), (600, 0), (1056, 3), (1100, 1), (1600, 4)], [(512, 1536)], [(0, U)] * 4),
    "B": ((U, U, R, R), [(8, 3), (40, 0), (520, 3), (600, 1), (1040, 2)], [], [(0, M)] * 4),
    "C": ((U, M, M, R), [(512, 5), (552, 3), (1056, 3)], [(600, 800), (1024, 1536)], [(0, U)] * 3 + [(2, U)]),
    "D": ((U, U, U, R), [(512, 6), (576, 5), (608, 2), (1040, 1)], [(700, 856)], [(0, M)] * 2 + [(4, M)]),
}
OLD_A, OLD_C, OLD_D = [512, 513, 600, 514], [512, 513, 514, 516], [512, 513, 528]
NEW_C, NEW_D, MOVED_A = [552, 553, 554, 556], [608, 609, 576], [600, 560, 561, 562]
SMALLEST_B = [40, 600, 601, 1040]
ANSWERS = {  # pages, boosts
    "3.1": {"A": (OLD_A, 0), "B": ([8, 520, 1040, 524], 0), "C": (OLD_C, 0), "D": (OLD_D, 0)},
    "4.0": {"A": (OLD_A, 0), "B": ([8, 9, 10, 11], 0), "C": (OLD_C, 0), "D": (OLD_D, 0)},
    "4.4": {"A": (OLD_A, 0), "B": ([8, 9, 10, 11], 0), "C": (OLD_C, 0), "D": (OLD_D, 0)},
    "4.12": {"A": (MOVED_A, 0), "B": ([8, 9, 10, 11], 0), "C": (NEW_C, 0), "D": (NEW_D, 0)},
    "5.0": {"A": (MOVED_A, 1), "B": (SMALLEST_B, 3), "C": (NEW_C, 1), "D": (NEW_D, 1)},
    "6.1": {"A": (MOVED_A, 1), "B": (SMALLEST_B, 3), "C": (NEW_C, 1), "D": (NEW_D, 1)},
    "6.10": {"A": ([512, 1600, 528, 1608], 4), "B": (SMALLEST_B, 4), "C": (NEW_C, 1), "D": (NEW_D, 1)},
    "6.15": {"A": ([600, 1100, 1101, 560], 16), "B": (SMALLEST_B, 0), "C": (NEW_C, 1), "D": (NEW_D, 1)},
}
CASES = [(kernel, setup) for kernel, answers in ANSWERS.items() for setup in answers]


@pytest.mark.parametrize(("kernel", "setup"), CASES)
def test_the_same_pages_and_boosts_as_the_kernel_of_that_time(kernel, setup):
    types, free, lru, requests = SETUPS[setup]
    built = zone_with(kernel, types, free, lru)
    m, z = built.memory.m, len(zones(built.memory.m)) - 1
    base = int(zones(m)[z].start)
    got = [int(buddy.alloc_block(m, z, order, mt, 0)) - base for order, mt in requests]
    assert (got, int(zones(m)[z].boost) // 512) == ANSWERS[kernel][setup] and m.broken == 0
    changed = {"C": (U, U, M, R), "D": (U, M, U, R)}.get(setup, types) if kernel not in ("3.1", "4.0", "4.4") else types
    assert tuple(int(mt) for mt in pageblocks(m)[base >> 9 : (base >> 9) + 4]) == changed
    assert alloc_count(m).mm_page_alloc_extfrag == alloc_count(m).extfrag_fragmenting > 0
