"""The buddy allocator under random requests: nothing overlaps, everything is aligned, merged and counted."""

import random

import numpy as np
import pytest

from mmrun.model.build import Built
from mmrun.model.core.record import NONE
from mmrun.model.mm.alloc.page_alloc import alloc_pages
from mmrun.model.mm.page import check
from mmrun.model.mm.page.flags import FREE, HIGHATOMIC, MOVABLE, TAIL_PAGE
from mmrun.model.mm.page.gfp import GFP_ATOMIC, GFP_NOWAIT, MEMALLOC, RECLAIMABLE
from mmrun.model.mm.page.gfp import MOVABLE as GFP_MOVABLE
from mmrun.model.mm.page.pcp import drain_all_pcps, free_pages
from mmrun.model.mm.page.state import MAX_ORDER, MIGRATETYPES, pageblocks, zones
from tests.model.cells import ANON, machine, machine_of, one

ERAS = ("3.1", "3.5", "3.14", "4.0", "4.4", "4.12", "5.0", "5.10", "6.1", "6.8", "6.10", "6.15", "6.18")
GFPS = (GFP_NOWAIT, GFP_NOWAIT | GFP_MOVABLE, GFP_NOWAIT | RECLAIMABLE, GFP_ATOMIC, GFP_NOWAIT | MEMALLOC)
ORDERS = (0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
PAGES = 16384


def churned(era: str, seed: int, steps: int = 1500) -> tuple[Built, dict[int, int]]:
    """A machine after random allocations and frees, most of its memory in use at times; blocks held: first, order."""
    built, chance, held = machine_of(one(era, machine(64), ANON)), random.Random(seed), dict[int, int]()
    m = built.memory.m
    for step in range(steps):
        filling = step // 250 % 2 == 0
        if held and chance.random() < (0.3 if filling else 0.7):
            pfn = chance.choice(list(held))
            free_pages(m, 0, pfn, held.pop(pfn))
            continue
        order = chance.choice(ORDERS)
        pfn = int(alloc_pages(m, chance.choice(GFPS), order, 0, 1))
        if pfn != NONE:
            assert pfn % (1 << order) == 0 and pfn not in held
            held[pfn] = order
    assert m.broken == 0
    return built, held


def covered(held: dict[int, int]) -> np.ndarray:
    used = np.zeros(PAGES, dtype=np.int64)
    for pfn, order in held.items():
        used[pfn : pfn + (1 << order)] += 1
    return used


@pytest.mark.parametrize("era", ERAS)
def test_blocks_never_overlap_and_all_pages_are_counted(era):
    built, held = churned(era, 7)
    seen = np.zeros(PAGES, dtype=np.int64)
    check.verify(built, seen)
    assert (seen == 1).all() and (covered(held) <= 1).all()
    frames = built.memory.table("frames")
    for pfn, order in held.items():
        tails = frames[pfn + 1 : pfn + (1 << order)]
        assert frames["order"][pfn] == order and (tails["kind"] == TAIL_PAGE).all() and (tails["owner"] == pfn).all()


@pytest.mark.parametrize("era", ERAS)
def test_no_two_free_buddies_stay_apart(era):
    """But whole pageblocks of types that do not merge, and since 6.10 those whose types differ only if they do not."""
    built, held = churned(era, 8)
    m, frames = built.memory.m, built.memory.table("frames")
    for z in range(len(zones(m))):
        drain_all_pcps(m, z)
    for pfn in np.flatnonzero(frames["state"] & FREE):
        order, buddy = int(frames["order"][pfn]), int(pfn) ^ (1 << int(frames["order"][pfn]))
        if order == MAX_ORDER - 1 or buddy >= PAGES or frames["zone"][buddy] != frames["zone"][pfn]:
            continue
        if frames["state"][buddy] & FREE and frames["order"][buddy] == order:
            types = {int(pageblocks(m)[each >> 9]) for each in (int(pfn), buddy)}
            assert order >= 9 and HIGHATOMIC in types and len(types) == 2, (pfn, order)
    assert (covered(held) <= 1).all()


@pytest.mark.parametrize("era", ["6.10", "6.15", "6.18"])
def test_free_blocks_stand_on_the_list_of_their_pageblocks_type(era):
    built, _ = churned(era, 9)
    m, frames = built.memory.m, built.memory.table("frames")
    for pfn in np.flatnonzero(frames["state"] & FREE):
        blocks = pageblocks(m)[pfn >> 9 : (int(pfn) + (1 << int(frames["order"][pfn])) - 1 >> 9) + 1]
        assert (blocks == frames["owner"][pfn]).all()


@pytest.mark.parametrize("era", ERAS)
def test_everything_given_back_is_free_and_in_the_largest_blocks(era):
    built, held = churned(era, 10)
    m = built.memory.m
    for pfn, order in held.items():
        free_pages(m, 0, pfn, order)
    for z in range(len(zones(m))):
        drain_all_pcps(m, z)
        zone = zones(m)[z]
        assert zone.nr_free == zone.managed
        counted = [int(zone.areas["nr_free"][order].sum()) << order for order in range(MAX_ORDER)]
        assert sum(counted) == zone.managed and counted[10] >= zone.managed - 2 * 1024 * MIGRATETYPES
        reserved = int((pageblocks(m)[int(zone.start) >> 9 : int(zone.start + zone.span) >> 9] == HIGHATOMIC).sum())
        if era not in ("3.1", "3.5", "3.14", "4.0"):
            assert zone.nr_reserved_highatomic == 512 * reserved
        if era in ("6.10", "6.15", "6.18"):  # before, half of a merged block may be of another type
            assert zone.nr_free_highatomic == 512 * reserved
        assert zone.boost % 512 == 0 or zone.boost == max(512, int(zone.wmark_high - zone.boost) * 3 // 2)
    assert MOVABLE in pageblocks(m)
