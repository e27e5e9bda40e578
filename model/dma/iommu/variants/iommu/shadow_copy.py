"""Devices see none but buffers that are always mapped: data is copied to and from them, nothing is invalidated.

Each CPU has lists of its own, of 4 KiB and of 64 KiB, which grow when they are empty and never shrink; a buffer goes
back to the list that it came from. What is larger is mapped as it is, and strictly unmapped.
"""

from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.record import NONE
from mmrun.model.core.state import turn
from mmrun.model.dma.device.state import DMA_ERROR, FROM_DEVICE, TO_DEVICE, dma_devices
from mmrun.model.dma.iommu.dma_iommu import dma_alloc_iova, free_iova, map_phys, pages_at, unmap_range
from mmrun.model.dma.iommu.map import iommu_map, iova_to_pfn
from mmrun.model.dma.iommu.page_table import ALL_NODES
from mmrun.model.dma.iommu.state import PROT, iommu_count, iommu_settings, iommu_state, shadow_lists, shadows
from mmrun.model.machine.state import cpus, geometry
from mmrun.model.mm.alloc.page_alloc import alloc_pages
from mmrun.model.mm.page.flags import KERNEL, KERNEL_PAGE
from mmrun.model.mm.page.gfp import GFP_ATOMIC, NOWARN
from mmrun.model.mm.page.pcp import free_pages
from mmrun.model.mm.page.state import frames
from mmrun.model.units import PAGE, PAGE_SHIFT

SOURCE = "Markuze et al., True IOMMU Protection from DMA Attacks, ASPLOS 2016"
DOMAIN = "own"
LARGE_ORDER = 4  # of buffers of 64 KiB


@kernel
def _list(m, domain, cpu, order):
    """Which list of free buffers is a CPU's."""
    return (domain * geometry(m).nr_cpus + cpu) * 2 + (1 if order else 0)


@kernel
def _grow(m, device, order):
    """A new buffer, mapped for good: its row, or NONE."""
    row, domain, cpu = iommu_state(m).shadows, dma_devices(m)[device].domain, turn(m).cpu
    if row >= len(shadows(m)):
        return NONE
    pfn = alloc_pages(m, GFP_ATOMIC | NOWARN, order, cpus(m)[cpu].node, ALL_NODES)
    if pfn == NONE:
        return NONE
    page = frames(m)[pfn]
    page.state, page.kind, page.memcg = KERNEL, KERNEL_PAGE, 0
    iova = dma_alloc_iova(m, device, 1 << order)
    if iova == 0 or iommu_map(m, domain, iova, pfn, 1 << order, PROT) < 0:
        if iova:
            free_iova(m, domain, iova, 1 << order)
        free_pages(m, cpu, pfn, order)
        return NONE
    s = shadows(m)[row]
    s.iova, s.pfn, s.order, s.cpu, s.domain = iova, pfn, order, cpu, domain
    page.owner = row
    iommu_state(m).shadows += 1
    return row


@kernel
def _take(m, device, order):
    """A buffer from the CPU's list, or a new one: its row, or NONE."""
    at = _list(m, dma_devices(m)[device].domain, turn(m).cpu, order)
    row = shadow_lists(m)[at]
    if row == NONE:
        return _grow(m, device, order)
    shadow_lists(m)[at] = shadows(m)[row].next
    return row


@kernel
def _copy(m, nbytes):
    """Copy so many bytes between a buffer and memory."""
    iommu_count(m).shadow_copied_bytes += nbytes
    m.now += nbytes * iommu_settings(m).shadow_copy_page >> PAGE_SHIFT


@hook
def map_buffer(m, device, pfn, offset, nbytes, direction):
    """The address of a permanently mapped buffer, with the data if the device is to read it."""
    if nbytes > PAGE << LARGE_ORDER:
        return map_phys(m, device, pfn, offset, nbytes, direction)
    m.now += iommu_settings(m).shadow_buffer
    row = _take(m, device, LARGE_ORDER if nbytes > PAGE else 0)
    if row == NONE:
        return DMA_ERROR
    s = shadows(m)[row]
    s.original, s.bytes, s.direction = (pfn << PAGE_SHIFT) + offset, nbytes, direction
    if direction != FROM_DEVICE:
        _copy(m, nbytes)
    return s.iova << PAGE_SHIFT


@hook
def unmap_buffer(m, device, address, nbytes):
    """What the device wrote is copied to where it belongs, and the buffer is free."""
    domain, iova = dma_devices(m)[device].domain, address >> PAGE_SHIFT
    if nbytes > PAGE << LARGE_ORDER:
        unmap_range(m, device, iova, pages_at(address, nbytes), nbytes)
        return 0
    row = frames(m)[iova_to_pfn(m, domain, iova)].owner
    s = shadows(m)[row]
    if s.direction != TO_DEVICE:
        _copy(m, s.bytes)
    s.bytes = 0
    at = _list(m, domain, s.cpu, s.order)
    s.next, shadow_lists(m)[at] = shadow_lists(m)[at], row
    return 0
