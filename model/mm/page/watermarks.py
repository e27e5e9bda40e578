"""Watermarks and lowmem reserves of the zones (setup_per_zone_wmarks, setup_per_zone_lowmem_reserve)."""

from collections.abc import Sequence
from math import isqrt
from types import ModuleType

RESERVE_RATIO = (256, 256, 32, 0)  # sysctl_lowmem_reserve_ratio: DMA, DMA32, Normal, Movable (0: off)
MOVABLE = 3
PAGEBLOCK, PCPTYPES = 512, 3  # pageblock_nr_pages, MIGRATE_PCPTYPES


def min_free_kbytes(managed: list[int], ceiling_kb: int) -> int:
    """The default of vm.min_free_kbytes for zones of `managed` pages: isqrt(16 * lowmem kB) within [128, ceiling]."""
    return max(128, min(isqrt(16 * sum(managed) * 4), ceiling_kb))


def for_huge_pages(managed: list[int], kinds: list[int], high: list[int]) -> int:
    """What khugepaged raises vm.min_free_kbytes to where it is less: so many pageblocks free in every zone, kB.

    Two, and three for each of the three types of pageblock that allocations fall back to; no more than a twentieth of
    what lies above the `high` watermarks. Movable zones do not count. In the kernel: set_recommended_min_free_kbytes.
    """
    zones = [z for z, kind in enumerate(kinds) if kind != MOVABLE]
    wanted = PAGEBLOCK * len(zones) * (2 + PCPTYPES * PCPTYPES)
    return min(wanted, sum(max(0, managed[z] - high[z]) for z in zones) // 20) * 4


def levels(
    managed: list[int], kinds: list[int], min_free_kb: int, scale_factor: int, variant: ModuleType
) -> list[tuple[int, int, int]]:
    """(min, low, high) of every zone in pages; `variant` is a module of the axis `watermarks`."""
    pages_min = min_free_kb // 4
    lowmem = sum(pages for pages, kind in zip(managed, kinds, strict=True) if kind != MOVABLE)
    marks = []
    for pages, kind in zip(managed, kinds, strict=True):
        share = pages_min * pages // lowmem
        low_end = max(32, min(pages // 1024, 128)) if kind == MOVABLE else share
        gap = variant.gap(share, pages, scale_factor)
        marks.append((low_end, low_end + gap, low_end + 2 * gap))
    return marks


def total_reserve(managed: int, high: int, reserves: Sequence[int]) -> int:
    """Pages of a zone that user pages cannot count on (zone.dirty_balance_reserve, later totalreserve_pages).

    In the kernel: calculate_totalreserve_pages.
    """
    return min(managed, high + max(int(pages) for pages in reserves))


def lowmem_reserves(managed: dict[int, int]) -> dict[int, list[int]]:
    """What each zone of a node keeps from callers that could go higher: kind -> pages by the caller's highest kind."""
    reserves = {}
    for kind in managed:
        above, row = 0, [0, 0, 0, 0]
        for higher in range(kind + 1, 4):
            above += managed.get(higher, 0)
            row[higher] = above // RESERVE_RATIO[kind] if RESERVE_RATIO[kind] else 0
        reserves[kind] = row
    return reserves
