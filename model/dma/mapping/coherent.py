"""Memory that a driver and a device share for long: rings, tables, pictures (dma_alloc_coherent, dma_free_coherent).

Without an IOMMU it is in one piece, where the device reaches it. Behind one it is blocks of decreasing orders, down to
single pages, that the device sees in a row; where one may not sleep, one block. Since 3.5 on ARM
(__iommu_alloc_buffer), since 5.11 on x86 (dma-iommu.c: __iommu_dma_alloc_pages); Intel's driver before maps one block.
"""

from mmrun.model.core.jit import kernel
from mmrun.model.core.record import NONE
from mmrun.model.dma.device.state import BIDIRECTIONAL, DMA_ERROR, dma_devices
from mmrun.model.dma.direct.alloc import alloc_contiguous, dma_direct_alloc, dma_direct_free, free_coherent
from mmrun.model.dma.direct.remap import alloc_scattered, free_scattered
from mmrun.model.dma.direct.state import direct_count, direct_settings
from mmrun.model.dma.iommu.dma_iommu import dma_alloc_iova, free_iova, iommu_dma_map, iommu_dma_unmap
from mmrun.model.dma.iommu.exposure import maps
from mmrun.model.dma.iommu.invalidate import iotlb_sync
from mmrun.model.dma.iommu.map import iommu_map, iommu_unmap, prot_of
from mmrun.model.dma.iommu.state import OWN, SMMU, iommu_domains, iommus
from mmrun.model.dma.mapping.state import dma_buffers, dma_settings, mapping_state
from mmrun.model.dma.swiotlb.bus import pfn_to_dma
from mmrun.model.mm.page.gfp import DIRECT_RECLAIM
from mmrun.model.mm.page.state import frames
from mmrun.model.units import PAGE, PAGE_SHIFT

ANYWHERE = (1 << 63) - 1  # the unit reaches all of memory


@kernel
def _new_row(m):
    state = mapping_state(m)
    if state.free_buffer:
        row = state.free_buffer - 1
        state.free_buffer = dma_buffers(m)[row].next
        return row
    if state.buffer_rows >= len(dma_buffers(m)):
        return NONE
    state.buffer_rows += 1
    return state.buffer_rows - 1


@kernel
def _free_row(m, row):
    dma_buffers(m)[row].next, dma_buffers(m)[row].pfn = mapping_state(m).free_buffer, NONE
    mapping_state(m).free_buffer = row + 1


@kernel
def _run(m, pfn):
    """(pages of a chain that follow frame `pfn` in memory, itself too; the frame behind them in the chain, NONE)."""
    pages, at = 1, pfn
    while frames(m)[at].next == at + 1:
        at += 1
        pages += 1
    return pages, frames(m)[at].next


@kernel
def _map_chain(m, dev, pfn, pages):
    """Addresses in a row for a chain of frames: the first (bytes), or DMA_ERROR with nothing mapped."""
    domain, iova, done = dma_devices(m)[dev].domain, dma_alloc_iova(m, dev, pages), 0
    if iova == 0:
        return DMA_ERROR
    while pfn != NONE:
        here, after = _run(m, pfn)
        if iommu_map(m, domain, iova + done, pfn, here, prot_of(BIDIRECTIONAL)) < 0:
            if done:
                iotlb_sync(m, domain, iova, done, iommu_unmap(m, domain, iova, done))
            free_iova(m, domain, iova, pages)
            return DMA_ERROR
        done += here
        pfn = after
    maps(m, domain, pages << PAGE_SHIFT, pages)
    return iova << PAGE_SHIFT


@kernel
def _scattered(m, dev, gfp):
    """Whether memory behind the device's unit may be in several blocks."""
    if not gfp & DIRECT_RECLAIM or iommu_domains(m)[dma_devices(m)[dev].domain].kind == OWN:
        return False
    return iommus(m)[dma_devices(m)[dev].unit].kind == SMMU or dma_settings(m).x86_remaps


@kernel
def _alloc_mapped(m, dev, b, gfp):
    """Memory of a device behind a unit, mapped: 1, or 0."""
    b.remapped = 1 if _scattered(m, dev, gfp) else 0
    if b.remapped:
        b.pfn = alloc_scattered(m, dev, b.pages, gfp)
        if b.pfn == NONE:
            return 0
        b.address = _map_chain(m, dev, b.pfn, b.pages)
        if b.address == DMA_ERROR:
            free_scattered(m, b.pfn)
    else:
        b.pfn = alloc_contiguous(m, dev, b.pages, gfp, ANYWHERE)
        if b.pfn == NONE:
            direct_count(m).dma_alloc_fail += 1
            return 0
        m.now += direct_settings(m).contig_clear_page * b.pages
        direct_count(m).dma_alloc_success += 1
        b.address = iommu_dma_map(m, dev, b.pfn, 0, b.pages << PAGE_SHIFT, BIDIRECTIONAL)
        if b.address == DMA_ERROR:
            free_coherent(m, b.pfn, b.pages)
    return b.address != DMA_ERROR


@kernel
def dma_alloc_coherent(m, dev, nbytes, gfp):
    """Memory for a device and its driver: its row of `dma_buffers`, or NONE."""
    row, pages = _new_row(m), (nbytes + PAGE - 1) // PAGE
    if row == NONE:
        direct_count(m).dma_alloc_fail += 1
        return NONE
    b = dma_buffers(m)[row]
    b.dev, b.pages, b.bytes, b.remapped = dev, pages, nbytes, 0
    if not dma_devices(m)[dev].translated:
        b.pfn = dma_direct_alloc(m, dev, pages, gfp)
        if b.pfn == NONE:
            _free_row(m, row)
            return NONE
        b.address = pfn_to_dma(m, b.pfn)
    elif not _alloc_mapped(m, dev, b, gfp):
        _free_row(m, row)
        return NONE
    return row


@kernel
def dma_free_coherent(m, row):
    """Give it back."""
    b = dma_buffers(m)[row]
    if not dma_devices(m)[b.dev].translated:
        dma_direct_free(m, b.dev, b.pfn, b.pages)
    else:
        iommu_dma_unmap(m, b.dev, b.address, b.pages << PAGE_SHIFT)
        if b.remapped:
            free_scattered(m, b.pfn)
        else:
            free_coherent(m, b.pfn, b.pages)
    _free_row(m, row)
