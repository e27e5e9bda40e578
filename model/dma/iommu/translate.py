"""What a device's access takes: a translation that its unit holds, or a walk; and whether it was allowed.

A device does not know that its mapping is gone: what the unit still holds it uses, and that is counted, too.
"""

from mmrun.model.core.jit import kernel, rare
from mmrun.model.core.record import NONE
from mmrun.model.dma.device.state import dma_devices
from mmrun.model.dma.iommu.iotlb import is_stale, lookup, miss
from mmrun.model.dma.iommu.page_table import pages_of
from mmrun.model.dma.iommu.state import (
    IDENTITY,
    READ,
    WRITE,
    iommu_count,
    iommu_domains,
    iotlb_entries,
    iotlb_of,
)
from mmrun.model.units import PAGE_SHIFT


@rare
@kernel
def _fault(m, dev):
    """The unit refuses: nothing is read or written."""
    dma_devices(m)[dev].faults += 1
    iommu_count(m).io_page_faults += 1


@kernel
def _access(m, dev, iova, needs):
    """A device's access to a page: (ns that its translation takes, pages up to the end of what the entry covers)."""
    domain, own, ns = dma_devices(m)[dev].domain, iotlb_of(m)[dev], 0
    e = lookup(m, own.tlb, domain, iova)
    if e != NONE:
        word, level = iotlb_entries(m)[e].word, iotlb_entries(m)[e].level
        own.hits += 1
        iommu_count(m).iotlb_hits += 1
        if is_stale(m, e):
            own.stale += 1
            iommu_count(m).dma_stale += 1
    else:
        own.misses += 1
        word, level, ns = miss(m, own.tlb, domain, iova)
    if not word & needs:
        _fault(m, dev)
    return ns, pages_of(level) - (iova & pages_of(level) - 1)


@kernel
def device_access(m, dev, address, nbytes, write):
    """A device behind a unit reads or writes so many bytes at an address: ns that it waits for translations.

    What is not mapped, or not so, is a counted fault; an access through what is no longer mapped is counted as stale.
    """
    if iommu_domains(m)[dma_devices(m)[dev].domain].kind == IDENTITY:
        return 0
    iova, last, waited = address >> PAGE_SHIFT, address + nbytes - 1 >> PAGE_SHIFT, 0
    while iova <= last:
        ns, pages = _access(m, dev, iova, WRITE if write else READ)
        waited += ns
        iova += pages
    return waited
