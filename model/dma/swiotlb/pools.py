"""Pools: the one of boot, those added when it was full, and transient ones for a single mapping (SWIOTLB_DYNAMIC)."""

from mmrun.model.core.actor import actor
from mmrun.model.core.jit import kernel
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import FOREVER, wait
from mmrun.model.core.state import turn
from mmrun.model.dma.device.state import dma_devices
from mmrun.model.dma.swiotlb.bus import pfn_to_dma
from mmrun.model.dma.swiotlb.slots import init_slots
from mmrun.model.dma.swiotlb.state import (
    GROWN,
    LARGEST_GROWN,
    MIN_SLABS,
    SEGMENT,
    SLOT_SHIFT,
    io_tlb_pools,
    swiotlb_count,
    swiotlb_state,
)
from mmrun.model.machine.state import cpus, geometry
from mmrun.model.mm.alloc.page_alloc import alloc_pages
from mmrun.model.mm.page import gfp as bits
from mmrun.model.mm.page.flags import BOUNCE_PAGE, KERNEL, TAIL_PAGE
from mmrun.model.mm.page.gfp import GFP_KERNEL, GFP_NOWAIT, NOWARN
from mmrun.model.mm.page.mempolicy import ALL_NODES
from mmrun.model.mm.page.pcp import free_pages
from mmrun.model.mm.page.state import frames
from mmrun.model.units import PAGE, PAGE_SHIFT

LIMIT_24, LIMIT_32 = (1 << 24) - 1, (1 << 32) - 1


@kernel
def order_for(nbytes):
    """The smallest order whose blocks hold so many bytes (get_order)."""
    order = 0
    while PAGE << order < nbytes:
        order += 1
    return order


@kernel
def zone_flag(limit):
    """The zone from which on down memory is within `limit` for sure (dma_direct_optimal_gfp_mask)."""
    if limit <= LIMIT_24:
        return bits.DMA
    return bits.DMA32 if limit <= LIMIT_32 else 0


@kernel
def pages_within(m, gfp, order, nid, limit):
    """A block whose addresses are all within `limit`: from anywhere, DMA32 or DMA, lower as long as one lies too high.

    NONE: there is none, or nothing is free in the zone that was tried last. In the kernel: swiotlb_alloc_tlb,
    __dma_direct_alloc_pages.
    """
    gfp |= zone_flag(limit)
    while True:
        pfn = alloc_pages(m, gfp, order, nid, ALL_NODES)
        if pfn == NONE or pfn_to_dma(m, pfn + (1 << order)) - 1 <= limit:
            return pfn
        free_pages(m, turn(m).cpu, pfn, order)
        if gfp & bits.DMA:
            return NONE
        gfp = gfp & ~bits.DMA32 | bits.DMA if gfp & bits.DMA32 else gfp | bits.DMA32


@kernel
def pool_of(m, pfn):
    """The pool that a frame is part of, or NONE (swiotlb_find_pool)."""
    if pfn >= geometry(m).nr_frames:
        return NONE
    page = frames(m)[pfn]
    if page.kind == TAIL_PAGE:
        page = frames(m)[page.owner]
    return page.slot - 1 if page.kind == BOUNCE_PAGE and page.slot else NONE


@kernel
def _made(m, p, pfn, order, slabs, areas):
    """Row `p` is a pool in a block of frames, and is searched first."""
    page, pool, state = frames(m)[pfn], io_tlb_pools(m)[p], swiotlb_state(m)
    page.state, page.kind, page.memcg, page.slot = KERNEL, BOUNCE_PAGE, 0, p + 1
    pool.pfn, pool.order, pool.address = pfn, order, pfn_to_dma(m, pfn)
    pool.slabs, pool.areas, pool.area_slabs, pool.live = slabs, areas, slabs // areas, 1
    init_slots(m, p)
    if pool.transient:
        state.transient += slabs
    else:
        state.slabs += slabs
        pool.next = state.pools
        state.pools = p


@kernel
def transient_pool(m, dev, slots):
    """A pool for one mapping of a device, from memory that it reaches and that nobody need wait for; NONE."""
    state, device = swiotlb_state(m), dma_devices(m)[dev]
    p = state.spare
    if p == NONE:
        return NONE
    order = order_for(slots << SLOT_SHIFT)
    pfn = pages_within(m, GFP_NOWAIT | NOWARN, order, cpus(m)[turn(m).cpu].node, device.mask)
    if pfn == NONE:
        return NONE
    state.spare = io_tlb_pools(m)[p].next
    swiotlb_count(m).swiotlb_transient += 1
    _made(m, p, pfn, order, slots, 1)
    return p


@kernel
def free_transient(m, p):
    """The mapping of a transient pool is gone, and the pool with it (swiotlb_del_transient)."""
    pool, state = io_tlb_pools(m)[p], swiotlb_state(m)
    state.transient -= pool.slabs
    frames(m)[pool.pfn].slot = 0
    free_pages(m, turn(m).cpu, pool.pfn, pool.order)
    pool.live, pool.next = 0, state.spare
    state.spare = p


@kernel
def grow(m):
    """One more pool below 4 GiB, as large as a block can be, down to 1 MiB; 0 when there is no memory for it."""
    state, count = swiotlb_state(m), swiotlb_count(m)
    if state.grown == GROWN:
        return 0
    slabs, pfn = LARGEST_GROWN, NONE
    while pfn == NONE and slabs >= MIN_SLABS:
        order = order_for(slabs << SLOT_SHIFT)
        pfn = pages_within(m, GFP_KERNEL | NOWARN, order, cpus(m)[turn(m).cpu].node, LIMIT_32)
        slabs = slabs if pfn != NONE else slabs >> 1
    if pfn == NONE:
        count.swiotlb_grow_fail += 1
        return 0
    state.grown += 1
    areas = min(state.areas, slabs // SEGMENT)
    _made(m, state.grown, pfn, order_for(slabs << SLOT_SHIFT), slabs, areas)
    count.swiotlb_grown += 1
    return 1


@actor(per="swiotlb")
def swiotlb_dyn_alloc(m, number):
    """The work that somebody who found no room has left (swiotlb_dyn_alloc)."""
    state = swiotlb_state(m)
    while True:
        while not state.work:
            wait(m, state.worker, FOREVER)
        state.work = 0
        grow(m)
    return 0


@kernel
def boot_pool(m, pfn, slabs, areas):
    """Row 0 is the pool of boot, in frames that lie there already."""
    state, pool = swiotlb_state(m), io_tlb_pools(m)[0]
    for frame in range(pfn, pfn + (slabs << SLOT_SHIFT >> PAGE_SHIFT)):
        page = frames(m)[frame]
        page.kind, page.slot = BOUNCE_PAGE, 1
    pool.pfn, pool.order, pool.address, pool.next = pfn, NONE, pfn_to_dma(m, pfn), NONE
    pool.slabs, pool.areas, pool.area_slabs, pool.live = slabs, areas, slabs // areas, 1
    state.pools, state.slabs, state.areas = 0, slabs, areas
    init_slots(m, 0)
