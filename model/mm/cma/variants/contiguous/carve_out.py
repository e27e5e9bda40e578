"""Areas are kept free for drivers from boot on: nobody else ever has their pages, and a request is served at once."""

from mmrun.model.core.jit import hook
from mmrun.model.core.record import NONE
from mmrun.model.mm.cma.cma import alignment, area_of, find_zero_area, set_bitmap, take_frames
from mmrun.model.mm.cma.state import cma_areas
from mmrun.model.mm.driver.state import NO_ORDER, buffers
from mmrun.model.mm.page.flags import BOOT_PAGE
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.task.state import tasks

SOURCE = "mem= and ioremap, dma_declare_coherent_memory; PMEM, hwmem and ION's carve-out heaps of vendors, 2009 to 2012"
AREA = "kept"


@hook
def dma_alloc(m, t, buffer, pages):
    """First fit, aligned as under CMA."""
    a = area_of(m, tasks(m)[t].node)
    if a == NONE:
        return NONE
    at = find_zero_area(m, a, 0, pages, alignment(pages))
    if at == NONE:
        return NONE
    set_bitmap(m, a, at, pages, 1)
    take_frames(m, cma_areas(m)[a].first + at, pages)
    b = buffers(m)[buffer]
    b.area, b.order = a, NO_ORDER
    return cma_areas(m)[a].first + at


@hook
def dma_free(m, buffer):
    """The pages are nobody's again."""
    b = buffers(m)[buffer]
    for pfn in range(b.pfn - 1, b.pfn - 1 + b.pages):
        frames(m)[pfn].kind = BOOT_PAGE
    set_bitmap(m, b.area, b.pfn - 1 - cma_areas(m)[b.area].first, b.pages, 0)
    return 0
