"""How much of memory devices can reach that they should not, and for how long.

Bytes times time is summed as it goes on: what is exposed now, times the time since it last changed. Clocks of actors
differ, so a step may be negative; the sum over a page is its end less its beginning all the same.
"""

from mmrun.model.core.jit import kernel
from mmrun.model.dma.iommu.state import iommu_count, iommu_domains
from mmrun.model.units import PAGE_SHIFT


@kernel
def settle(m, domain):
    """What has been exposed up to now counts; then it may change."""
    d = iommu_domains(m)[domain]
    ns = m.now - d.settled
    d.exposure += (d.pending + d.kept) * ns
    d.subpage += d.beside * ns
    d.settled = m.now


@kernel
def maps(m, domain, nbytes, pages):
    """A buffer of `nbytes` is mapped on so many pages, the rest of which the device can reach as well."""
    settle(m, domain)
    iommu_domains(m)[domain].beside += (pages << PAGE_SHIFT) - nbytes


@kernel
def unmaps(m, domain, nbytes, pages):
    """A buffer is no longer mapped: what is on its pages beside it counts with them now, if at all."""
    settle(m, domain)
    iommu_domains(m)[domain].beside -= (pages << PAGE_SHIFT) - nbytes


@kernel
def within_reach(m, domain, pages):
    """So many pages are unmapped, and within reach until they are invalidated."""
    settle(m, domain)
    iommu_domains(m)[domain].pending += pages << PAGE_SHIFT
    iommu_count(m).dma_unmapped_bytes += pages << PAGE_SHIFT


@kernel
def out_of_reach(m, domain, pages):
    """So many unmapped pages have been invalidated."""
    settle(m, domain)
    iommu_domains(m)[domain].pending -= pages << PAGE_SHIFT


@kernel
def all_out_of_reach(m, domain):
    """All unmapped pages have."""
    settle(m, domain)
    iommu_domains(m)[domain].pending = 0


@kernel
def keeps(m, domain, pages):
    """So many pages that nobody uses any more stay mapped."""
    settle(m, domain)
    iommu_domains(m)[domain].kept += pages << PAGE_SHIFT
    iommu_count(m).dma_unmapped_bytes += pages << PAGE_SHIFT


@kernel
def uses_again(m, domain, pages):
    """Somebody uses pages that stayed mapped."""
    settle(m, domain)
    iommu_domains(m)[domain].kept -= pages << PAGE_SHIFT
