"""A page has the same address for devices as in memory: no address is looked for, users are counted in its entry.

Its first user maps it. After the last one it stays mapped (`persistent`: the next finds it there, and the device keeps
all it was ever given), or is unmapped and invalidated at once (Peleg et al., identity mappings). What lies beyond the
device's mask cannot be mapped.
"""

from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.parameters import parameters
from mmrun.model.core.record import NONE
from mmrun.model.dma.device.state import DMA_ERROR, dma_devices
from mmrun.model.dma.iommu.dma_iommu import pages_at
from mmrun.model.dma.iommu.exposure import keeps, maps, unmaps, uses_again
from mmrun.model.dma.iommu.invalidate import iotlb_sync
from mmrun.model.dma.iommu.map import iommu_map, iommu_unmap
from mmrun.model.dma.iommu.page_table import slot_at
from mmrun.model.dma.iommu.state import COUNT_SHIFT, PROT, iommu_settings, iommu_words
from mmrun.model.units import PAGE_SHIFT

SOURCE = "Peleg et al., Utilizing the IOMMU Scalably, USENIX ATC 2015; Willmann et al., USENIX ATC 2008: persistent"
DOMAIN = "own"
PARAMS = {
    "persistent": (True, "", "pages stay mapped when nobody uses them", "Willmann et al., USENIX ATC 2008"),
}
params = parameters("iommu", PARAMS, 429)
ONE = 1 << COUNT_SHIFT


@kernel
def _take(m, domain, page):
    """One more user of a page, whom it is mapped for if nobody has; False: there was no page for a table."""
    slot = slot_at(m, domain, page, 0)
    if slot == NONE:
        return False
    if iommu_words(m)[slot] == 0:
        iommu_map(m, domain, page, page, 1, PROT)
    elif iommu_words(m)[slot] < ONE:
        uses_again(m, domain, 1)
    iommu_words(m)[slot] += ONE
    m.now += iommu_settings(m).identity_count
    return True


@kernel
def _leave(m, domain, page):
    """One user less; whether it was the last."""
    slot = slot_at(m, domain, page, 0)
    iommu_words(m)[slot] -= ONE
    m.now += iommu_settings(m).identity_count
    return iommu_words(m)[slot] < ONE


@kernel
def _unmap(m, domain, first, pages):
    """Nobody uses these pages any more."""
    if pages == 0:
        return
    if params(m).persistent:
        keeps(m, domain, pages)
    else:
        iotlb_sync(m, domain, first, pages, iommu_unmap(m, domain, first, pages))


@kernel
def _release(m, domain, first, pages):
    """A user less of each of these pages; those that were its last are unmapped, run by run."""
    run = 0
    for page in range(first, first + pages):
        if _leave(m, domain, page):
            run += 1
        else:
            _unmap(m, domain, page - run, run)
            run = 0
    _unmap(m, domain, first + pages - run, run)


@hook
def map_buffer(m, device, pfn, offset, nbytes, direction):
    """The buffer's address in memory, or -1 where the device cannot drive it."""
    address, d = (pfn << PAGE_SHIFT) + offset, dma_devices(m)[device]
    if address + nbytes - 1 > d.mask:
        return DMA_ERROR
    first, pages = address >> PAGE_SHIFT, pages_at(offset, nbytes)
    m.now += iommu_settings(m).iommu_map_other
    for done in range(pages):
        if not _take(m, d.domain, first + done):
            _release(m, d.domain, first, done)
            return DMA_ERROR
    maps(m, d.domain, nbytes, pages)
    return address


@hook
def unmap_buffer(m, device, address, nbytes):
    """A user less of its pages."""
    domain, pages = dma_devices(m)[device].domain, pages_at(address, nbytes)
    m.now += iommu_settings(m).iommu_unmap_other
    unmaps(m, domain, nbytes, pages)
    _release(m, domain, address >> PAGE_SHIFT, pages)
    return 0
