"""Compaction held against 6.12.117: a node is fragmented, large blocks are asked for, the node is compacted whole.

Two nodes of 256 MiB, one CPU; node 1 is used by nothing else. In `data/compact.csv` three repeats of four cases in one
boot: what compaction did in each phase, and the node's free blocks by order after it. The model begins with the frames
in use that a recorded node had at boot (`data/per_cpu.npz`) and does all of it in the same order.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from unittest.mock import patch

import numpy as np

from mmrun.model.build import Built
from mmrun.model.description import Cell, Machine, Node, Sampling, Sysctl
from mmrun.model.mm.compaction import events as compaction
from mmrun.model.mm.compaction.state import compaction_count
from mmrun.model.mm.driver import events as ask
from mmrun.model.mm.driver.state import driver_count
from mmrun.model.mm.migrate.state import migration_count
from mmrun.model.mm.page import buddy, flags
from mmrun.model.mm.page.mempolicy import MODE_BIND, MODE_PREFERRED
from mmrun.model.mm.page.state import zones
from mmrun.model.mm.task.state import tasks
from mmrun.model.units import MiB, S
from tests.fidelity.per_cpu import recorded, zone_like
from tests.model import cells
from tests.model.cells import given, reads, run, writes

DATA = Path(__file__).parent / "data" / "compact.csv"
COUNTERS = (
    "pgmigrate_success", "pgmigrate_fail", "compact_migrate_scanned", "compact_free_scanned", "compact_isolated",
    "compact_stall", "compact_fail", "compact_success", "compact_daemon_migrate_scanned", "compact_daemon_free_scanned",
)  # fmt: skip
STEP = 1 << 17  # accesses between two looks; a phase ends with reads up to the next
MOST = 60_000  # pages that the program may map


@dataclass
class Phase:
    """What a repeat's phase did: counters, buffers got, free blocks of the node by order afterwards."""

    rep: int
    case: str
    name: str
    counts: dict[str, int]
    ok: int
    free: list[int]


@cache
def kernel() -> tuple[Phase, ...]:
    """The recorded phases in their order."""
    found = []
    with DATA.open() as lines:
        for row in csv.DictReader(lines):
            counts = {name: int(row[name]) for name in COUNTERS}
            free = [int(row[f"order{order}"]) for order in range(11)]
            found.append(Phase(int(row["rep"]), row["case"], row["phase"], counts, int(row["ok"] or 0), free))
    return tuple(found)


def kept_pages(pattern: str, pages: int) -> np.ndarray:
    """Which of the pages are kept: `e4` every fourth, `r25` a quarter by chance (xorshift32 from 12345)."""
    if pattern.startswith("e"):
        return np.arange(pages) % int(pattern[1:]) == 0
    share, x, found = int(pattern[1:]), 12345, np.zeros(pages, dtype=bool)
    for page in range(pages):
        x ^= x << 13 & 0xFFFFFFFF
        x ^= x >> 17
        x ^= x << 5 & 0xFFFFFFFF
        found[page] = x % 100 < share
    return found


def _asked(phase: str) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """What a phase does, and what it does after it was looked at."""
    asks = {
        "alloc9_unmovable": (60, 9, "unmovable"), "alloc9": (60, 9, "movable"), "alloc5": (400, 5, "movable"),
        "alloc9_after": (60, 9, "movable"),
    }  # fmt: skip
    if phase in asks:
        count, order, kind = asks[phase]
        return [ask.alloc_buffers(range(count), order=order, kind=kind, effort="local")], [
            ask.free_buffers(range(count))
        ]
    if phase == "compact_node":
        return [compaction.compact_memory(1)], []
    return [compaction.set_proactiveness(60)], [compaction.set_proactiveness(0)]


def _events(offset: int) -> Iterator[np.ndarray]:
    """All phases; each is followed by reads of a page elsewhere, which change nothing, until the next look."""
    resident, at = MOST - 1, 1.0
    tables = np.arange(0, MOST, 512)
    yield writes([*tables, resident])
    yield ask.dontneed(tables)
    yield reads(np.full(STEP - len(tables) - 1, resident))
    yield writes(range(resident - offset, resident))
    mapped, others = np.empty(0, dtype=np.int64), offset
    with DATA.open() as lines:
        for row in csv.DictReader(lines):
            touched, after, others = others, [], 0
            if row["phase"] == "hog":
                pages = int(row["hog_mb"]) * 256
                yield ask.dontneed(mapped)
                keep = kept_pages(row["case"].partition(",")[2], pages)
                yield writes(range(pages))
                yield ask.dontneed(np.flatnonzero(~keep))
                mapped, touched = np.flatnonzero(keep), touched + pages
            else:
                before, after = _asked(row["phase"])
                yield from before
            at += float(row["seconds"])
            yield ask.sleep_until(int(at * S))
            yield reads(np.full(STEP - touched, resident))
            yield from after


def _begin(built: Built) -> None:
    """Node 1 as it was at boot: the frames in use that a recorded node had, in pageblocks of their own."""
    _, z, base = zone_like(recorded("g_pattern"), built)
    m, table, types = built.memory.m, built.memory.table("frames"), built.memory.table("pageblocks")
    zone = zones(m)[z]
    end = int(zone.start + zone.span)
    free = table["state"][base:end] & (flags.FREE | flags.PCP) != 0
    blocks = [(base + int(first), int(table["order"][base + first])) for first in np.flatnonzero(free)]
    used = np.ones(end - base, dtype=bool)
    for first, order in blocks:
        used[first - base : first - base + (1 << order)] = False
    busy = used.reshape(-1, 512).any(axis=1)
    types[base >> 9 : end >> 9] = np.where(busy, flags.UNMOVABLE, flags.MOVABLE)
    zone.areas["head"] = zone.areas["tail"] = cells.NONE
    zone.areas["nr_free"] = zone.nr_free = 0
    pcp = built.memory.table("pcps")[0, z]
    pcp["lists"]["head"] = pcp["lists"]["tail"] = cells.NONE
    pcp["lists"]["n"] = pcp["count"] = 0
    own = table[base:end]
    own["state"][~used] = own["kind"][~used] = own["order"][~used] = 0
    for first, order in reversed(blocks):
        buddy.free_block(m, z, first, order)


@cache
def modelled(offset: int) -> tuple[Phase, ...]:
    """The phases of the model in the same order, if the program's first page is so many frames into four of them."""
    found: list[Phase] = []
    made, before = cells.build, dict.fromkeys((*COUNTERS, "ok"), 0)

    def build(*args):
        built = made(*args)
        _begin(built)
        return built

    def look(built: Built) -> None:
        m = built.memory.m
        told = {name: int(getattr(compaction_count(m), name)) for name in COUNTERS if name.startswith("compact")}
        told |= {name: int(getattr(migration_count(m), name)) for name in COUNTERS if name.startswith("pgmigrate")}
        told["ok"] = int(driver_count(m).driver_alloc_success)
        if before:
            z = int(np.flatnonzero(zones(m)["node"] == 1)[-1])
            free = zones(m)[z].areas["nr_free"].sum(axis=1).tolist()
            counts = {name: told[name] - before[name] for name in COUNTERS}
            found.append(Phase(0, "", "", counts, told["ok"] - before["ok"], free))
        after = len(found) - 1  # the phase that comes now: the program is bound to the node, requests prefer it
        own, hog = tasks(m)[0], after < len(kernel()) and kernel()[max(after, 0)].name == "hog"
        own.mode, own.mask, own.home = MODE_BIND if hog else MODE_PREFERRED, 2, 1
        before.update(told)

    cell = Cell(
        kernel="6.12", machine=Machine(nodes=(Node(memory=256 * MiB), Node(memory=256 * MiB, cpus=0))),
        sampling=Sampling(accesses=STEP),
        tasks={"t": given()}, vm=Sysctl(compaction_proactiveness=0, watermark_boost_factor=0, min_free_kbytes=23496),
    )  # fmt: skip
    with patch.object(cells, "build", build):
        run(cell, {"t": list(_events(offset))}, probe=look, check=True)
    named = found[1:]
    return tuple(
        Phase(own.rep, own.case, own.name, seen.counts, seen.ok, seen.free)
        for own, seen in zip(kernel(), named, strict=True)
    )


def by_phase(name: str, case: str, counter: str) -> tuple[list[int], list[int]]:
    """What the kernel's and the model's repeats of a phase counted."""
    both = [(a, b) for a, b in zip(kernel(), modelled(1), strict=True) if (a.name, a.case) == (name, case)]
    if counter == "ok":
        return [a.ok for a, _ in both], [b.ok for _, b in both]
    return [a.counts[counter] for a, _ in both], [b.counts[counter] for _, b in both]


TOLD = (
    ("alloc9_unmovable", ("ok", "compact_stall")),
    ("alloc9", ("ok", "compact_success", "compact_migrate_scanned", "compact_free_scanned", "pgmigrate_success")),
    ("alloc5", ("ok", "compact_migrate_scanned")),
    ("compact_node", ("compact_migrate_scanned", "compact_free_scanned", "compact_isolated", "pgmigrate_success")),
    ("alloc9_after", ("ok",)),
)
UNASKED = ("compact_migrate_scanned", "compact_free_scanned", "compact_isolated", "pgmigrate_success")


def section() -> list[str]:
    """The phases as lines of a table: each repeat of the kernel beside each of the model."""
    lines = ["| case | phase | counter | kernel | model |", "| --- | --- | --- | --- | --- |"]
    cases = [(case, phase, names) for case in ("u0,e4", "u0,r25") for phase, names in TOLD]
    cases += [(case, "proactive", UNASKED) for case in ("proactive60,e4", "proactive60,r25")]
    for case, phase, names in cases:
        for name in names:
            own, ours = by_phase(phase, case, name)
            lines.append(f"| {case} | {phase} | {name} | {' '.join(map(str, own))} | {' '.join(map(str, ours))} |")
    return lines
