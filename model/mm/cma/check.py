"""Areas hold what can be moved away, and what drivers were given; their pageblocks keep their type."""

import numpy as np

from mmrun.model.core.law import require
from mmrun.model.machine.built import Built
from mmrun.model.mm.cma.state import cma_areas, contig_count
from mmrun.model.mm.page import buddy
from mmrun.model.mm.page import flags as state
from mmrun.model.mm.page.pageblock import DRIVER_MOVABLE


def verify(built: Built, seen: np.ndarray) -> None:
    """Bitmaps against frames, types of pageblocks, pages held."""
    m, frames, rows = built.memory.m, built.memory.table("frames"), built.memory.table("buffers")
    held = rows[(rows["pfn"] > 0) & (rows["contig"] > 0)]
    require(held["pages"].sum() == contig_count(m).pages, lambda: "pages of contiguous memory are miscounted")
    lent = built.modules["contiguous"].AREA == "lent"
    for a in range(len(cma_areas(m))):
        area = cma_areas(m)[a]
        bits = built.memory.table("cma_bitmap")[int(area.bit) : int(area.bit + area.pages)]
        own = frames[int(area.first) : int(area.first + area.pages)]
        require(area.available == (bits == 0).sum(), lambda a=a: f"area {a} miscounts what is left")
        if not lent:
            continue
        kernel = (own["state"] & state.KERNEL) != 0
        can_move = (own["kind"] == state.ZRAM_PAGE) | ((own["state"] & DRIVER_MOVABLE) != 0)
        require(
            (bits[kernel & ~can_move] == 1).all(), lambda a=a: f"a page of area {a} is the kernel's, and can never go"
        )
        first = int(area.first) >> buddy.PAGEBLOCK_ORDER
        types = built.memory.table("pageblocks")[first : first + len(bits) // (1 << buddy.PAGEBLOCK_ORDER)]
        require(
            np.isin(types, (state.CMA, state.ISOLATE)).all(),
            lambda a=a: f"a pageblock of area {a} has changed its type",
        )
    blocks = built.memory.table("pageblocks")
    areas = [(int(area.first), int(area.pages)) for area in cma_areas(m)] if lent else []
    require((blocks == state.CMA).sum() <= sum(pages for _, pages in areas) >> buddy.PAGEBLOCK_ORDER,
            lambda: "a pageblock outside all areas is of their type")  # fmt: skip
