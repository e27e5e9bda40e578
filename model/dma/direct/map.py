"""Streaming mappings without an IOMMU: the address of memory, of a copy that the device reaches, or an error.

In the kernel: kernel/dma/direct.h; to 4.16 arch/x86/kernel/pci-nommu.c and swiotlb_map_page.
"""

from mmrun.model.core.jit import kernel, rare
from mmrun.model.dma.device.state import DMA_ERROR, TO_DEVICE, dma_devices
from mmrun.model.dma.direct.state import direct_count, direct_settings
from mmrun.model.dma.swiotlb.bus import pfn_to_dma
from mmrun.model.dma.swiotlb.map import (
    is_swiotlb,
    swiotlb_active,
    swiotlb_map,
    swiotlb_map_entry,
    swiotlb_sync,
    swiotlb_unmap,
)
from mmrun.model.dma.swiotlb.state import swiotlb_settings

CACHE_LINE, MINALIGN = 64, 128  # of arm64: dma_get_cache_alignment, ARCH_DMA_MINALIGN


@kernel
def dma_capable(m, dev, address, nbytes):
    """Whether the device reaches all of `nbytes` at a bus address."""
    return address + nbytes - 1 <= dma_devices(m)[dev].mask


@kernel
def kmalloc_size_roundup(nbytes):
    """Bytes of the object that kmalloc gives for so many, up to 256."""
    if nbytes <= 8:
        return 8
    if 64 < nbytes <= 96:
        return 96
    if 128 < nbytes <= 192:
        return 192
    size = 16
    while size < nbytes:
        size *= 2
    return size


@rare
@kernel
def kmalloc_needs_bounce(m, dev, nbytes, direction):
    """Whether a small buffer may share cache lines with what the CPU writes meanwhile (dma_kmalloc_needs_bounce)."""
    if not direct_settings(m).kmalloc_bounces or direction == TO_DEVICE:
        return False
    return nbytes < 2 * MINALIGN and kmalloc_size_roundup(nbytes) % CACHE_LINE != 0


@kernel
def bounces(m, dev, address, nbytes, direction):
    """Whether a mapping needs a copy, as the device does not reach it, or all are to have one."""
    if not dma_capable(m, dev, address, nbytes) or swiotlb_settings(m).forced:
        return True
    return not dma_devices(m)[dev].coherent and kmalloc_needs_bounce(m, dev, nbytes, direction)


@rare
@kernel
def _bounced(m, dev, pfn, offset, nbytes, direction, of_page):
    """The copy's address, or DMA_ERROR where there are no copies."""
    if not swiotlb_active(m):
        direct_count(m).dma_map_unreachable += 1
        return DMA_ERROR
    if of_page:
        return swiotlb_map(m, dev, pfn, offset, nbytes, direction)
    return swiotlb_map_entry(m, dev, pfn, offset, nbytes, direction)


@kernel
def dma_direct_map(m, dev, pfn, offset, nbytes, direction):
    """Map `nbytes` from byte `offset` of a frame on; the address for the device (bytes), or DMA_ERROR."""
    address = pfn_to_dma(m, pfn) + offset
    if not bounces(m, dev, address, nbytes, direction):
        return address
    return _bounced(m, dev, pfn, offset, nbytes, direction, 1)


@kernel
def dma_direct_map_entry(m, dev, pfn, offset, nbytes, direction):
    """The same for an entry of a scatter list: the overflow buffer of old versions is for single mappings only."""
    address = pfn_to_dma(m, pfn) + offset
    if not bounces(m, dev, address, nbytes, direction):
        return address
    return _bounced(m, dev, pfn, offset, nbytes, direction, 0)


@kernel
def dma_direct_unmap(m, dev, address, nbytes, direction):
    """End a mapping: what was bounced comes back."""
    if dma_devices(m)[dev].need_sync and is_swiotlb(m, address):
        swiotlb_unmap(m, dev, address, nbytes, direction)


@kernel
def dma_direct_sync(m, dev, address, nbytes, direction, to_device):
    """The device's or the CPU's turn with a part of a mapping: what is bounced is copied."""
    if dma_devices(m)[dev].need_sync and is_swiotlb(m, address):
        swiotlb_sync(m, dev, address, nbytes, direction, to_device)
