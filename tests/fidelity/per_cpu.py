"""Lists of allocations and frees replayed on a zone that is set up as a recorded one was: which frames come out.

The kernel's, 6.12.117, are in `data/per_cpu.npz`: one node of 256 MiB, one CPU, and nobody else there. A list begins
with the zone's free lists and per-CPU lists in their order and the types of its pageblocks; everything else is in use.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from mmrun.model.build import Built
from mmrun.model.core.jit import kernel
from mmrun.model.core.record import NONE
from mmrun.model.mm.alloc.page_alloc import alloc_pages
from mmrun.model.mm.page import flags, gfp
from mmrun.model.mm.page.pcp import free_pages
from mmrun.model.mm.page.state import frames, pcps, zones
from mmrun.model.mm.page.vmstat import drain_zone_pages
from tests.model.cells import machine, machine_of, one

DATA = Path(__file__).parent / "data" / "per_cpu.npz"
LISTS = ("c_pcp_mov", "g_pattern", "e_o0_mix")
FAILED = 65535
# By how much the watermarks were raised when a list began, as they were found afterwards: only the last fallbacks of
# g_pattern were into parts of a pageblock, one of them, which raised them by 512 up to what they are raised to at most.
DRAINED = {"e_o0_mix": 73_382}  # one of the moments at which the vmstat worker may have drained a batch
BOOSTED = {"c_pcp_mov": 3584, "g_pattern": 6656, "e_o0_mix": 3072}
GFP = np.array(
    [0, gfp.RECLAIMABLE, gfp.MOVABLE], dtype=np.int64
)  # by what a list says: unmovable, reclaimable, movable


@kernel
def replay(m, node, base, ops, orders, flags_of, ids, given, found):
    """Do what the list says on a node; the first frames relative to `base` go into `found`, `given` keeps them."""
    for i in range(len(ops)):
        if ops[i] == 97:
            pfn = alloc_pages(m, flags_of[i], orders[i], node, 1 << node)
            given[ids[i]] = pfn
            found[i] = pfn - base if pfn != NONE else FAILED
        else:
            pfn = given[ids[i]]
            found[i] = pfn - base if pfn != NONE else FAILED
            if pfn != NONE:
                free_pages(m, 0, pfn, frames(m)[pfn].order)


@dataclass
class Recorded:
    """One list: what was asked, what the kernel gave, and the zone before and after."""

    name: str
    ops: np.ndarray
    orders: np.ndarray
    mobility: np.ndarray
    ids: np.ndarray
    pfns: np.ndarray
    state: dict
    lists: dict[str, np.ndarray]


@cache
def recorded(name: str) -> Recorded:
    """The list of that name."""
    with np.load(DATA) as data:
        own = {key.removeprefix(f"{name}/"): data[key] for key in data.files if key.startswith(f"{name}/")}
    state = json.loads(bytes(own.pop("state")).decode())
    ops, orders, mobility, ids, pfns = (own.pop(key) for key in ("op", "order", "mob", "id", "pfn"))
    return Recorded(name, ops, orders, mobility, ids.astype(np.int64), pfns, state, own)


def chained(rows: np.ndarray, members: np.ndarray) -> list[tuple[int, int, np.ndarray]]:
    """(first, second, members head first) of every list; `rows` are (first, second, how many)."""
    ends = np.cumsum(rows[:, 2])
    return [
        (int(a), int(b), members[end - n : end].astype(np.int64))
        for (a, b, n), end in zip(rows.tolist(), ends, strict=True)
    ]


def link(table: np.ndarray, members: np.ndarray) -> tuple[int, int]:
    """Chain frames in their order; the first and the last."""
    if not len(members):
        return NONE, NONE
    table["next"][members] = [*members[1:], NONE]
    table["prev"][members] = [NONE, *members[:-1]]
    return int(members[0]), int(members[-1])


def zone_like(what: Recorded, built: Built | None = None) -> tuple[Built, int, int]:
    """A machine whose second node is as the recorded one was; it, its zone, the zone's first frame."""
    built = built or machine_of(one("6.12", machine(16, 256)))
    m, table = built.memory.m, built.memory.table("frames")
    z = int(np.flatnonzero(zones(m)["node"] == 1)[-1])
    zone, pcp = zones(m)[z], pcps(m)[0, z]
    base, end = int(zone.start), int(zone.start + zone.span)
    own, state = table[base:end], what.state
    own["state"], own["kind"], own["order"], own["zone"], own["node"] = flags.KERNEL, flags.BOOT_PAGE, 0, z, 1
    types = [int(c) for c in state["blocks_before"]]
    built.memory.table("pageblocks")[base >> 9 : end >> 9] = types
    zone.areas["head"] = zone.areas["tail"] = NONE
    zone.areas["nr_free"] = zone.nr_free = 0
    for order, mt, members in chained(what.lists["free_idx"], what.lists["free"]):
        area = zone.areas[order, mt]
        area.head, area.tail = link(table, members + base)
        area.nr_free = len(members)
        zone.nr_free += len(members) << order
        for pfn in members + base:
            table[pfn : pfn + (1 << order)]["state"] = table[pfn : pfn + (1 << order)]["kind"] = 0
            table[pfn]["state"], table[pfn]["kind"] = flags.FREE, flags.FREE_BLOCK
            table[pfn]["order"], table[pfn]["owner"] = order, mt
    for _, index, members in chained(what.lists["pcp_idx"], what.lists["pcp"]):
        lst, order = pcp.lists[index], min(index // 3, 4)
        order = 9 if order == 4 else order
        lst.head, lst.tail = link(table, members + base)
        lst.n = len(members)
        pcp.count += len(members) << order
        for pfn in members + base:
            table[pfn : pfn + (1 << order)]["state"] = table[pfn : pfn + (1 << order)]["kind"] = 0
            table[pfn]["state"], table[pfn]["kind"], table[pfn]["order"] = flags.PCP, flags.PER_CPU, order
            table[pfn]["owner"] = types[(pfn - base) >> 9]
    words = state["pcp_before"][0].split()
    told = {words[i]: int(words[i + 1]) for i in range(2, len(words), 2)}
    assert told["count"] == int(pcp.count)
    for name in ("high", "high_min", "high_max", "batch", "alloc_factor", "free_count"):
        pcp[name] = told[name]
    pcp.free_limit, pcp.quiet = told["batch"] << 5, min(told["batch"] << 2, told["high_min"])
    zone.managed = state["managed"]
    zone.boost = boost = BOOSTED[what.name]
    for mark in ("min", "low", "high"):
        zone[f"wmark_{mark}"] = state[mark] - state["boost"] + boost
    return built, z, base


def frames_given(what: Recorded, drained: int | None = None) -> tuple[np.ndarray, Built, int]:
    """The first frame of every allocation and free of the list, in the model; the machine afterwards, and the zone.

    `drained`: before which operation CPUs look at lists of other nodes that have been quiet.
    """
    built, z, base = zone_like(what)
    found = np.zeros(len(what.ops), dtype=np.int64)
    given = np.full(int(what.ids.max()) + 1, NONE, dtype=np.int64)
    columns = (what.ops.astype(np.int64), what.orders.astype(np.int64), GFP[what.mobility & 3], what.ids)
    for part in (slice(0, drained), slice(drained, None)) if drained else (slice(None),):
        if part.start:
            drain_zone_pages(built.memory.m, 0, z)
        replay(built.memory.m, 1, base, *(column[part] for column in columns), given, found[part])
    assert built.memory.m.broken == 0
    return found, built, z


def first_difference(what: Recorded, found: np.ndarray) -> int:
    """The number of the first operation that gave another frame; that of all if none did."""
    wrong = np.flatnonzero(found != what.pfns)
    return int(wrong[0]) if len(wrong) else len(found)


def section() -> list[str]:
    """Lines for the page of comparisons."""
    lines = [
        "| list | operations | first other frame | frames alike | failures | kernel's |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name in LISTS:
        what = recorded(name)
        for drained in (None, DRAINED[name]) if name in DRAINED else (None,):
            found, _, _ = frames_given(what, drained)
            first = first_difference(what, found)
            where = "none" if first == len(found) else f"{first:,}"
            title = f"{name}, a remote drain at {drained:,}" if drained else name
            lines.append(
                f"| {title} | {len(found):,} | {where} | {(found == what.pfns).mean():.2%} | "
                f"{(found == FAILED).sum():,} | {(what.pfns == FAILED).sum():,} |"
            )
    return lines
