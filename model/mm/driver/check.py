"""Buffers are frames of the kernel's, each in one; pins are on frames that are in use."""

import numpy as np

from mmrun.model.core.law import require
from mmrun.model.machine.built import Built
from mmrun.model.mm.driver.state import driver_count
from mmrun.model.mm.page import flags as state


def verify(built: Built, seen: np.ndarray) -> None:
    """Buffers and pins against frames and counts."""
    count, frames = driver_count(built.memory.m), built.memory.table("frames")
    rows = built.memory.table("buffers")
    held = rows[rows["pfn"] > 0]
    require(
        held["pages"][held["contig"] == 0].sum() == count.driver_pages,
        lambda: "pages of drivers' buffers are miscounted",
    )
    first = held["pfn"].astype(np.int64) - 1
    kinds = (state.KERNEL_PAGE, state.DMA_PAGE)
    require(
        ((frames["state"][first] & state.KERNEL) != 0).all() and np.isin(frames["kind"][first], kinds).all(),
        lambda: "a driver's buffer is not the kernel's",
    )
    pinned = built.memory.table("pinned")
    pfns = pinned[pinned > 0].astype(np.int64) - 1
    require(len(pfns) == count.nr_foll_pin_acquired - count.nr_foll_pin_released, lambda: "pinned pages are miscounted")
    pins = np.bincount(pfns, minlength=len(frames))
    short = np.flatnonzero(frames["pins"] < pins)
    require(len(short) == 0, lambda: f"frame {short[0]} has fewer pins than those who pinned it")
    require(((frames["state"][pfns] & state.USER) != 0).all(), lambda: "a pinned frame is no page of a task")
