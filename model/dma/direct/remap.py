"""Coherent memory that need not be adjacent, as an IOMMU makes it look so: blocks as large as there are.

In the kernel: __iommu_dma_alloc_pages (blocks of the sizes of the IOMMU's pages, 5.11 on x86); arm/mm/dma-mapping.c:
__iommu_alloc_buffer (of every size, 3.5). Frames are chained through FRAME.next in the order of addresses.
"""

from mmrun.model.core.jit import kernel
from mmrun.model.core.record import NONE
from mmrun.model.core.state import turn
from mmrun.model.dma.device.state import ARM, dma_devices
from mmrun.model.dma.direct.alloc import take_singles
from mmrun.model.dma.direct.state import direct_count, direct_settings, direct_state
from mmrun.model.mm.alloc.page_alloc import alloc_pages
from mmrun.model.mm.page.gfp import NORETRY, NOWARN
from mmrun.model.mm.page.mempolicy import ALL_NODES
from mmrun.model.mm.page.pcp import free_frame
from mmrun.model.mm.page.state import MAX_ORDER, frames

SUPERPAGE = 9  # order of the second size of pages of an IOMMU: 2 MiB


@kernel
def _largest(pages):
    """The largest order whose blocks are no longer than that."""
    order = 0
    while 2 << order <= pages and order < MAX_ORDER - 1:
        order += 1
    return order


@kernel
def _next_order(m, dev, order):
    """The largest order from `order` down that is tried: every one on ARM, 2 MiB and single pages elsewhere."""
    if dma_devices(m)[dev].ops == ARM:
        return order
    return SUPERPAGE if order >= SUPERPAGE else 0


@kernel
def _block(m, dev, gfp, pages):
    """A block of at most so many pages and its order, smaller ones as larger are not to be had; (NONE, 0)."""
    order = _next_order(m, dev, _largest(pages))
    while True:
        hard = gfp | NOWARN | (NORETRY if order else 0)
        pfn = alloc_pages(m, hard, order, dma_devices(m)[dev].node, ALL_NODES)
        if pfn != NONE or order == 0:
            return pfn, order
        order = _next_order(m, dev, order - 1)


@kernel
def alloc_scattered(m, dev, pages, gfp):
    """`pages` cleared frames of coherent memory in as few blocks as can be had; the first of their chain, or NONE."""
    first, last, left = NONE, NONE, pages
    while left > 0:
        pfn, order = _block(m, dev, gfp, left)
        if pfn == NONE:
            free_scattered(m, first)
            direct_count(m).dma_alloc_fail += 1
            return NONE
        take_singles(m, pfn, 1 << order)
        for frame in range(pfn, pfn + (1 << order)):
            frames(m)[frame].next = NONE
            if last == NONE:
                first = frame
            else:
                frames(m)[last].next = frame
            last = frame
        left -= 1 << order
    m.now += direct_settings(m).contig_clear_page * pages
    direct_count(m).dma_alloc_success += 1
    return first


@kernel
def free_scattered(m, pfn):
    """Every frame of a chain goes back."""
    while pfn != NONE:
        following = frames(m)[pfn].next
        direct_state(m).pages -= 1
        free_frame(m, turn(m).cpu, pfn)
        pfn = following
