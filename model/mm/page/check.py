"""Every frame is in one place at most, and is what it says it is."""

import numpy as np

from mmrun.model.core.law import chain, occupied, require
from mmrun.model.machine.built import Built
from mmrun.model.mm.page import flags as state
from mmrun.model.mm.page.flags import USER
from mmrun.model.mm.page.pcp import order_of
from mmrun.model.mm.page.state import pcps, zones


def verify(built: Built, seen: np.ndarray) -> None:
    """Free blocks, per-CPU lists and the kernel's frames; what frames say they are used for."""
    _free_blocks(built, seen)
    _pcps(built, seen)
    _kernel(built, seen)
    _tails(built)
    _kinds(built)


def _free_blocks(built: Built, seen: np.ndarray) -> None:
    m, frames = built.memory.m, built.memory.table("frames")
    states, orders, nr_free = frames["state"], frames["order"], zones(m)["nr_free"]
    free = np.zeros(len(nr_free), dtype=np.int64)
    for (z, order, mt), head, n in occupied(zones(m)["areas"], "nr_free"):
        for pfn in chain(frames, head, n):
            seen[pfn : pfn + (1 << order)] += 1
            free[z] += (1 << order) * (mt != state.ISOLATE)  # isolated ones count as in use
            require(states[pfn] == state.FREE and orders[pfn] == order,
                    lambda pfn=pfn: f"free block at {pfn} is not marked as one")  # fmt: skip
    wrong = np.flatnonzero(free != nr_free)
    require(len(wrong) == 0, lambda: f"zone {wrong[0]} counts {nr_free[wrong[0]]} free, has {free[wrong[0]]}")


def _pcps(built: Built, seen: np.ndarray) -> None:
    m, frames = built.memory.m, built.memory.table("frames")
    said = pcps(m)["count"]
    count = np.zeros(said.shape, dtype=np.int64)
    for (cpu, z, index), head, n in occupied(pcps(m)["lists"]):
        order = order_of(index)
        linked = np.array(chain(frames, head, n), dtype=np.int64)
        require(
            len(linked) == n and (frames["order"][linked] == order).all(),
            lambda cpu=cpu, z=z, index=index: f"per-CPU list {index} of {cpu}/{z} miscounts",
        )
        for page in range(1 << order):
            seen[linked + page] += 1
        count[cpu, z] += len(linked) << order
    wrong = np.argwhere(count != said)
    require(len(wrong) == 0, lambda: f"the per-CPU lists of {wrong[0][0]}/{wrong[0][1]} miscount pages")


def folios(frames: np.ndarray, pfns: np.ndarray) -> np.ndarray:
    """First frames of the folios that frames are part of."""
    return np.where(frames["kind"][pfns] == state.TAIL_PAGE, frames["owner"][pfns], pfns)


def see(frames: np.ndarray, seen: np.ndarray, firsts: np.ndarray) -> None:
    """Note where blocks in use are: their first frames, and the tails with them."""
    seen[firsts] += 1
    for first in firsts[frames["order"][firsts] > 0]:
        seen[first + 1 : first + (1 << int(frames["order"][first]))] += 1


def _kernel(built: Built, seen: np.ndarray) -> None:
    """Frames in the kernel's use, and those that somebody in the kernel has in hand while he sleeps."""
    frames = built.memory.table("frames")
    held = (frames["state"] & (state.KERNEL | state.ISOLATED | state.NEW)) != 0
    see(frames, seen, np.flatnonzero(held))


def _tails(built: Built) -> None:
    """Tails follow their heads, and nobody else's."""
    frames = built.memory.table("frames")
    used = (frames["state"] & (state.USER | state.KERNEL | state.NEW)) != 0
    expected = np.full(len(frames), -1, dtype=np.int64)
    for first in np.flatnonzero(used & (frames["order"] > 0)):
        expected[first + 1 : first + (1 << int(frames["order"][first]))] = first
    tails = frames["kind"] == state.TAIL_PAGE
    wrong = np.flatnonzero(np.where(tails, frames["owner"], -1) != expected)
    require(len(wrong) == 0, lambda: f"frame {wrong[0]} is a tail or not, wrongly")
    require((frames["state"][tails] == 0).all(), lambda: "a tail has a state of its own")


def _kinds(built: Built) -> None:
    """What a frame says it is used for is what it is used for."""
    frames = built.memory.table("frames")
    states = frames["state"]
    user, anon, kernel = (states & USER) != 0, (states & state.ANON) != 0, (states & state.KERNEL) != 0
    for kind, expected in (
        (state.FREE_BLOCK, (states & state.FREE) != 0),
        (state.PER_CPU, (states & state.PCP) != 0),
        (state.ANON_PAGE, user & anon),
        (state.FILE_PAGE, user & ~anon),
        (state.SLAB_PAGE, (states & state.SLAB) != 0),
    ):
        wrong = np.flatnonzero((frames["kind"] == kind) != expected)
        wrong = wrong[(states[wrong] & state.NEW) == 0]
        require(len(wrong) == 0, lambda kind=kind, wrong=wrong: f"frame {wrong[0]} is of kind {kind} or not, wrongly")
    used = np.isin(
        frames["kind"],
        (
            state.SLAB_PAGE,
            state.PAGE_TABLE,
            state.KERNEL_PAGE,
            state.ZRAM_PAGE,
            state.BOOT_PAGE,
            state.HUGETLB_PAGE,
            state.NET_PAGE,
            state.IOMMU_PAGE,
            state.BOUNCE_PAGE,
            state.DMA_PAGE,
        ),
    )
    require((used == kernel).all(), lambda: f"frame {int(np.argmax(used != kernel))}: kind and kernel use disagree")
