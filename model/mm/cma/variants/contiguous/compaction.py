"""No area: the page allocator is asked for a block, which reclaim and compaction may make; nothing is guaranteed.

Beyond its largest order any range of the node's memory is emptied that has nothing unmovable (alloc_contig_pages).
"""

from mmrun.model.core.jit import hook
from mmrun.model.core.record import NONE
from mmrun.model.core.state import turn
from mmrun.model.mm.alloc.contig import alloc_contig_pages, free_contig_range
from mmrun.model.mm.alloc.page_alloc import alloc_pages
from mmrun.model.mm.cma.cma import order_of, take_frames
from mmrun.model.mm.driver.state import NO_ORDER, buffers
from mmrun.model.mm.page.flags import KERNEL, KERNEL_PAGE
from mmrun.model.mm.page.gfp import GFP_KERNEL, NOWARN
from mmrun.model.mm.page.mempolicy import NO_INTERLEAVE_INDEX, policy_node, policy_nodemask
from mmrun.model.mm.page.pcp import free_pages
from mmrun.model.mm.page.state import MAX_ORDER, frames

SOURCE = "kernel/dma/direct.c: dma_direct_alloc without an area; mm/page_alloc.c: alloc_contig_pages, 5.5"
AREA = "none"


@hook
def dma_alloc(m, t, buffer, pages):
    """A block of the smallest order that holds them, or such a range."""
    order, b = order_of(pages), buffers(m)[buffer]
    nid = policy_node(m, t, NO_INTERLEAVE_INDEX)
    if order >= MAX_ORDER:
        pfn = alloc_contig_pages(m, nid, 1 << order)
        if pfn == NONE:
            return NONE
        take_frames(m, pfn, 1 << order)
        b.order = NO_ORDER
        return pfn
    pfn = alloc_pages(m, GFP_KERNEL | NOWARN, order, nid, policy_nodemask(m, t))
    if pfn == NONE:
        return NONE
    page = frames(m)[pfn]
    page.state, page.kind, page.memcg = KERNEL, KERNEL_PAGE, 0
    b.order = order
    return pfn


@hook
def dma_free(m, buffer):
    """The block or range is free again."""
    b = buffers(m)[buffer]
    if b.order == NO_ORDER:
        free_contig_range(m, b.pfn - 1, 1 << order_of(b.pages))
    else:
        free_pages(m, turn(m).cpu, b.pfn - 1, b.order)
    return 0
