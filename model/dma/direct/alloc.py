"""Coherent memory: pages that driver and device share for long, from where the device's mask allows.

A zone is guessed from the mask; a block from anywhere that lies too high is given back for one of a lower zone. Since
3.5 what may sleep comes from contiguous memory areas first. In the kernel: dma_direct_alloc, to 4.16
dma_generic_alloc_coherent; arch/arm/mm/dma-mapping.c: __dma_alloc_buffer.
"""

from mmrun.model.core.jit import kernel, rare
from mmrun.model.core.record import NONE
from mmrun.model.core.state import turn
from mmrun.model.dma.device.state import ARM, dma_devices
from mmrun.model.dma.direct.atomic import atomic_alloc, atomic_free, chunk_of
from mmrun.model.dma.direct.state import direct_count, direct_settings, direct_state
from mmrun.model.dma.swiotlb.bus import pfn_to_dma
from mmrun.model.dma.swiotlb.pools import LIMIT_32, order_for, zone_flag
from mmrun.model.mm.alloc.contig import free_contig_range
from mmrun.model.mm.alloc.page_alloc import alloc_pages
from mmrun.model.mm.cma.cma import alignment, area_of, cma_alloc, cma_release
from mmrun.model.mm.cma.state import cma_areas
from mmrun.model.mm.page import gfp as bits
from mmrun.model.mm.page.flags import DMA_PAGE, KERNEL
from mmrun.model.mm.page.gfp import DIRECT_RECLAIM
from mmrun.model.mm.page.mempolicy import ALL_NODES
from mmrun.model.mm.page.pcp import free_frame, free_pages
from mmrun.model.mm.page.state import frames
from mmrun.model.units import PAGE_SHIFT


@kernel
def reaches(m, pfn, pages, limit):
    """Whether frames have addresses up to `limit` only (dma_coherent_ok)."""
    return pfn_to_dma(m, pfn + pages - 1) + (1 << PAGE_SHIFT) - 1 <= limit


@kernel
def take_block(m, pfn, order):
    """A block is coherent memory from now on, in one piece."""
    page = frames(m)[pfn]
    page.state, page.kind, page.memcg, page.slot = KERNEL, DMA_PAGE, 0, 0
    direct_state(m).pages += 1 << order


@kernel
def take_singles(m, pfn, pages):
    """Frames are coherent memory from now on, each by itself (split_page)."""
    for frame in range(pfn, pfn + pages):
        page = frames(m)[frame]
        page.state, page.kind, page.order, page.memcg = KERNEL, DMA_PAGE, 0, 0
        page.slot = page.mapcount = page.pins = 0
    direct_state(m).pages += pages


@kernel
def _area(m, pfn):
    """The contiguous memory area that a frame is part of, NONE: none, or none that is lent."""
    for a in range(len(cma_areas(m)) if direct_settings(m).lent else 0):
        if 0 <= pfn - cma_areas(m)[a].first < cma_areas(m)[a].pages:
            return a
    return NONE


@kernel
def _from_area(m, nid, pages, limit):
    """From a contiguous memory area whose pages are lent; NONE: there is none, it is of no use, or out of reach."""
    own = direct_settings(m)
    if not own.lent or (pages == 1 and not own.dma_cma_single):
        return NONE
    a = area_of(m, nid)
    pfn = cma_alloc(m, a, pages, alignment(pages)) if a != NONE else NONE
    if pfn == NONE:
        return NONE
    if not reaches(m, pfn, pages, limit):
        cma_release(m, a, pfn, pages)
        return NONE
    take_singles(m, pfn, pages)
    return pfn


@kernel
def _lower(m, gfp, limit):
    """The zone below the one where a block lay too high, as a flag; 0: none is left."""
    if gfp & bits.DMA:
        return 0
    if direct_settings(m).dma_retries_dma32:
        return bits.DMA if gfp & bits.DMA32 else bits.DMA32
    return bits.DMA if limit < LIMIT_32 else 0


@kernel
def _from_buddy(m, gfp, order, nid, limit):
    """A block within reach, or NONE: nothing is free in the zone, or there is no lower one to look in."""
    gfp |= zone_flag(limit)
    while True:
        pfn = alloc_pages(m, gfp, order, nid, ALL_NODES)
        if pfn == NONE or reaches(m, pfn, 1 << order, limit):
            return pfn
        free_pages(m, turn(m).cpu, pfn, order)
        zone = _lower(m, gfp, limit)
        if zone == 0:
            return NONE
        direct_count(m).dma_alloc_retry += 1
        gfp = gfp & ~(bits.DMA | bits.DMA32) | zone


@rare
@kernel
def _split(m, pfn, order, pages):
    """An ARM board's buffer: the block in single pages, of which those behind the buffer go back."""
    take_singles(m, pfn, 1 << order)
    direct_state(m).pages -= (1 << order) - pages
    for frame in range(pfn + pages, pfn + (1 << order)):
        free_frame(m, turn(m).cpu, frame)


@kernel
def alloc_contiguous(m, dev, pages, gfp, limit):
    """`pages` adjacent frames up to address `limit`, on the device's node if there are some; the first, or NONE.

    Outside of areas they are a block of 2^n, all of which is taken, but on ARM.
    """
    device = dma_devices(m)[dev]
    pfn = _from_area(m, device.node, pages, limit) if gfp & DIRECT_RECLAIM else NONE
    if pfn != NONE:
        return pfn
    order = order_for(pages << PAGE_SHIFT)
    if order >= 11:
        return NONE
    pfn = _from_buddy(m, gfp, order, device.node, limit)
    if pfn != NONE and device.ops == ARM:
        _split(m, pfn, order, pages)
    elif pfn != NONE:
        take_block(m, pfn, order)
    return pfn


@kernel
def uses_pool(m, dev, gfp):
    """Whether memory must come from an atomic pool: its mapping has to change, and the request may not sleep."""
    return not gfp & DIRECT_RECLAIM and (direct_settings(m).encrypted or not dma_devices(m)[dev].coherent)


@kernel
def dma_direct_alloc(m, dev, pages, gfp):
    """Coherent memory for a device: `pages` adjacent cleared frames within its coherent mask; the first, or NONE."""
    limit, count = dma_devices(m)[dev].coherent_mask, direct_count(m)
    if uses_pool(m, dev, gfp):
        pfn = atomic_alloc(m, pages, gfp | zone_flag(limit), limit)
        if pfn == NONE:
            count.dma_pool_fail += 1
    else:
        pfn = alloc_contiguous(m, dev, pages, gfp, limit)
    if pfn == NONE:
        count.dma_alloc_fail += 1
        return NONE
    m.now += direct_settings(m).contig_clear_page * pages
    count.dma_alloc_success += 1
    return pfn


@kernel
def free_coherent(m, pfn, pages):
    """Give coherent memory back to where it came from."""
    if chunk_of(m, pfn) != NONE:
        atomic_free(m, pfn, pages)
        return
    a, order = _area(m, pfn), int(frames(m)[pfn].order)
    direct_state(m).pages -= pages if order == 0 else 1 << order
    if a != NONE:
        cma_release(m, a, pfn, pages)
    elif order:
        free_pages(m, turn(m).cpu, pfn, order)
    else:
        free_contig_range(m, pfn, pages)


@kernel
def dma_direct_free(m, dev, pfn, pages):
    """A device's coherent memory of so many pages goes back (dma_direct_free)."""
    free_coherent(m, pfn, pages)
