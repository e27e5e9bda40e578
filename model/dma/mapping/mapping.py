"""What drivers call: memory is mapped for a device, taken back, made to look the same to both (kernel/dma/mapping.c).

A device has the operations that were chosen for it when the machine was built: addresses of memory itself, with bounce
buffers for what is out of its reach, or those that its IOMMU translates. One whose accesses CPU caches do not see has
its lines cleaned before it reads, and invalidated before and after it writes.
"""

from mmrun.model.core.jit import kernel, rare
from mmrun.model.core.record import NONE
from mmrun.model.dma.device.state import DMA_ERROR, TO_DEVICE, dma_devices
from mmrun.model.dma.direct.map import dma_direct_map, dma_direct_map_entry, dma_direct_sync, dma_direct_unmap
from mmrun.model.dma.iommu.dma_iommu import iommu_dma_map, iommu_dma_unmap
from mmrun.model.dma.iommu.map import iova_to_pfn
from mmrun.model.dma.iommu.map_sg import iommu_dma_map_sg, iommu_dma_unmap_sg
from mmrun.model.dma.iommu.translate import device_access
from mmrun.model.dma.mapping.state import dma_settings, mapping_count, scatterlist
from mmrun.model.dma.mapping.untrusted import copy_of, map_copy, shares_pages
from mmrun.model.dma.swiotlb.bus import dma_to_pfn
from mmrun.model.dma.swiotlb.map import is_overflow, swiotlb_sync, swiotlb_unmap
from mmrun.model.machine.state import geometry, nodes
from mmrun.model.mm.page.state import frames
from mmrun.model.units import PAGE_SHIFT

LINE = 64


@rare
@kernel
def _caches(m, nbytes):
    """Clean or invalidate the lines of a piece of memory in CPU caches (__dma_page_cpu_to_dev)."""
    m.now += (nbytes + LINE - 1) // LINE * dma_settings(m).dma_cache_line


@rare
@kernel
def _failed(m, dev):
    dma_devices(m)[dev].failed += 1
    mapping_count(m).dma_mapping_error += 1
    return DMA_ERROR


@kernel
def _map(m, dev, pfn, offset, nbytes, direction):
    if not dma_devices(m)[dev].translated:
        address = dma_direct_map(m, dev, pfn, offset, nbytes, direction)
        return DMA_ERROR if is_overflow(m, address) else address
    if shares_pages(m, dev, offset, nbytes):
        return map_copy(m, dev, pfn, offset, nbytes, direction)
    return iommu_dma_map(m, dev, pfn, offset, nbytes, direction)


@kernel
def _note(m, dev, nbytes):
    d = dma_devices(m)[dev]
    d.live += 1
    d.live_bytes += nbytes
    d.mapped += 1
    mapping_count(m).dma_live += 1
    mapping_count(m).dma_live_bytes += nbytes
    mapping_count(m).dma_mapped_bytes += nbytes


@kernel
def _forget(m, dev, nbytes):
    d = dma_devices(m)[dev]
    d.live -= 1
    d.live_bytes -= nbytes
    mapping_count(m).dma_live -= 1
    mapping_count(m).dma_live_bytes -= nbytes
    mapping_count(m).dma_unmap += 1


@kernel
def dma_map_page(m, dev, pfn, offset, nbytes, direction):
    """Map `nbytes` from `offset` in frame `pfn` on for a device: their address (bytes) for it, or DMA_ERROR."""
    began = m.now
    mapping_count(m).dma_map_page += 1
    if not dma_devices(m)[dev].coherent:
        _caches(m, nbytes)
    address = _map(m, dev, pfn, offset, nbytes, direction)
    if address == DMA_ERROR:
        _failed(m, dev)
    else:
        _note(m, dev, nbytes)
    mapping_count(m).dma_map_ns += m.now - began
    return address


@kernel
def dma_unmap_page(m, dev, address, nbytes, direction):
    """The device has no such address any more; what it wrote is in memory."""
    began = m.now
    d = dma_devices(m)[dev]
    if not d.coherent and direction != TO_DEVICE:
        _caches(m, nbytes)
    if not d.translated:
        dma_direct_unmap(m, dev, address, nbytes, direction)
    else:
        copy = copy_of(m, dev, address)
        iommu_dma_unmap(m, dev, address, nbytes)
        if copy != DMA_ERROR:
            swiotlb_unmap(m, dev, copy, nbytes, direction)
    _forget(m, dev, nbytes)
    mapping_count(m).dma_map_ns += m.now - began


@kernel
def _map_each(m, dev, first, n, direction):
    """Each entry of a list has an address of its own (dma_direct_map_sg): `n`, or 0."""
    for i in range(first, first + n):
        e = scatterlist(m)[i]
        e.address, e.length = dma_direct_map_entry(m, dev, e.pfn, e.offset, e.bytes, direction), e.bytes
        if e.address == DMA_ERROR:
            for j in range(first, i):
                gone = scatterlist(m)[j]
                dma_direct_unmap(m, dev, gone.address, gone.length, direction)
            return 0
    return n


@kernel
def dma_map_sg(m, dev, first, n, direction):
    """Map `n` entries of `scatterlist` from row `first` on: into how many segments of the device's, or 0."""
    began, nbytes = m.now, 0
    count = mapping_count(m)
    count.dma_map_sg += 1
    count.dma_map_sg_entries += n
    for i in range(first, first + n):
        nbytes += scatterlist(m)[i].bytes
    if not dma_devices(m)[dev].coherent:
        _caches(m, nbytes)
    if not dma_devices(m)[dev].translated:
        segments = _map_each(m, dev, first, n, direction)
    else:
        segments = iommu_dma_map_sg(m, dev, first, n, direction)
    if segments <= 0:
        _failed(m, dev)
        segments = 0
    else:
        _note(m, dev, nbytes)
        count.dma_map_sg_segments += segments
    count.dma_map_ns += m.now - began
    return segments


@kernel
def dma_unmap_sg(m, dev, first, n, direction):
    """Take the segments of a mapped list of `n` entries from the device again."""
    began, nbytes = m.now, 0
    d = dma_devices(m)[dev]
    for i in range(first, first + n):
        nbytes += scatterlist(m)[i].bytes
    if not d.coherent and direction != TO_DEVICE:
        _caches(m, nbytes)
    if not d.translated:
        for i in range(first, first + n):
            e = scatterlist(m)[i]
            dma_direct_unmap(m, dev, e.address, e.length, direction)
    else:
        iommu_dma_unmap_sg(m, dev, first, n)
    _forget(m, dev, nbytes)
    mapping_count(m).dma_map_ns += m.now - began


@kernel
def _sync(m, dev, address, nbytes, direction, to_device):
    began = m.now
    mapping_count(m).dma_sync += 1
    if not dma_devices(m)[dev].coherent:
        _caches(m, nbytes)
    if not dma_devices(m)[dev].translated:
        dma_direct_sync(m, dev, address, nbytes, direction, to_device)
    elif copy_of(m, dev, address) != DMA_ERROR:
        swiotlb_sync(m, dev, copy_of(m, dev, address), nbytes, direction, to_device)
    mapping_count(m).dma_map_ns += m.now - began


@kernel
def dma_sync_for_cpu(m, dev, address, nbytes, direction):
    """The driver looks at part of what stays mapped (dma_sync_single_range_for_cpu)."""
    if direction != TO_DEVICE:
        _sync(m, dev, address, nbytes, direction, 0)


@kernel
def dma_sync_for_device(m, dev, address, nbytes, direction):
    """The device has it again (dma_sync_single_range_for_device)."""
    _sync(m, dev, address, nbytes, direction, 1)


@kernel
def _far(m, dev, pfn):
    """What a request of the device waits for memory on another node than its own (ns)."""
    home = nodes(m)[dma_devices(m)[dev].node]
    return (home.distance[frames(m)[pfn].node] - 10) * dma_settings(m).distance_step


@rare
@kernel
def _fault(m, dev):
    """An access where nothing is mapped, or beyond memory or the device's reach: it comes to nothing."""
    dma_devices(m)[dev].faults += 1
    mapping_count(m).dma_faults += 1
    return 0


@kernel
def dma_access(m, dev, address, nbytes, write):
    """The device reads or writes `nbytes` at an address: ns that it waits for translations and for far memory.

    What is mapped nowhere is a counted fault. Moving the bytes takes the time of the link that they go over.
    """
    d = dma_devices(m)[dev]
    d.bytes += nbytes
    if not d.translated:
        if address < 0 or address + nbytes - 1 > d.mask or dma_to_pfn(m, address + nbytes - 1) >= geometry(m).nr_frames:
            return _fault(m, dev)
        waited = _far(m, dev, dma_to_pfn(m, address))
    else:
        refused = d.faults
        waited = device_access(m, dev, address, nbytes, write)
        mapping_count(m).dma_faults += d.faults - refused
        pfn = iova_to_pfn(m, d.domain, address >> PAGE_SHIFT)
        if pfn != NONE:
            waited += _far(m, dev, pfn)
    d.translation += waited
    mapping_count(m).dma_device_ns += waited
    return waited
