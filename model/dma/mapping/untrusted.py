"""Devices that are not trusted: what lies in a page with anything else is copied to pages that they may see (5.4).

In the kernel: drivers/iommu/dma-iommu.c: iommu_dma_map_page, dev_use_swiotlb; to 5.10 intel-iommu.c: bounce_map_single.
Entries of lists are whole pages here, which need no copy.
"""

from mmrun.model.core.jit import kernel, rare
from mmrun.model.core.record import NONE
from mmrun.model.dma.device.state import DMA_ERROR, dma_devices
from mmrun.model.dma.iommu.dma_iommu import iommu_dma_map
from mmrun.model.dma.iommu.map import iova_to_pfn
from mmrun.model.dma.swiotlb.bus import dma_to_pfn, pfn_to_dma
from mmrun.model.dma.swiotlb.map import swiotlb_map_pages, swiotlb_tbl_unmap
from mmrun.model.dma.swiotlb.pools import pool_of
from mmrun.model.dma.swiotlb.state import swiotlb_settings
from mmrun.model.units import PAGE, PAGE_SHIFT


@kernel
def shares_pages(m, dev, offset, nbytes):
    """Whether a device that is not trusted would see more than the buffer."""
    if not dma_devices(m)[dev].untrusted or not swiotlb_settings(m).untrusted_bounces:
        return False
    return (offset | nbytes) & PAGE - 1 != 0


@rare
@kernel
def map_copy(m, dev, pfn, offset, nbytes, direction):
    """Map a copy of the buffer in pages of its own: its address for the device, or DMA_ERROR."""
    bus = swiotlb_map_pages(m, dev, pfn, offset, nbytes, direction)
    if bus == DMA_ERROR:
        return DMA_ERROR
    address = iommu_dma_map(m, dev, dma_to_pfn(m, bus), bus & PAGE - 1, nbytes, direction)
    if address == DMA_ERROR:
        swiotlb_tbl_unmap(m, bus, nbytes, direction, 1)
    return address


@kernel
def copy_of(m, dev, address):
    """Bus address of the copy that a device sees at an address, or DMA_ERROR: it sees no copy."""
    d = dma_devices(m)[dev]
    if not d.untrusted:
        return DMA_ERROR
    pfn = iova_to_pfn(m, d.domain, address >> PAGE_SHIFT)
    return pfn_to_dma(m, pfn) + (address & PAGE - 1) if pfn != NONE and pool_of(m, pfn) != NONE else DMA_ERROR
