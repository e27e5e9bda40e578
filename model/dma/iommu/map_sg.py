"""Lists of pages behind an IOMMU: one range of addresses for all, segments joined where the device allows it.

In the kernel: iommu_dma_map_sg, iommu_map_sg, __finalise_sg; intel-iommu.c: intel_map_sg, which joins none. Entries are
rows of `scatterlist`; while a list is mapped, `length` of an entry is the room that it takes among the addresses.
"""

from mmrun.model.core.jit import kernel, rare
from mmrun.model.dma.device.state import DMA_ERROR, dma_devices
from mmrun.model.dma.iommu.dma_iommu import (
    dma_alloc_iova,
    free_iova,
    iommu_dma_unmap,
    map_buffer,
    pages_at,
    unmap_range,
)
from mmrun.model.dma.iommu.exposure import maps
from mmrun.model.dma.iommu.invalidate import iotlb_sync
from mmrun.model.dma.iommu.map import iommu_map, iommu_unmap, prot_of
from mmrun.model.dma.iommu.state import AMD, INTEL, OWN, iommu_domains, iommu_settings, iommus
from mmrun.model.dma.mapping.state import scatterlist
from mmrun.model.units import PAGE, PAGE_SHIFT


@kernel
def _lay_out(m, dev, first, n):
    """Bytes of addresses that a list takes: whole pages an entry, and room where one would cross a boundary."""
    mask, total = dma_devices(m)[dev].boundary - 1, 0
    for i in range(first, first + n):
        e = scatterlist(m)[i]
        length, room = pages_at(e.offset, e.bytes) << PAGE_SHIFT, -total & mask
        if room and room < length - 1:
            scatterlist(m)[i - 1].length += room
            total += room
        e.length = length
        total += length
    return total


@kernel
def _map_runs(m, domain, iova, first, n, prot):
    """Map the entries of a list, those that follow each other in memory at once; pages mapped before one failed."""
    i, done = first, 0
    while i < first + n:
        e = scatterlist(m)[i]
        pfn, pages = e.pfn + (e.offset >> PAGE_SHIFT), e.length >> PAGE_SHIFT
        i += 1
        while i < first + n:
            e = scatterlist(m)[i]
            if e.pfn + (e.offset >> PAGE_SHIFT) != pfn + pages:
                break
            pages += e.length >> PAGE_SHIFT
            i += 1
        if iommu_map(m, domain, iova + done, pfn, pages, prot) < 0:
            break
        done += pages
    return done


@kernel
def _joins(m, dev):
    """Whether segments are joined: by dma-iommu.c, not by the drivers that had their own before it."""
    kind = iommus(m)[dma_devices(m)[dev].unit].kind
    if kind == INTEL:
        return iommu_settings(m).vtd_merges_segments
    return iommu_settings(m).amd_merges_segments if kind == AMD else 1


@kernel
def _finalise(m, dev, first, n, iova):
    """Write the device's segments into the first entries; how many there are."""
    d, joins = dma_devices(m)[dev], _joins(m, dev)
    at, segment, size = iova << PAGE_SHIFT, first - 1, 0
    for i in range(first, first + n):
        e = scatterlist(m)[i]
        offset, room = e.offset & PAGE - 1, e.length
        e.address, e.length = DMA_ERROR, 0
        fits = offset == 0 and at & d.boundary - 1 != 0 and d.max_segment - size >= e.bytes
        if not (joins and size and fits):
            segment, size = segment + 1, 0
            scatterlist(m)[segment].address = at + offset
        size += e.bytes
        scatterlist(m)[segment].length = size
        at += room
        if offset + e.bytes < room:
            size = 0
    return segment - first + 1


@rare
@kernel
def _map_each(m, dev, first, n, direction):
    """Each entry is a segment, where the domain's variant maps buffers its own way: `n`, or 0."""
    for i in range(first, first + n):
        e = scatterlist(m)[i]
        e.address, e.length = map_buffer(m, dev, e.pfn, e.offset, e.bytes, direction), e.bytes
        if e.address == DMA_ERROR:
            for j in range(first, i):
                iommu_dma_unmap(m, dev, scatterlist(m)[j].address, scatterlist(m)[j].bytes)
            return 0
    return n


@kernel
def iommu_dma_map_sg(m, dev, first, n, direction):
    """Map `n` entries of `scatterlist` from row `first` on for a device: its segments, in the first rows; 0: failed."""
    domain = dma_devices(m)[dev].domain
    if iommu_domains(m)[domain].kind == OWN:
        return _map_each(m, dev, first, n, direction)
    m.now += iommu_settings(m).iommu_map_other
    pages = _lay_out(m, dev, first, n) >> PAGE_SHIFT
    iova = dma_alloc_iova(m, dev, pages)
    if iova == 0:
        return 0
    done = _map_runs(m, domain, iova, first, n, prot_of(direction))
    if done < pages:
        if done:
            iotlb_sync(m, domain, iova, done, iommu_unmap(m, domain, iova, done))
        free_iova(m, domain, iova, pages)
        return 0
    maps(m, domain, _bytes(m, first, n), pages)
    return _finalise(m, dev, first, n, iova)


@kernel
def _bytes(m, first, n):
    """Bytes of a list."""
    total = 0
    for i in range(first, first + n):
        total += scatterlist(m)[i].bytes
    return total


@kernel
def iommu_dma_unmap_sg(m, dev, first, n):
    """The driver has no more use for a list of `n` entries; its segments stand in the first of their rows."""
    if iommu_domains(m)[dma_devices(m)[dev].domain].kind == OWN:
        for i in range(first, first + n):
            iommu_dma_unmap(m, dev, scatterlist(m)[i].address, scatterlist(m)[i].bytes)
        return
    last = first
    while last + 1 < first + n and scatterlist(m)[last + 1].length:
        last += 1
    begins, end = scatterlist(m)[first].address, scatterlist(m)[last].address + scatterlist(m)[last].length
    unmap_range(m, dev, begins >> PAGE_SHIFT, pages_at(begins, end - begins), _bytes(m, first, n))
