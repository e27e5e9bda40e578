"""Slots are in one mapping or free, and lists count what is free; pools are frames that nobody else has."""

import numpy as np

from mmrun.model.core.law import require
from mmrun.model.core.record import NONE
from mmrun.model.dma.swiotlb.state import SEGMENT, SLOT_SHIFT, swiotlb_state
from mmrun.model.machine.built import Built
from mmrun.model.mm.page.flags import BOUNCE_PAGE, KERNEL, TAIL_PAGE
from mmrun.model.units import PAGE_SHIFT


def verify(built: Built, seen: np.ndarray) -> None:
    """Pools against slots, areas and frames; what is in use against what is counted."""
    pools, frames, state = (
        built.memory.table("io_tlb_pools"),
        built.memory.table("frames"),
        swiotlb_state(built.memory.m),
    )
    used, live, pages = 0, 0, np.zeros(len(frames), dtype=bool)
    for p in np.flatnonzero(pools["live"]).tolist():
        taken, mappings = _slots(built, p)
        used, live = used + taken, live + mappings
        first, slabs = int(pools["pfn"][p]), int(pools["slabs"][p])
        own = slice(first, first + -(-(slabs << SLOT_SHIFT) >> PAGE_SHIFT))
        kinds = frames["kind"][own]
        require(((kinds == BOUNCE_PAGE) | (kinds == TAIL_PAGE)).all(), lambda p=p: f"pool {p} has a frame of others")
        require(not pages[own].any(), lambda p=p: f"pool {p} lies in another one's frames")
        pages[own] = True
    require(used == state.used, lambda: f"{state.used} slots are counted as in use, {used} are")
    require(live == state.live, lambda: f"{state.live} mappings are counted, {live} have slots")
    lasting = pools[(pools["live"] > 0) & (pools["transient"] == 0)]
    require(lasting["slabs"].sum() == state.slabs, lambda: "slots of pools are miscounted")
    passing = pools[(pools["live"] > 0) & (pools["transient"] > 0)]
    require(passing["slabs"].sum() == state.transient, lambda: "slots of transient pools are miscounted")
    heads = (frames["kind"] == BOUNCE_PAGE) & (frames["slot"] > 0)
    require(pages[heads].all(), lambda: "a frame of a bounce pool is in none")
    require((frames["state"][frames["kind"] == BOUNCE_PAGE] & KERNEL).all(), lambda: "a bounce page is free")


def _slots(built: Built, p: int) -> tuple[int, int]:
    """Slots in use and mappings of a pool."""
    pool = built.memory.table("io_tlb_pools")[p]
    slots = built.memory.table("io_tlb_slots")[int(pool["slot"]) : int(pool["slot"] + pool["slabs"])]
    taken = slots["first"] != NONE
    run, expected = 0, np.zeros(len(slots), dtype=np.int64)
    for i in range(len(slots) - 1, -1, -1):
        run = 0 if taken[i] else 1 + (run if i % SEGMENT != SEGMENT - 1 else 0)
        expected[i] = run
    wrong = np.flatnonzero(expected != slots["list"])
    require(len(wrong) == 0, lambda: f"slot {wrong[0]} of pool {p} counts {slots['list'][wrong[0]]} free slots wrongly")
    heads = np.flatnonzero(taken & (slots["first"] == np.arange(len(slots))))
    sizes = -(-slots["bytes"][heads] >> SLOT_SHIFT)
    held = np.full(len(slots), NONE)
    for head, size in zip(heads, sizes, strict=True):
        require((held[head : head + size] == NONE).all(), lambda: f"slots of pool {p} are in two mappings")
        held[head : head + size] = head
    require((held == slots["first"]).all(), lambda: f"a slot of pool {p} is not where its mapping is")
    areas = built.memory.table("io_tlb_areas")[int(pool["area"]) : int(pool["area"] + pool["areas"])]
    each = taken.reshape(int(pool["areas"]), int(pool["area_slabs"])).sum(axis=1)
    require((each == areas["used"]).all(), lambda: f"an area of pool {p} miscounts what is in use")
    require((areas["index"] < pool["area_slabs"]).all(), lambda: f"an area of pool {p} begins beyond itself")
    return int(taken.sum()), len(heads)
