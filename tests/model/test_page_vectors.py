"""Integer vectors of the page allocator: watermark tests, rights, claims, reserve, boost, order of free lists."""

import pytest

from mmrun.model.build import Built
from mmrun.model.core.record import NONE
from mmrun.model.mm.alloc.freelist import slowpath_flags
from mmrun.model.mm.page import buddy, watermarks
from mmrun.model.mm.page.alloc_flags import (
    ALLOC_CMA,
    ALLOC_HIGHATOMIC,
    ALLOC_KSWAPD,
    MIN_RESERVE,
    NO_WATERMARKS,
    NON_BLOCK,
    OOM,
)
from mmrun.model.mm.page.boost import boost_watermark, max_boost
from mmrun.model.mm.page.flags import CMA, HIGHATOMIC, KERNEL, KERNEL_PAGE, MOVABLE, RECLAIMABLE, UNMOVABLE
from mmrun.model.mm.page.gfp import GFP_ATOMIC, GFP_KERNEL, GFP_NOWAIT, HIGH, MEMALLOC, NOMEMALLOC
from mmrun.model.mm.page.highatomic import highatomic_cap, reserve_highatomic_pageblock
from mmrun.model.mm.page.pageblock import HALF, alike_pages, may_claim
from mmrun.model.mm.page.state import alloc_settings, frames, pageblocks, zones
from mmrun.model.mm.page.zones import enough, lowered, unusable_free
from tests.model.cells import ANON, machine, machine_of, one

FREE_BLOCKS = {  # by order: whether orders 0, 1, 2, 3, 4, 9 may be had above 1000 pages, to 4.3 and since 4.4
    (5000,): ("ynnnnn", "ynnnnn"),
    (3000, 500, 200, 100, 10): ("yyyyyn", "yyyyyn"),
    (2000, 1000, 100, 40, 10, 5, 2, 0, 0, 1): ("yyyyyn", "yyyyyy"),
    (0,) * 9 + (12,): ("yyyyyy", "yyyyyy"),
}


def built_for(kernel: str) -> Built:
    return machine_of(one(kernel, machine(64), ANON))


@pytest.mark.parametrize("blocks", FREE_BLOCKS)
@pytest.mark.parametrize("kernel", ["3.1", "4.0", "4.4", "6.18"])
def test_high_orders_above_a_watermark(kernel, blocks):
    m = built_for(kernel).memory.m
    z = len(zones(m)) - 1
    zone = zones(m)[z]
    zone.areas["nr_free"], zone.reserve[:] = 0, 0
    for order, number in enumerate(blocks):
        zone.areas[order, MOVABLE].nr_free = number
    zone.nr_free = sum(number << order for order, number in enumerate(blocks))
    got = "".join("y" if enough(m, z, order, 1000, 3, 0, zone.nr_free) else "n" for order in (0, 1, 2, 3, 4, 9))
    assert got == FREE_BLOCKS[blocks][kernel in ("4.4", "6.18")]


RIGHTS = {  # min 1000 and 4096 as seen by: plain, HIGH, HIGH that cannot sleep, cannot sleep, OOM victim
    "4.0": ((1000, 500, 375, 750), (4096, 2048, 1536, 3072)),
    "5.4": ((1000, 500, 375, 750, 500), (4096, 2048, 1536, 3072, 2048)),
    "6.12": ((1000, 500, 375, 1000, 500), (4096, 2048, 1536, 4096, 2048)),
}


@pytest.mark.parametrize("kernel", RIGHTS)
def test_how_far_below_min_a_request_may_go(kernel):
    m = built_for(kernel).memory.m
    for mark, wanted in zip((1000, 4096), RIGHTS[kernel], strict=True):
        flags = (0, MIN_RESERVE, MIN_RESERVE | NON_BLOCK, NON_BLOCK, OOM)[: len(wanted)]
        assert tuple(int(lowered(m, mark, each)) for each in flags) == wanted


GRANTED = {  # GFP_KERNEL, GFP_NOWAIT, GFP_ATOMIC of one and of two pages, __GFP_HIGH that may reclaim
    "4.0": (0, NON_BLOCK, MIN_RESERVE | NON_BLOCK, MIN_RESERVE | NON_BLOCK, MIN_RESERVE),
    "4.4": (0, 0, MIN_RESERVE | NON_BLOCK, MIN_RESERVE | NON_BLOCK | ALLOC_HIGHATOMIC, MIN_RESERVE),
    "6.12": (0, NON_BLOCK, MIN_RESERVE | NON_BLOCK, MIN_RESERVE | NON_BLOCK | ALLOC_HIGHATOMIC, MIN_RESERVE),
}


@pytest.mark.parametrize("kernel", GRANTED)
def test_what_the_slow_path_grants(kernel):
    m = built_for(kernel).memory.m
    asked = ((GFP_KERNEL, 0), (GFP_NOWAIT, 0), (GFP_ATOMIC, 0), (GFP_ATOMIC, 1), (GFP_KERNEL | HIGH, 0))
    assert tuple(int(slowpath_flags(m, gfp, order)) & ~ALLOC_KSWAPD for gfp, order in asked) == GRANTED[kernel]
    assert slowpath_flags(m, GFP_KERNEL | MEMALLOC, 0) & NO_WATERMARKS
    assert not slowpath_flags(m, GFP_ATOMIC | MEMALLOC | NOMEMALLOC, 1) & (NO_WATERMARKS | NON_BLOCK | ALLOC_HIGHATOMIC)


@pytest.mark.parametrize(("kernel", "whole"), [("4.4", True), ("6.1", True), ("6.12", True), ("6.13", False)])
def test_others_do_without_the_reserve_or_what_is_free_of_it(kernel, whole):
    m = built_for(kernel).memory.m
    zone = zones(m)[0]
    zone.nr_reserved_highatomic, zone.nr_free_highatomic, zone.nr_free_cma = 1024, 300, 70
    assert unusable_free(m, 0, 0) == (1024 if whole else 300) + 70
    assert unusable_free(m, 0, ALLOC_CMA | NON_BLOCK) == 0 and unusable_free(m, 0, NON_BLOCK) == 70


def test_claims_need_half_of_the_pageblock():
    for free, movable, mt, block, claimed in (
        (40, 200, UNMOVABLE, MOVABLE, True),
        (40, 300, UNMOVABLE, MOVABLE, False),
        (100, 150, MOVABLE, UNMOVABLE, False),
        (100, 156, MOVABLE, UNMOVABLE, True),
        (255, 0, RECLAIMABLE, UNMOVABLE, False),
        (256, 0, UNMOVABLE, RECLAIMABLE, True),
    ):
        assert (free + alike_pages(mt, block, free, movable) >= HALF) == claimed
    assert [may_claim(order, MOVABLE, True) for order in (3, 4, 9)] == [False, True, True]
    assert may_claim(0, UNMOVABLE, True) and not may_claim(3, UNMOVABLE, False) and may_claim(0, RECLAIMABLE, False)


def test_how_large_the_high_atomic_reserve_may_be():
    sizes = (50_000, 63_913, 262_144, 4_194_304)
    assert [highatomic_cap(1, managed) for managed in sizes] == [1012, 1151, 3133, 42_455]
    assert [highatomic_cap(2, managed) for managed in sizes] == [0, 1024, 3072, 41_984]


@pytest.mark.parametrize(("kernel", "blocks"), [("4.4", 2), ("6.10", 0)])
def test_the_reserve_grows_by_pageblocks_up_to_its_cap(kernel, blocks):
    m = built_for(kernel).memory.m
    z = len(zones(m)) - 1
    for _ in range(10):
        pfn = buddy.alloc_block(m, z, 9, UNMOVABLE, 0)
        frames(m)[pfn].state, frames(m)[pfn].kind = KERNEL, KERNEL_PAGE
        reserve_highatomic_pageblock(m, z, pfn, 1)
    assert zones(m)[z].nr_reserved_highatomic == 512 * blocks == 512 * int((pageblocks(m)[:] == HIGHATOMIC).sum())


def test_boost_grows_by_a_pageblock_up_to_one_and_a_half_times_high():
    assert [max_boost(high, 15000) for high in (284, 4752, 12_484, 41_746)] == [512, 7128, 18_726, 62_619]
    assert max_boost(4752, 0) == max_boost(0, 15000) == 0
    m = built_for("6.12").memory.m
    z = len(zones(m)) - 1
    zone = zones(m)[z]
    zone.wmark_min, zone.wmark_low, zone.wmark_high, zone.managed = 3168, 3960, 4752, 63_913
    for attempt in range(20):
        boost_watermark(m, z, ALLOC_KSWAPD if attempt else 0)
        assert zone.boosted == (attempt > 0)
    assert (zone.boost, zone.wmark_min, zone.wmark_low, zone.wmark_high) == (7128, 10_296, 11_088, 11_880)
    zone.managed = 2047
    boost_watermark(m, z, 0)
    assert zone.boost == 7128
    assert alloc_settings(built_for("4.20").memory.m).watermark_boost_factor == 0


def test_what_zones_keep_from_requests_that_can_go_higher():
    kept = watermarks.lowmem_reserves({0: 3840, 1: 750_000, 2: 5_500_000})
    assert kept[0][1:3] == [2929, 24_414] and kept[1][2] == 21_484


def one_block(kernel: str) -> tuple[Built, int, int]:
    """A zone that is one free block of order 10."""
    built = built_for(kernel)
    m, table = built.memory.m, built.memory.table("frames")
    z = len(zones(m)) - 1
    zone = zones(m)[z]
    base = int(zone.start)
    zone.areas["head"] = zone.areas["tail"] = NONE
    zone.areas["nr_free"] = zone.nr_free = 0
    zone.span = 1024
    table["state"][base:] = table["order"][base:] = table["kind"][base:] = 0
    buddy.free_one_page(m, z, base, 10, MOVABLE, False)
    return built, z, base


def listed(built: Built, z: int, order: int) -> list[int]:
    m = built.memory.m
    at, found = int(zones(m)[z].areas[order, MOVABLE].head), []
    while at != NONE:
        found.append(at - int(zones(m)[z].start))
        at = int(frames(m)[at].next)
    return found


def allocated(built: Built, z: int, order: int) -> int:
    m = built.memory.m
    pfn = int(buddy.alloc_block(m, z, order, MOVABLE, 0))
    frames(m)[pfn].state, frames(m)[pfn].kind = KERNEL, KERNEL_PAGE
    return pfn - int(zones(m)[z].start)


def test_a_block_is_handed_out_upwards_and_merges_again():
    built, z, base = one_block("6.12")
    m = built.memory.m
    assert [allocated(built, z, 0) for _ in range(4)] == [0, 1, 2, 3]
    buddy.free_block(m, z, base + 1, 0)
    buddy.free_block(m, z, base, 0)
    assert listed(built, z, 1) == [0] and listed(built, z, 0) == []
    buddy.free_block(m, z, base + 3, 0)
    buddy.free_block(m, z, base + 2, 0)
    assert listed(built, z, 10) == [0] and sum(zones(m)[z].areas["nr_free"].ravel()) == 1


@pytest.mark.parametrize(("free_pair", "at_tail"), [(True, True), (False, False)])
def test_a_block_goes_to_the_tail_when_it_will_soon_merge(free_pair, at_tail):
    """Page 8 stands on the list already; page 0 joins it, with 2 and 3 free as one block or not."""
    built, z, base = one_block("6.12")
    m = built.memory.m
    for _ in range(10):
        allocated(built, z, 0)
    for pfn in (8, *((2, 3) if free_pair else (2,))):
        buddy.free_block(m, z, base + pfn, 0)
    buddy.free_block(m, z, base, 0)
    assert listed(built, z, 0)[-1 if at_tail else 0] == 0


def test_areas_and_the_reserve_do_not_merge_with_other_pageblocks():
    for kernel, merged in (("4.19", True), ("6.1", False)):
        built, z, base = one_block(kernel)
        m = built.memory.m
        pfn = int(buddy.alloc_block(m, z, 10, MOVABLE, 0))
        pageblocks(m)[base >> 9] = CMA
        buddy.free_block(m, z, pfn, 9)
        buddy.free_block(m, z, pfn + 512, 9)
        assert (zones(m)[z].areas["nr_free"][10].sum() == 1) == merged
