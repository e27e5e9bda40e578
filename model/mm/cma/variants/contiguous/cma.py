"""The contiguous memory allocator: areas are lent to pages that can be moved, which make room when drivers want some.

Who is lent a page first is the page allocator's rule: to 5.7 what finds no other movable page, since 5.8 anybody
movable while more than half of what is free lies in areas. A request that the area cannot serve fails; the kernel would
go on to look for up to 4 MiB among ordinary pages.
"""

from mmrun.model.core.jit import hook
from mmrun.model.core.record import NONE
from mmrun.model.mm.cma.cma import alignment, area_of, cma_alloc, cma_release
from mmrun.model.mm.driver.state import NO_ORDER, buffers
from mmrun.model.mm.task.state import tasks

SOURCE = "mm/cma.c: cma_alloc, cma_release; mm/page_alloc.c: alloc_contig_range, 3.5 to 6.18"
AREA = "lent"
PARAMS = {
    "rule": (
        0, "", "when movable requests are lent pages of areas: 1 with blocks of other types, once they find none of "
        "their own, 2 before those, 3 first of all while areas hold more than half of what is free; 0: the version's",
        "mm/page_alloc.c: __rmqueue, 3.5, 4.1, 5.8", (0, 3, "there are these"),
    ),
}  # fmt: skip


@hook
def dma_alloc(m, t, buffer, pages):
    """From the area of the task's node."""
    a = area_of(m, tasks(m)[t].node)
    if a == NONE:
        return NONE
    b = buffers(m)[buffer]
    b.area, b.order = a, NO_ORDER
    return cma_alloc(m, a, pages, alignment(pages))


@hook
def dma_free(m, buffer):
    """Back to the area."""
    b = buffers(m)[buffer]
    cma_release(m, b.area, b.pfn - 1, b.pages)
    return 0
