"""Mapping pages in a domain and unmapping them, without asking whose addresses they are (iommu_map, iommu_unmap)."""

from mmrun.model.core.jit import kernel, rare
from mmrun.model.core.record import NONE
from mmrun.model.dma.device.state import BIDIRECTIONAL, FROM_DEVICE, TO_DEVICE
from mmrun.model.dma.iommu.exposure import within_reach
from mmrun.model.dma.iommu.invalidate import invalidate_new, invalidate_range, kick, request
from mmrun.model.dma.iommu.page_table import clear_range, free_chain, pages_of, walk, write_range
from mmrun.model.dma.iommu.state import (
    ENTRY,
    FRAME_SHIFT,
    INTEL,
    READ,
    VIRTIO,
    WRITE,
    iommu_count,
    iommu_domains,
    iommu_settings,
    iommu_state,
    iommus,
)
from mmrun.model.dma.iommu.tracepoints import iommu_map_event, iommu_unmap_event
from mmrun.model.mm.migrate.state import ENOMEM


@kernel
def prot_of(direction):
    """What a device may do with a buffer (dma_info_to_prot)."""
    return (READ if direction in (TO_DEVICE, BIDIRECTIONAL) else 0) | (
        WRITE if direction in (FROM_DEVICE, BIDIRECTIONAL) else 0
    )


@rare
@kernel
def _take_back(m, domain, iova, pages):
    """Unmap what had been mapped when there was no page for a table (iommu_map)."""
    iommu_count(m).iommu_map_failed += 1
    if pages:
        tables = clear_range(m, domain, iova, pages)
        invalidate_range(m, domain, iova, pages, True)
        free_chain(m, tables)


@kernel
def iommu_map(m, domain, iova, pfn, pages, prot):
    """Map so many frames from `pfn` on at page `iova` of a domain; 0, or -ENOMEM with nothing mapped.

    `prot`: READ, WRITE or both.
    """
    d = iommu_domains(m)[domain]
    iommu_count(m).iommu_map += 1
    if iommus(m)[d.unit].kind == VIRTIO:
        request(m, d.unit)
        kick(m, d.unit)
    done, replaced = write_range(m, domain, iova, pfn, pages, prot)
    if replaced != NONE:
        invalidate_range(m, domain, iova, pages, True)
        free_chain(m, replaced)
    if done < pages:
        _take_back(m, domain, iova, done)
        return -ENOMEM
    if iommus(m)[d.unit].caching:
        invalidate_new(m, domain, iova, pages)
    iommu_map_event(m, iova << 12, iova + pages << 12, pfn << 12, pages << 12)
    return 0


@kernel
def iommu_unmap(m, domain, iova, pages):
    """Clear the entries of a range; the chain of tables to free once it is invalidated, or NONE (iommu_unmap_fast).

    Until somebody calls `iotlb_sync` or the domain is flushed, devices may reach its pages. VT-d to 3.14 frees tables
    here, while the unit may still walk them.
    """
    d = iommu_domains(m)[domain]
    iommu_count(m).iommu_unmap += 1
    tables = clear_range(m, domain, iova, pages)
    within_reach(m, domain, pages)
    iommu_unmap_event(m, iova << 12, iova + pages << 12, pages << 12, pages << 12)
    kind = iommus(m)[d.unit].kind
    if kind == VIRTIO:
        request(m, d.unit)
    if kind == INTEL and iommu_settings(m).vtd_frees_at_once:
        free_chain(m, tables)
        return NONE
    return tables


@kernel
def iova_to_pfn(m, domain, iova):
    """The frame that page `iova` of a domain is mapped to, NONE (iommu_iova_to_phys)."""
    word = walk(m, domain, iova)
    if word == 0:
        return NONE
    return ((word & ENTRY) >> FRAME_SHIFT) + (iova & pages_of(iommu_state(m).level) - 1)
