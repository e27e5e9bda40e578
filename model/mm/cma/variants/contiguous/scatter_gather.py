"""No area, no contiguity: an IOMMU maps single pages, wherever they are, to addresses that the device sees in a row.

Every page costs an entry of the device's page table; larger blocks, which the kernel tries first, are not asked for.
"""

from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.record import NONE
from mmrun.model.core.state import turn
from mmrun.model.mm.alloc.page_alloc import alloc_pages
from mmrun.model.mm.cma.state import contig_settings
from mmrun.model.mm.driver.state import NO_ORDER, buffers
from mmrun.model.mm.page.flags import KERNEL, KERNEL_PAGE
from mmrun.model.mm.page.gfp import GFP_KERNEL, NOWARN
from mmrun.model.mm.page.mempolicy import NO_INTERLEAVE_INDEX, policy_node, policy_nodemask
from mmrun.model.mm.page.pcp import free_frame
from mmrun.model.mm.page.state import frames

SOURCE = "drivers/iommu/dma-iommu.c: __iommu_dma_alloc_pages"
AREA = "none"


@kernel
def _free_chain(m, pfn):
    while pfn != NONE:
        following = frames(m)[pfn].next
        free_frame(m, turn(m).cpu, pfn)
        pfn = following


@hook
def dma_alloc(m, t, buffer, pages):
    """So many single pages, chained, each mapped for the device; the last one first."""
    nid, nodemask, first = policy_node(m, t, NO_INTERLEAVE_INDEX), policy_nodemask(m, t), NONE
    for _ in range(pages):
        pfn = alloc_pages(m, GFP_KERNEL | NOWARN, 0, nid, nodemask)
        if pfn == NONE:
            _free_chain(m, first)
            return NONE
        page = frames(m)[pfn]
        page.state, page.kind, page.memcg, page.next = KERNEL, KERNEL_PAGE, 0, first
        first = pfn
        m.now += contig_settings(m).iommu_map_page
    buffers(m)[buffer].order = NO_ORDER
    return first


@hook
def dma_free(m, buffer):
    """Every page is free again."""
    _free_chain(m, buffers(m)[buffer].pfn - 1)
    return 0
