"""The block layer's bounce pages, to 5.12: for controllers of less than 32 bits (block/bounce.c, mm/bounce.c).

A page that the controller cannot reach is copied to one of zone DMA, of which 16 are in reserve for when the zone has
none.
"""

from mmrun.model.core.jit import kernel
from mmrun.model.core.record import NONE
from mmrun.model.core.state import turn
from mmrun.model.dma.device.state import dma_devices
from mmrun.model.dma.direct.state import ISA_POOL_SIZE, direct_count, direct_settings, direct_state
from mmrun.model.dma.swiotlb.bus import pfn_to_dma
from mmrun.model.dma.swiotlb.pools import LIMIT_32
from mmrun.model.dma.swiotlb.state import swiotlb_settings
from mmrun.model.machine.state import cpus
from mmrun.model.mm.alloc.page_alloc import alloc_pages
from mmrun.model.mm.page import gfp as bits
from mmrun.model.mm.page.flags import BOUNCE_PAGE, KERNEL
from mmrun.model.mm.page.gfp import DIRECT_RECLAIM, GFP_NOIO, IO, NOWARN
from mmrun.model.mm.page.mempolicy import ALL_NODES
from mmrun.model.mm.page.pcp import free_frame
from mmrun.model.mm.page.state import frames
from mmrun.model.units import PAGE


@kernel
def queue_bounces(m, dev, pfn):
    """Whether the block layer copies a page for this controller (blk_queue_bounce_limit, 64 bits)."""
    limit = dma_devices(m)[dev].mask
    return direct_settings(m).isa_bounce and limit < LIMIT_32 and pfn_to_dma(m, pfn) + PAGE - 1 > limit


@kernel
def _new_page(m, gfp):
    """A page of zone DMA, or NONE."""
    pfn = alloc_pages(m, gfp | bits.DMA, 0, cpus(m)[turn(m).cpu].node, ALL_NODES)
    if pfn != NONE:
        page = frames(m)[pfn]
        page.state, page.kind, page.memcg, page.slot, page.pins = KERNEL, BOUNCE_PAGE, 0, 0, 0
    return pfn


@kernel
def _element(m):
    """A page of the reserve, or NONE."""
    state = direct_state(m)
    pfn = state.spare
    if pfn != NONE:
        state.spare, state.elements = frames(m)[pfn].next, state.elements - 1
    return pfn


@kernel
def _keep(m, pfn):
    """The reserve has one page more."""
    state = direct_state(m)
    frames(m)[pfn].next, state.spare = state.spare, pfn
    state.elements += 1


@kernel
def fill_reserve(m):
    """Fill the reserve at boot (init_emergency_isa_pool)."""
    while direct_state(m).elements < ISA_POOL_SIZE:
        pfn = _new_page(m, GFP_NOIO)
        if pfn == NONE:
            return
        _keep(m, pfn)


@kernel
def bounce_page(m, pfn, write):
    """A page for what lies in frame `pfn`, copied if it is written; NONE: there is none now (mempool_alloc).

    What the zone has without reclaim comes first, then the reserve. In the kernel whoever makes the request sleeps for
    the next one that comes back; here drives are given requests where nobody may sleep, so it is tried again later.
    """
    to = _new_page(m, NOWARN | GFP_NOIO & ~(DIRECT_RECLAIM | IO))
    if to == NONE:
        to = _element(m)
    if to == NONE:
        direct_count(m).bounce_waits += 1
        return NONE
    direct_count(m).bounce_blocks += 1
    direct_state(m).bounced += 1
    frames(m)[to].pins = 1
    if write:
        m.now += PAGE * swiotlb_settings(m).bounce_cached // 1000
    return to


@kernel
def is_bounce_page(m, pfn):
    """Whether a frame is such a page in use, which has a pin."""
    return frames(m)[pfn].kind == BOUNCE_PAGE and frames(m)[pfn].pins > 0


@kernel
def bounce_end_io(m, to, read):
    """The request is done: what was read is copied back, the page goes to the reserve or to the zone."""
    state = direct_state(m)
    if read:
        m.now += PAGE * swiotlb_settings(m).bounce_uncached // 1000
    frames(m)[to].pins = 0
    state.bounced -= 1
    if state.elements < ISA_POOL_SIZE:
        _keep(m, to)
    else:
        free_frame(m, turn(m).cpu, to)
