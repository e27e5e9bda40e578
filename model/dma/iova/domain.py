"""What is counted of each domain, whoever finds its addresses; devices that try below 4 GiB first.

Source: drivers/iommu/dma-iommu.c: iommu_dma_alloc_iova; intel-iommu.c: intel_alloc_iova, 3.6.
"""

from mmrun.model.core.jit import caller, hook, kernel
from mmrun.model.dma.device.state import dma_devices
from mmrun.model.dma.iova.state import TOP_32BIT, iova_count, iova_domains, iova_settings

alloc_iova = caller("alloc_iova")
try_iova_ = caller("try_iova")


@kernel
def gave(m, domain, iova, pages):
    """Count a range that was found, or 0 that none was; gives it on."""
    iova_count(m).iova_allocs += 1
    if iova:
        iova_domains(m)[domain].live += 1
        iova_domains(m)[domain].live_pages += pages
    else:
        iova_count(m).iova_alloc_fail += 1
    return iova


@kernel
def took_back(m, domain, pages):
    """Count a range that came back."""
    iova_domains(m)[domain].live -= 1
    iova_domains(m)[domain].live_pages -= pages
    return 0


@hook
def try_iova(m, domain, pages, limit_pfn):
    """The same as alloc_iova, where CPUs keep nothing for themselves."""
    return alloc_iova(m, domain, pages, limit_pfn)


@kernel
def dma_alloc_iova(m, dev, domain, pages, limit_pfn):
    """A range for a device that reaches up to page `limit_pfn`; its first page, or 0.

    What sits on a PCI bus (`need32`) is given addresses below 4 GiB first, which old bridges take in one cycle. Since
    6.5 once there were none it never tries again (pci_32bit_workaround).
    """
    if limit_pfn >= TOP_32BIT and dma_devices(m)[dev].need32:
        iova = try_iova_(m, domain, pages, TOP_32BIT - 1)
        if iova:
            return iova
        if iova_settings(m).iova_32bit_workaround:
            dma_devices(m)[dev].need32 = 0
    return alloc_iova(m, domain, pages, limit_pfn)
