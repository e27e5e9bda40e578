"""How fragmented free memory is: free blocks by order, and what the kernel's indices make of them (mm/vmstat.c).

All of it in plain Python, for reports; `free` is a zone's number of free blocks by order, over all migratetypes. The
divisions truncate as the kernel's do. Blocks on per-CPU lists are not free here, as in /proc/buddyinfo.
"""

from collections.abc import Sequence

import numpy as np

from mmrun.model.machine.built import Built
from mmrun.model.mm.page.buddy import PAGEBLOCK_ORDER
from mmrun.model.mm.page.state import MAX_ORDER, zones

HUGE_ORDER = 9
TYPES = ("unmovable", "movable", "reclaimable", "highatomic", "cma", "isolate")  # in their order


def free_blocks(built: Built, z: int) -> list[int]:
    """Free blocks of zone `z` by order (/proc/buddyinfo)."""
    areas = zones(built.memory.m)[z].areas
    return [int(areas["nr_free"][order].sum()) for order in range(MAX_ORDER)]


def _sums(free: Sequence[int], order: int) -> tuple[int, int, int]:
    """Free pages, free blocks, and how many blocks of `order` they hold (fill_contig_page_info)."""
    pages = sum(count << k for k, count in enumerate(free))
    return pages, sum(free), sum(count << k - order for k, count in enumerate(free) if k >= order)


def fragmentation_index(free: Sequence[int], order: int) -> int:
    """Why an allocation of `order` would fail, in thousandths: towards 0 for want of memory, 1000 for fragmentation.

    -1000: it would not (__fragmentation_index).
    """
    pages, blocks, suitable = _sums(free, order)
    if not blocks:
        return 0
    if suitable:
        return -1000
    return 1000 - (1000 + pages * 1000 // (1 << order)) // blocks


def unusable_index(free: Sequence[int], order: int) -> int:
    """Thousandths of the free memory that no block of `order` can be made of (unusable_free_index)."""
    pages, _, suitable = _sums(free, order)
    return (pages - (suitable << order)) * 1000 // pages if pages else 1000


def extfrag(free: Sequence[int], order: int) -> int:
    """The same in hundredths, by which proactive compaction goes; 0 where nothing is free (extfrag_for_order)."""
    pages, _, suitable = _sums(free, order)
    return (pages - (suitable << order)) * 100 // pages if pages else 0


def blocks_of(built: Built, which: Sequence[int]) -> list[int]:
    """Free blocks by order of several zones together."""
    return np.sum([free_blocks(built, z) for z in which], axis=0).tolist()


def pagetypeinfo(built: Built, z: int) -> dict[str, dict[str, list[int] | int]]:
    """By migratetype: free blocks by order (`free`), and pageblocks of the zone (`pageblocks`); /proc/pagetypeinfo."""
    zone = zones(built.memory.m)[z]
    first, last = int(zone.start) >> PAGEBLOCK_ORDER, -(-int(zone.start + zone.span) >> PAGEBLOCK_ORDER)
    types = np.bincount(built.memory.table("pageblocks")[first:last], minlength=len(TYPES))
    return {
        name: {"free": zone.areas["nr_free"][:, mt].tolist(), "pageblocks": int(types[mt])}
        for mt, name in enumerate(TYPES)
    }
