"""Mappings for drivers behind an IOMMU: addresses, entries, and what an unmap does at once or leaves for later.

In the kernel: drivers/iommu/dma-iommu.c: __iommu_dma_map, __iommu_dma_unmap, iommu_dma_alloc_iova; to 5.10 the same in
intel-iommu.c: __intel_map_single, intel_unmap.
"""

from mmrun.model.core.jit import caller, kernel
from mmrun.model.dma.device.state import DMA_ERROR, dma_devices
from mmrun.model.dma.iommu.exposure import maps, unmaps
from mmrun.model.dma.iommu.invalidate import iotlb_sync
from mmrun.model.dma.iommu.map import iommu_map, iommu_unmap, prot_of
from mmrun.model.dma.iommu.state import LAZY, OWN, iommu_domains, iommu_settings, iommus
from mmrun.model.dma.iova.domain import dma_alloc_iova as domain_iova
from mmrun.model.dma.iova.flush_queue import queue_iova
from mmrun.model.units import PAGE, PAGE_SHIFT

map_buffer = caller("map_buffer")
unmap_buffer = caller("unmap_buffer")
free_iova = caller("free_iova")


@kernel
def pages_at(offset, nbytes):
    """Pages on which so many bytes lie that begin at an offset in the first."""
    return (offset & PAGE - 1) + nbytes + PAGE - 1 >> PAGE_SHIFT


@kernel
def dma_alloc_iova(m, dev, pages):
    """Addresses that the device and its unit reach: the first page, or 0 (iommu_dma_alloc_iova)."""
    d = dma_devices(m)[dev]
    return domain_iova(m, dev, d.domain, pages, min(d.mask >> PAGE_SHIFT, iommus(m)[d.unit].last))


@kernel
def map_phys(m, dev, pfn, offset, nbytes, direction):
    """Map a buffer at addresses that are nobody's: its address, or DMA_ERROR (__iommu_dma_map)."""
    domain, pages = dma_devices(m)[dev].domain, pages_at(offset, nbytes)
    m.now += iommu_settings(m).iommu_map_other
    iova = dma_alloc_iova(m, dev, pages)
    if iova == 0:
        return DMA_ERROR
    if iommu_map(m, domain, iova, pfn + (offset >> PAGE_SHIFT), pages, prot_of(direction)) < 0:
        free_iova(m, domain, iova, pages)
        return DMA_ERROR
    maps(m, domain, nbytes, pages)
    return (iova << PAGE_SHIFT) + (offset & PAGE - 1)


@kernel
def unmap_range(m, dev, iova, pages, nbytes):
    """Unmap pages of which `nbytes` were a driver's, and give their addresses back: now, or once devices forget them.

    In the kernel: __iommu_dma_unmap.
    """
    domain = dma_devices(m)[dev].domain
    tables = iommu_unmap(m, domain, iova, pages)
    unmaps(m, domain, nbytes, pages)
    m.now += iommu_settings(m).iommu_unmap_other
    if iommu_domains(m)[domain].kind == LAZY:
        queue_iova(m, domain, iova, pages, tables)
    else:
        iotlb_sync(m, domain, iova, pages, tables)
        free_iova(m, domain, iova, pages)


@kernel
def iommu_dma_map(m, dev, pfn, offset, nbytes, direction):
    """Map `nbytes` from `offset` in frame `pfn` on for a device behind a unit: its address (bytes), or DMA_ERROR."""
    if iommu_domains(m)[dma_devices(m)[dev].domain].kind == OWN:
        return map_buffer(m, dev, pfn, offset, nbytes, direction)
    return map_phys(m, dev, pfn, offset, nbytes, direction)


@kernel
def iommu_dma_unmap(m, dev, address, nbytes):
    """The driver has no more use for what it had mapped by `iommu_dma_map` at an address."""
    if iommu_domains(m)[dma_devices(m)[dev].domain].kind == OWN:
        unmap_buffer(m, dev, address, nbytes)
    else:
        unmap_range(m, dev, address >> PAGE_SHIFT, pages_at(address, nbytes), nbytes)
