"""Mapping through the bounce pool: slots are found, data copied in and out (swiotlb_map, swiotlb_tbl_unmap_single)."""

from mmrun.model.core.codes import BAD_FREE
from mmrun.model.core.jit import kernel, rare
from mmrun.model.core.panic import panic
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import wake
from mmrun.model.core.state import turn
from mmrun.model.dma.device.state import BIDIRECTIONAL, DMA_ERROR, FROM_DEVICE, TO_DEVICE, dma_devices
from mmrun.model.dma.swiotlb.bus import dma_to_pfn, pfn_to_dma
from mmrun.model.dma.swiotlb.pools import free_transient, pool_of, transient_pool
from mmrun.model.dma.swiotlb.slots import count_used, nr_slots, release_slots, search_pool_area
from mmrun.model.dma.swiotlb.state import (
    OVERFLOW_PAGES,
    SEGMENT,
    SLOT,
    SLOT_SHIFT,
    io_tlb_pools,
    io_tlb_slots,
    swiotlb_count,
    swiotlb_settings,
    swiotlb_state,
)
from mmrun.model.dma.swiotlb.tracepoints import swiotlb_bounced_event
from mmrun.model.units import PAGE, PAGE_SHIFT


@kernel
def swiotlb_active(m):
    """Whether there is a pool (is_swiotlb_active)."""
    return swiotlb_state(m).pools != NONE


@kernel
def swiotlb_max_mapping_size(m, dev):
    """Bytes of the largest mapping: a segment, less what keeping an address' low bits may take."""
    keep = dma_devices(m)[dev].min_align if swiotlb_settings(m).swiotlb_min_align else 0
    return (SEGMENT << SLOT_SHIFT) - (nr_slots(keep) << SLOT_SHIFT)


@kernel
def is_swiotlb(m, address):
    """Whether a bus address lies in a bounce pool (is_swiotlb_buffer)."""
    return address >= 0 and pool_of(m, dma_to_pfn(m, address)) != NONE


@kernel
def is_overflow(m, address):
    """Whether it is the overflow buffer's: drivers who ask are told that there is no mapping (dma_mapping_error)."""
    first = swiotlb_state(m).overflow
    return first != 0 and first <= address < first + (OVERFLOW_PAGES << PAGE_SHIFT)


@kernel
def _copy(m, nbytes, ps):
    """Copy `nbytes` at `ps` a byte."""
    ns, count = nbytes * ps // 1000, swiotlb_count(m)
    count.swiotlb_bytes += nbytes
    count.swiotlb_copy_ns += ns
    m.now += ns


@kernel
def _copy_in(m, nbytes, direction):
    """Into the bounce buffer: what the CPU has written for the device, or what the device may leave as it is."""
    own = swiotlb_settings(m)
    _copy(m, nbytes, own.bounce_uncached if direction == FROM_DEVICE else own.bounce_cached)


@kernel
def _find_slots(m, dev, orig, nbytes, align):
    """Slots in the CPU's own area or in others, pool by pool, else in a new transient pool; (pool, slot) or NONEs."""
    if nbytes > SEGMENT << SLOT_SHIFT:
        return NONE, NONE
    state, cpu = swiotlb_state(m), turn(m).cpu
    for i in range(state.areas):
        p = state.pools
        while p != NONE:
            pool = io_tlb_pools(m)[p]
            if i < pool.areas:
                at = search_pool_area(m, dev, p, cpu + i & pool.areas - 1, orig, nbytes, align)
                if at != NONE:
                    return p, at
            p = pool.next
    if not swiotlb_settings(m).grows:
        return NONE, NONE
    return _find_transient(m, dev, orig, nbytes, align)


@rare
@kernel
def _find_transient(m, dev, orig, nbytes, align):
    """The pool is to grow; meanwhile the mapping has a pool of its own."""
    state = swiotlb_state(m)
    state.work = 1
    wake(m, state.worker, 1, m.now)
    p = transient_pool(m, dev, nr_slots(nbytes))
    if p == NONE:
        return NONE, NONE
    at = search_pool_area(m, dev, p, 0, orig, nbytes, align)
    if at == NONE:
        free_transient(m, p)
        return NONE, NONE
    return p, at


@kernel
def _unmapped(m, p, at):
    """The slots of a mapping are free; a transient pool goes whole, so nobody waits for its lock."""
    swiotlb_state(m).live -= 1
    if io_tlb_pools(m)[p].transient:
        count_used(m, -io_tlb_pools(m)[p].slabs)
        free_transient(m, p)
    else:
        count_used(m, -release_slots(m, p, at))


@rare
@kernel
def _no_room(m, nbytes, of_page):
    """What a mapping without room gets: to 4.19 a page the overflow buffer, which others have, too (swiotlb_full)."""
    if of_page and swiotlb_state(m).overflow and nbytes <= OVERFLOW_PAGES << PAGE_SHIFT:
        swiotlb_count(m).swiotlb_overflow += 1
        return swiotlb_state(m).overflow
    return DMA_ERROR


@kernel
def _tbl_map(m, dev, orig, nbytes, direction, align):
    """Copy what lies at bus address `orig` into slots: (pool, first slot, bytes before it there), NONEs without room.

    `align`: low bits of the place that are to be 0; all of the last page is taken then. In the kernel:
    swiotlb_tbl_map_single.
    """
    device, own = dma_devices(m)[dev], swiotlb_settings(m)
    offset = orig & device.min_align & (align | SLOT - 1) if own.swiotlb_min_align else 0
    size = nbytes + offset + align & ~align
    swiotlb_count(m).swiotlb_bounced += 1
    swiotlb_bounced_event(m, dev, device.mask, orig, nbytes, own.forced)
    p, at = _find_slots(m, dev, orig, size, align)
    if p == NONE:
        swiotlb_count(m).swiotlb_full += 1
        return NONE, NONE, 0
    count_used(m, nr_slots(size))
    swiotlb_state(m).live += 1
    device.need_sync = 1
    if direction in (TO_DEVICE, BIDIRECTIONAL) or own.swiotlb_copies_in:
        _copy_in(m, nbytes, direction)
    return p, at, offset


@kernel
def _map(m, dev, orig, nbytes, direction, of_page):
    """Copy what lies at bus address `orig` to where the device reaches it; where that is, or DMA_ERROR."""
    p, at, offset = _tbl_map(m, dev, orig, nbytes, direction, 0)
    if p == NONE:
        return _no_room(m, nbytes, of_page)
    address = io_tlb_pools(m)[p].address + (at << SLOT_SHIFT) + offset
    if address + nbytes - 1 > dma_devices(m)[dev].mask:
        _unmapped(m, p, at)
        swiotlb_count(m).swiotlb_unreachable += 1
        overflow = of_page and swiotlb_state(m).overflow
        return swiotlb_state(m).overflow if overflow else DMA_ERROR
    return address


@kernel
def swiotlb_map_pages(m, dev, pfn, offset, nbytes, direction):
    """Bounce for a device behind an IOMMU, into whole pages that nobody else has; the bus address there, or DMA_ERROR.

    What it shall see of memory is then mapped for it: nothing beside the buffer (iommu_dma_map_page, untrusted).
    """
    p, at, inside = _tbl_map(m, dev, pfn_to_dma(m, pfn) + offset, nbytes, direction, PAGE - 1)
    if p == NONE:
        return DMA_ERROR
    return io_tlb_pools(m)[p].address + (at << SLOT_SHIFT) + inside


@kernel
def swiotlb_map(m, dev, pfn, offset, nbytes, direction):
    """Bounce `nbytes` from byte `offset` of a frame on; the address for the device (bytes), or DMA_ERROR.

    To 4.19 what finds no room is given the overflow buffer instead: `is_overflow` says so, its data is lost.
    """
    return _map(m, dev, pfn_to_dma(m, pfn) + offset, nbytes, direction, 1)


@kernel
def swiotlb_map_entry(m, dev, pfn, offset, nbytes, direction):
    """The same for an entry of a scatter list, which is never given the overflow buffer (swiotlb_map_sg)."""
    return _map(m, dev, pfn_to_dma(m, pfn) + offset, nbytes, direction, 0)


@kernel
def swiotlb_tbl_unmap(m, address, nbytes, direction, skip):
    """End a mapping: copy out what the device has written, unless `skip` (DMA_ATTR_SKIP_CPU_SYNC), free its slots."""
    p = pool_of(m, dma_to_pfn(m, address))
    if p == NONE:
        if not is_overflow(m, address):
            panic(m, BAD_FREE, dma_to_pfn(m, address))
        return
    pool = io_tlb_pools(m)[p]
    at = io_tlb_slots(m)[pool.slot + (address - pool.address >> SLOT_SHIFT)].first
    if at == NONE:
        panic(m, BAD_FREE, dma_to_pfn(m, address))
        return
    if not skip and direction != TO_DEVICE:
        _copy(m, nbytes, swiotlb_settings(m).bounce_uncached)
    _unmapped(m, p, at)


@kernel
def swiotlb_unmap(m, dev, address, nbytes, direction):
    """End a mapping: copy out what the device has written, free its slots."""
    swiotlb_tbl_unmap(m, address, nbytes, direction, 0)


@kernel
def swiotlb_sync(m, dev, address, nbytes, direction, to_device):
    """Copy a part of a mapping in for the device, or out for the CPU, where the direction asks for it."""
    if is_overflow(m, address):
        return
    if to_device and direction in (TO_DEVICE, BIDIRECTIONAL):
        _copy_in(m, nbytes, direction)
    elif not to_device and direction in (FROM_DEVICE, BIDIRECTIONAL):
        _copy(m, nbytes, swiotlb_settings(m).bounce_uncached)
