"""Swap areas hold what their counts say, in plain numpy; zram's pool is as large as what is stored in it."""

import numpy as np

from mmrun.model.core.law import require
from mmrun.model.machine.built import Built
from mmrun.model.mm.swap.state import SWAP_ZRAM, swaps
from mmrun.model.units import PAGE


def verify(built: Built, seen: np.ndarray) -> None:
    """Check every area."""
    used, stored = built.memory.table("swapmap") > 0, built.memory.table("zram_stored") > 0
    require(not (stored & ~used).any(), lambda: "zram holds something for a free slot")
    for number, area in enumerate(swaps(built.memory.m)[: len(built.cell.machine.swap)]):
        slots = slice(int(area.first), int(area.first + area.nslots))
        in_use, holds = int(used[slots].sum()), int(stored[slots].sum())
        require(
            in_use == area.used <= area.nslots,
            lambda n=number, a=area, u=in_use: f"swap area {n} counts {a.used} of {a.nslots} slots, has {u}",
        )
        require(
            holds == (area.stored if area.kind == SWAP_ZRAM else 0),
            lambda n=number, a=area, h=holds: f"swap area {n} counts {a.stored} stored pages, has {h}",
        )
        room = int(area.pool_frames) * PAGE - int(area.stored * area.stored_bytes)
        require(
            area.kind != SWAP_ZRAM or 0 <= room < 2 * PAGE,
            lambda n=number, r=room: f"the pool of swap area {n} has {r} bytes to spare",
        )
