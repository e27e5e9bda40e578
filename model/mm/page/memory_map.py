"""A map of physical memory: for each part by address its migratetype, and how its pages are used.

A part is a pageblock, or as many in a row as keep the map within 512 parts; its type is that of most of its pageblocks.
Of its pages, those on free lists and per-CPU lists are free, those of tasks and files can be moved, all others cannot.
"""

from typing import NamedTuple

import numpy as np

from mmrun.model.machine.built import Built
from mmrun.model.mm.page.buddy import PAGEBLOCK_ORDER
from mmrun.model.mm.page.flags import ANON_PAGE, FILE_PAGE, FREE_BLOCK, PER_CPU, TAIL_PAGE
from mmrun.model.mm.page.settings import map_parts
from mmrun.model.units import PAGE_SHIFT

FIELD, COARSE = 16, 16  # bits of a number of pages; pages that it counts by where a part has too many
BLOCK = 1 << PAGEBLOCK_ORDER


class Part(NamedTuple):
    """One part, or many as arrays: migratetype, and pages that are free, in use and movable, in use and not."""

    migratetype: np.ndarray
    free: np.ndarray
    movable: np.ndarray
    unmovable: np.ndarray


def unpacked(state: np.ndarray) -> Part:
    """What the numbers of a series say."""
    state = np.asarray(state, dtype=np.int64)
    unit, mask = np.where(state & 8, COARSE, 1), (1 << FIELD) - 1
    return Part(state & 7, *((state >> 4 + FIELD * place & mask) * unit for place in range(3)))


def packed(part: Part) -> np.ndarray:
    """Each part as one number of 52 bits, so that it survives as a float; of large parts the uses are rounded."""
    coarse = part.free + part.movable + part.unmovable >= 1 << FIELD
    unit = np.where(coarse, COARSE, 1)
    free, movable, unmovable = ((pages + unit // 2) // unit for pages in part[1:])
    return part.migratetype | coarse << 3 | free << 4 | movable << 4 + FIELD | unmovable << 4 + 2 * FIELD


def memory_map(built: Built) -> np.ndarray:
    """The whole machine's memory at this moment, a packed number a part (int64)."""
    frames, types = built.memory.table("frames"), built.memory.table("pageblocks")
    pages = len(frames)
    parts = map_parts(pages << PAGE_SHIFT)
    blocks = -(-pages // BLOCK)
    per_part = -(-blocks // parts)
    size = per_part * BLOCK
    kinds = frames["kind"]
    sizes = np.full(parts, size)
    sizes[-1] = pages - (parts - 1) * size
    free = _blocks_in(frames, np.flatnonzero((kinds == FREE_BLOCK) | (kinds == PER_CPU)), blocks)
    own = np.isin(kinds, (ANON_PAGE, FILE_PAGE))
    tails = np.flatnonzero(kinds == TAIL_PAGE)
    own[tails] = own[frames["owner"][tails]]
    movable = np.add.reduceat(own, np.arange(0, pages, size), dtype=np.int64)
    free = np.add.reduceat(free, np.arange(0, blocks, per_part))
    counts = [np.add.reduceat(types[:blocks] == mt, np.arange(0, blocks, per_part)) for mt in range(6)]
    return packed(Part(np.argmax(counts, axis=0), free, movable, sizes - free - movable))


def _blocks_in(frames: np.ndarray, heads: np.ndarray, blocks: int) -> np.ndarray:
    """Pages of the blocks that begin at `heads`, by pageblock; the largest ones cover two."""
    sizes = 1 << frames["order"][heads].astype(np.int64)
    found = np.bincount(heads >> PAGEBLOCK_ORDER, np.minimum(sizes, BLOCK), minlength=blocks + 1)
    over = sizes > BLOCK
    found += np.bincount((heads[over] >> PAGEBLOCK_ORDER) + 1, sizes[over] - BLOCK, minlength=blocks + 1)
    return found[:blocks].astype(np.int64)
