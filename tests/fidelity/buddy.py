"""The buddy allocator against a kernel's: the same frames for the same requests, page for page (data/README.md).

Lists of allocations and frees that a driver made on a node nobody else used, without per-CPU lists. `a0`, `a1`, `a2`:
movable blocks of 64 to 1,024 KiB on 6.12.117, three times; `claim`: small blocks of all types until nearly all of the
node is in use, which forces claims and thefts, on 6.12.117, whose fallback is that of 6.15; `move`: the same on 6.1.192
(no boost in either).
"""

from functools import cache
from typing import NamedTuple

import numpy as np

from mmrun.model.build import Built
from mmrun.model.core.jit import kernel
from mmrun.model.core.record import NONE
from mmrun.model.description import Cell, Machine, Node, Region, Stream, Sysctl, Task
from mmrun.model.mm.alloc.freelist import slowpath_flags
from mmrun.model.mm.alloc.page_alloc import prep_new_page
from mmrun.model.mm.page.alloc_flags import WMARK_LOW, WMARK_MIN
from mmrun.model.mm.page.buddy import account_freepages, add_to_free_list, alloc_block, free_block
from mmrun.model.mm.page.flags import KERNEL, KERNEL_PAGE, MOVABLE, ZRAM_PAGE
from mmrun.model.mm.page.gfp import GFP_NOWAIT, HIGHEST
from mmrun.model.mm.page.gfp import MOVABLE as GFP_MOVABLE
from mmrun.model.mm.page.pageblock import block_type
from mmrun.model.mm.page.state import MAX_ORDER, MIGRATETYPES, frames, pageblocks, zones
from mmrun.model.mm.page.zones import enough
from mmrun.model.units import MiB
from tests.fidelity.markdown import table
from tests.fidelity.recorded import DATA
from tests.model.cells import machine_of

LISTS = {"a0": "6.15", "a1": "6.15", "a2": "6.15", "claim": "6.15", "move": "6.1"}  # and the version whose rules it has
FAILED = 65535
TYPES = np.array([0, 2, 1])  # the recording's unmovable, reclaimable, movable as migratetypes
ZONE, UNKNOWN = 1, -1  # the zone of the model's machine that stands for the node's
FREE_ALL = ord("x")
NOWAIT_MOVABLE = GFP_NOWAIT | GFP_MOVABLE


class Replay(NamedTuple):
    """What became of each operation: frame from the zone's start on (FAILED), type of its block, the free counter."""

    pfn: np.ndarray
    block: np.ndarray
    free: np.ndarray
    built: Built


@cache
def recorded() -> dict[str, np.ndarray]:
    """The recordings, by list and quantity."""
    with np.load(DATA / "buddy.npz") as file:
        return dict(file)


def cell(name: str) -> Cell:
    """A machine with a zone as large as the node's, and the version's rules."""
    return Cell(
        kernel=LISTS[name],
        machine=Machine(nodes=(Node(memory=640 * MiB),)),
        tasks={"t": Task(stream=Stream(kind="given"), memory=(Region(),), stays=True)},
        vm=Sysctl(watermark_boost_factor=0 if name in ("claim", "move") else 15000),
    )


@kernel
def _allocate(m, z, order, mt, free):
    """An allocation that may not sleep: above low, else above min; `free`: the counter it sees, or UNKNOWN."""
    zone, flags = zones(m)[z], slowpath_flags(m, NOWAIT_MOVABLE if mt == MOVABLE else GFP_NOWAIT, order)
    for level in (WMARK_LOW, WMARK_MIN):
        mark, seen = zone.wmark_low if level == WMARK_LOW else zone.wmark_min, zone.nr_free if free < 0 else free
        if enough(m, z, order, mark, HIGHEST, flags | level, seen):
            pfn = alloc_block(m, z, order, mt, flags | level)
            if pfn != NONE:
                return pfn
    return NONE


@kernel
def replay_operations(m, z, operations, held, answers):
    """Do all operations, rows of (letter, order, type, marked movable, number, counter seen); fill in `answers`."""
    base = zones(m)[z].start
    for i in range(len(operations)):
        letter, order, mt, marked, number, free = operations[i]
        answers[i, 0], answers[i, 1], answers[i, 2] = FAILED, 15, zones(m)[z].nr_free
        if letter == 97:
            pfn = _allocate(m, z, order, mt, free)
            if pfn == NONE:
                continue
            prep_new_page(m, pfn, order)
            frames(m)[pfn].state = KERNEL
            frames(m)[pfn].kind = ZRAM_PAGE if marked else KERNEL_PAGE  # whose driver can move it, or not
            held[number] = pfn
            answers[i, 0], answers[i, 1] = pfn - base, block_type(m, pfn)
        elif letter == 102 and held[number] >= 0:
            pfn = held[number]
            held[number] = -1
            answers[i, 0] = pfn - base
            free_block(m, z, pfn, int(frames(m)[pfn].order))
            answers[i, 1] = block_type(m, pfn)
        elif letter == FREE_ALL:
            for each in range(len(held)):
                if held[each] >= 0:
                    free_block(m, z, held[each], int(frames(m)[held[each]].order))
                    held[each] = -1


def prepared(name: str) -> Built:
    """The machine as the node was before the list: its zone, free lists in order, pageblocks, watermarks."""
    found, built = recorded(), machine_of(cell(name))
    m, table_ = built.memory.m, built.memory.table("frames")
    start, span, managed, low_min, low, high, boost, _ = (int(each) for each in found[f"{name}_zone"])
    zone = zones(m)[ZONE]
    zone.start, zone.span, zone.managed, zone.boost = start, span, managed, boost
    zone.wmark_min, zone.wmark_low, zone.wmark_high, zone.reserve[:] = low_min, low, high, 0
    zone.areas["head"] = zone.areas["tail"] = NONE
    zone.areas["nr_free"] = zone.nr_free = 0
    table_["state"][:], table_["order"][:], table_["kind"][:] = KERNEL, 0, KERNEL_PAGE
    blocks = found[f"{name}_blocks"]
    pageblocks(m)[start >> 9 : (start >> 9) + len(blocks)] = blocks
    at = 0
    for order, mt, n in found[f"{name}_free_idx_before"].reshape(-1, 3):
        for pfn in found[f"{name}_free_before"][at : at + n]:
            own = slice(start + int(pfn), start + int(pfn) + (1 << int(order)))
            table_["state"][own] = table_["kind"][own] = 0
            add_to_free_list(m, ZONE, start + int(pfn), int(order), int(mt), True)
            account_freepages(m, ZONE, 1 << int(order), int(mt))
        at += n
    return built


def replay(name: str, counter: bool = True) -> Replay:
    """The list on the model; `counter`: watermark tests see the kernel's free counter where it was recorded."""
    found, built = recorded(), prepared(name)
    op, mob = found[f"{name}_op"].astype(np.int64), found[f"{name}_mob"].astype(np.int64)
    seen = found.get(f"{name}_cnt") if counter else None
    rows = np.stack(
        [op, found[f"{name}_order"].astype(np.int64), TYPES[mob & 3], mob >> 2, found[f"{name}_id"].astype(np.int64),
         np.full(len(op), UNKNOWN) if seen is None else seen.astype(np.int64)], axis=1,
    )  # fmt: skip
    answers, held = np.zeros((len(op), 3), dtype=np.int64), np.full(int(rows[:, 4].max()) + 1, -1, dtype=np.int64)
    replay_operations(built.memory.m, ZONE, np.ascontiguousarray(rows), held, answers)
    assert built.memory.m.broken == 0
    return Replay(answers[:, 0], answers[:, 1], answers[:, 2], built)


def free_lists(built: Built) -> dict[tuple[int, int], list[int]]:
    """Every free list of the zone that is not empty, by order and migratetype: frames from its start on, head first."""
    m, found = built.memory.m, {}
    base = int(zones(m)[ZONE].start)
    for order in range(MAX_ORDER):
        for mt in range(MIGRATETYPES):
            pfn, listed = int(zones(m)[ZONE].areas[order, mt].head), []
            while pfn != NONE:
                listed.append(pfn - base)
                pfn = int(frames(m)[pfn].next)
            if listed:
                found[order, mt] = listed
    return found


TITLES = {
    "a0": "movable, 16 to 256 pages, 6.12.117, first time",
    "a1": "the same, second time",
    "a2": "the same, third time",
    "claim": "small blocks of all types, 6.12.117 (fallback of 6.15)",
    "move": "small blocks of all types, 6.1.192",
}
ALLOCATE = ord("a")


def section() -> list[str]:
    """What docs/validation.md says of the buddy allocator."""
    rows = []
    for name, title in TITLES.items():
        found, done = recorded(), replay(name)
        asked = found[f"{name}_op"] == ALLOCATE
        wanted = found[f"{name}_pfn"]
        alike = int((done.pfn == wanted)[asked].sum())
        failed = int((wanted[asked] == FAILED).sum())
        blocks = f"{int((done.block == found[f'{name}_mt'])[asked].sum()):,}" if f"{name}_mt" in found else ""
        late = f"{int(np.abs(done.free - found[f'{name}_cnt'].astype(np.int64)).max())}" if blocks else ""
        rows.append([title, f"{int(asked.sum()):,}", f"{failed:,}", f"{alike:,}", blocks, late])
    return [
        "A driver asked for blocks and gave them back on a node that nobody else used, without per-CPU lists. `alike`: "
        "the model gives the same frame, or fails where the kernel failed. `late`: pages by which the kernel's free "
        "counter, which the last two replays' watermark tests see, is off what is free at most.",
        "",
        table(["requests", "allocations", "failed", "alike", "type of the pageblock alike", "late"], rows),
    ]
