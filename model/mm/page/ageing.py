"""A zone as an aged machine has it: a random stream of allocations and frees that has been through its buddy lists.

Again and again everything is taken, in the shares in which it is to be in use at the end, until a fiftieth of the zone
is left, and given back in no order, movable pages with some of their neighbours, until as much is free as there is to
be. So unmovable allocations come when little is free and fall back into movable pageblocks, and frees leave holes; free
lists and pageblock types are what became of them under the version's own rules. Watermarks that fallbacks have raised
are what they were.
"""

import numpy as np

from mmrun.model.core.jit import kernel
from mmrun.model.core.lehmer import following
from mmrun.model.core.record import NONE
from mmrun.model.machine.built import Built
from mmrun.model.machine.numa import zones_of
from mmrun.model.machine.settings import Start
from mmrun.model.mm.page.alloc_flags import ALLOC_CMA
from mmrun.model.mm.page.buddy import alloc_block, free_block
from mmrun.model.mm.page.flags import BOOT_PAGE, KERNEL, MOVABLE, RECLAIMABLE, TAIL_PAGE, UNMOVABLE
from mmrun.model.mm.page.state import frames, zones
from mmrun.model.units import PAGE

FIXED, PINNED, LOOSE = 0, 1, 2  # what is in use: the kernel's, movable but pinned, movable
CLASSES, ROUNDS = 3, 6
MOVES = 1 << 16  # of FRAME.state: what fallbacks take for movable
LARGEST = 3  # order of the kernel's blocks


@kernel
def _take(m, z, kind, order, draw):
    """A block in use; its first frame or NONE. One in three of the kernel's is reclaimable."""
    mt = MOVABLE if kind != FIXED else RECLAIMABLE if draw % 3 == 0 else UNMOVABLE
    pfn = alloc_block(m, z, order, mt, ALLOC_CMA if mt == MOVABLE else 0)
    if pfn == NONE:
        return NONE
    f, node = frames(m), zones(m)[z].node
    for at in range(pfn, pfn + (1 << order)):
        f[at].state, f[at].kind, f[at].owner, f[at].order, f[at].zone, f[at].node = 0, TAIL_PAGE, pfn, 0, z, node
    f[pfn].state, f[pfn].kind, f[pfn].order = KERNEL | (0 if kind == FIXED else MOVES), BOOT_PAGE, order
    return pfn


@kernel
def _give(m, z, held, kinds, have, n, at):
    """Free the block at place `at` of those that are held; the last one takes its place. How many are left."""
    f, last = frames(m), held[n - 1]
    order = int(f[held[at]].order)
    have[kinds[at]] -= 1 << order
    free_block(m, z, held[at], order)
    held[at], kinds[at], f[last].slot = last, kinds[n - 1], at
    return n - 1


@kernel
def _give_run(m, z, held, kinds, have, n, at, pages):
    """Free the block at place `at` and, if it is movable, what is movable behind it, up to `pages` pages in a row."""
    f, first, kind = frames(m), held[at], kinds[at]
    n = _give(m, z, held, kinds, have, n, at)
    if kind != LOOSE:
        return n
    end = min(first + pages, zones(m)[z].start + zones(m)[z].span)
    for pfn in range(first + 1, end):
        place = f[pfn].slot
        if f[pfn].state != KERNEL | MOVES or place >= n or held[place] != pfn or kinds[place] != LOOSE:
            break
        n = _give(m, z, held, kinds, have, n, place)
    return n


@kernel
def age_zone(m, z, goal, together, seed, held, kinds):
    """Age zone `z` until `goal[kind]` pages are in use; how many blocks, which are in `held` with their `kinds`.

    `together`: movable pages in a row that are freed at a time. `have` is at the end of `goal`: pages in use by kind.
    """
    zone, n, draw = zones(m)[z], 0, seed
    have = goal[CLASSES:]
    wanted = goal[FIXED] + goal[PINNED] + goal[LOOSE]
    start = zone.nr_free
    left = max(start // 50, 64)
    for _ in range(ROUNDS):
        while zone.nr_free > left:
            draw = following(draw)
            what = draw % start
            kind = FIXED if what < goal[FIXED] else PINNED if what < goal[FIXED] + goal[PINNED] else LOOSE
            draw = following(draw)
            order = 0 if kind != FIXED or draw & 3 else 1 + (draw >> 2) % LARGEST
            pfn = _take(m, z, kind, order, draw >> 8)
            if pfn == NONE:
                break
            held[n], kinds[n], frames(m)[pfn].slot = pfn, kind, n
            have[kind] += 1 << order
            n += 1
        while n and start - zone.nr_free > wanted:
            draw = following(draw)
            n = _give_run(m, z, held, kinds, have, n, draw % n, together)
    for kind in range(CLASSES):
        at = 0
        while have[kind] > goal[kind] and n:
            draw = following(draw)
            at = draw % n
            while kinds[at] != kind:
                at = (at + 1) % n
            n = _give(m, z, held, kinds, have, n, at)
    for kind in range(CLASSES):
        while have[kind] < goal[kind]:
            draw = following(draw)
            pfn = _take(m, z, kind, 0, draw)
            if pfn == NONE:
                break
            held[n], kinds[n], frames(m)[pfn].slot = pfn, kind, n
            have[kind] += 1
            n += 1
    for at in range(n):
        frames(m)[held[at]].slot = 0
        if kinds[at] == PINNED:
            frames(m)[held[at]].state &= ~MOVES
    return n


def pages_of(start: Start, pages: int) -> tuple[int, int, int]:
    """Pages in use of a zone of so many: the kernel's, movable but pinned, movable."""
    fixed, pinned = int(pages * start.unmovable), int(pages * start.movable_pinned)
    return fixed, pinned, max(0, pages - int(pages * start.free) - fixed - pinned)


def age(built: Built) -> None:
    """Age the zones of all nodes that begin aged; movable frames in use are those of `MOVES`, still the kernel's."""
    machine, m = built.cell.machine, built.memory.m
    for z, zone in enumerate(zones_of(machine)):
        start = machine.nodes[zone.node].start
        if start is None:
            continue
        row = zones(m)[z]
        marks = {name: int(row[name]) for name in ("wmark_min", "wmark_low", "wmark_high")}
        goal = np.array([*pages_of(start, zone.pages), 0, 0, 0], dtype=np.int64)
        goal[LOOSE] = min(goal[LOOSE], max(0, int(row.nr_free) - int(goal[FIXED] + goal[PINNED])))
        held, kinds = np.zeros(zone.pages, dtype=np.int64), np.zeros(zone.pages, dtype=np.int64)
        age_zone(
            m, z, goal, start.freed_together // PAGE, 1 + (start.seed * 2_654_435_761 + z) % 2_147_483_645, held, kinds
        )
        for name, value in marks.items():
            row[name] = value
        row.boost = row.boosted = 0
