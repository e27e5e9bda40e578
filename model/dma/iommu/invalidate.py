"""Invalidations: how much of what a unit holds goes when pages are unmapped, and how long CPUs wait for it.

A unit serves one after the other; the CPU that asked polls until its own is done. In the kernel:
drivers/iommu/intel/dmar.c: qi_submit_sync, cache.c: calculate_psi_aligned_address; amd/iommu.c: build_inv_address;
arm-smmu-v3.c: __arm_smmu_tlb_inv_range; virtio-iommu.c: viommu_sync_req.
"""

from mmrun.model.core.calendar import book
from mmrun.model.core.integers import ilog2, roundup_pow_of_two
from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.record import NONE
from mmrun.model.dma.iommu.exposure import all_out_of_reach, out_of_reach
from mmrun.model.dma.iommu.iotlb import drop_domain, drop_region, drop_stale
from mmrun.model.dma.iommu.page_table import free_chain
from mmrun.model.dma.iommu.state import (
    AMD,
    CALENDAR,
    INTEL,
    SMMU,
    VIRTIO,
    iommu_count,
    iommu_domains,
    iommu_queues,
    iommu_settings,
    iommus,
)

WHOLE = 64  # a mask that no region has: everything
REQUESTS = 256  # of a hypervisor's unit that wait for it to be woken, at most (VIOMMU_DEFAULT_QUEUE_SIZE of QEMU)
RANGE_BITS = 31  # of an SMMU's range command: so many pages of a power of two


@kernel
def submit(m, unit, ns):
    """An invalidation of `ns` is submitted, and waited for."""
    done = book(iommu_queues(m), unit * CALENDAR, CALENDAR, m.now, ns)
    iommu_count(m).qi_submit += 1
    iommu_count(m).iommu_invalidate_ns += ns
    iommu_count(m).iommu_wait_ns += done - ns - m.now
    m.now = done


@kernel
def psi_mask(first, pages, widens):
    """Powers of two of the aligned region that an invalidation of pages names (calculate_psi_aligned_address).

    Without `widens`, as to 5.17, the size alone counts: of a range that is not aligned the unit keeps what lies beyond.
    """
    size = roundup_pow_of_two(pages)
    if not widens or first & size - 1 == 0:
        return ilog2(size)
    return 1 + ilog2(first ^ first + pages - 1)


@kernel
def amd_mask(first, pages):
    """The same of AMD: up to the highest bit in which its ends differ (build_inv_address)."""
    return 0 if pages == 1 else 1 + ilog2(first ^ first + pages - 1)


@kernel
def range_commands(pages, ranges):
    """Commands of an SMMU for a range: each names up to 31 of a power of two of pages, or but one page."""
    commands = 0 if ranges else pages
    while ranges and pages:
        scale = ilog2(pages & -pages)
        pages -= (pages >> scale & RANGE_BITS) << scale
        commands += 1
    return commands


@kernel
def mask_of(m, unit, first, pages):
    """Powers of two of the pages that are invalidated together with a range; WHOLE: all of its domain."""
    u = iommus(m)[unit]
    if u.kind == AMD:
        if pages > 1 and not iommu_settings(m).amd_flushes_ranges:
            return WHOLE
        mask = amd_mask(first, pages)
        return WHOLE if mask > 52 - 12 else mask
    mask = psi_mask(first, pages, iommu_settings(m).psi_widens)
    return WHOLE if u.max_amask == 0 or mask > u.max_amask else mask


@kernel
def settle_unit(m, unit):
    """Nothing that was unmapped is within reach any more, whosever it was."""
    for domain in range(len(iommu_domains(m))):
        if iommu_domains(m)[domain].unit == unit:
            all_out_of_reach(m, domain)


@kernel
def kick(m, unit):
    """A hypervisor is woken and works off what waits for it (viommu_sync_req): what was unmapped till now is."""
    u = iommus(m)[unit]
    if u.waiting:
        iommu_count(m).iotlb_commands += u.waiting
        submit(m, unit, iommu_settings(m).viommu_kick + u.waiting * iommu_settings(m).viommu_request)
        u.waiting = 0
        drop_stale(m, unit)
        settle_unit(m, unit)


@kernel
def request(m, unit):
    """A request for a hypervisor waits with others."""
    iommus(m)[unit].waiting += 1
    if iommus(m)[unit].waiting == REQUESTS:
        kick(m, unit)


@kernel
def invalidate_range(m, domain, first, pages, upper):
    """Have the unit forget pages, and by its way of naming them what lies around; `upper`: tables above them, too."""
    unit = iommu_domains(m)[domain].unit
    u, ns = iommus(m)[unit], iommu_settings(m).iotlb_invalidate
    if u.kind == VIRTIO:
        kick(m, unit)
        return
    if u.kind == SMMU:
        commands = range_commands(pages, u.ranges)
        iommu_count(m).iotlb_commands += commands
        submit(m, unit, ns + commands * iommu_settings(m).smmu_command)
        drop_region(m, unit, domain, first, pages, first, pages, upper)
        return
    mask = mask_of(m, unit, first, pages)
    iommu_count(m).iotlb_commands += 1
    submit(m, unit, ns)
    if mask == WHOLE:
        iommu_count(m).iotlb_invalidated_domains += 1
        drop_domain(m, unit, domain)
        return
    drop_region(m, unit, domain, first & ~((1 << mask) - 1), 1 << mask, first, pages, upper)


@kernel
def invalidate_new(m, domain, first, pages):
    """Have a unit in caching mode forget that pages, which are mapped now, were not.

    AMD cuts a range into aligned powers of two here, so as to name no page beside it (amd_iommu_np_cache).
    """
    if iommus(m)[iommu_domains(m)[domain].unit].kind != AMD:
        invalidate_range(m, domain, first, pages, False)
        return
    while pages:
        size = min(first & -first, 1 << ilog2(pages)) if first else 1 << ilog2(pages)
        invalidate_range(m, domain, first, size, False)
        first, pages = first + size, pages - size


@kernel
def iotlb_sync(m, domain, iova, pages, tables):
    """Pages that were unmapped are out of devices' reach, then the tables that went with them free (iommu_iotlb_sync).

    `tables`: the chain that clearing gave.
    """
    invalidate_range(m, domain, iova, pages, tables != NONE)
    if iommus(m)[iommu_domains(m)[domain].unit].kind != VIRTIO:
        out_of_reach(m, domain, pages)
    free_chain(m, tables)


@hook
def flush_iotlb_all(m, domain):
    """A domain's unit holds nothing of it any more: what waits for that can be given back.

    Where a flush is of the whole unit, it is due once for all domains that wait.
    """
    d = iommu_domains(m)[domain]
    u, whole = iommus(m)[d.unit], iommu_settings(m).vtd_flushes_units
    if u.kind == INTEL and whole and d.pending == 0:
        return 0
    iommu_count(m).iotlb_invalidated_domains += 1
    if u.kind == VIRTIO:
        kick(m, d.unit)
    else:
        iommu_count(m).iotlb_commands += 1
        submit(m, d.unit, iommu_settings(m).iotlb_invalidate)
    if u.kind == INTEL and whole:  # whosever it is, as to 4.13 (flush_unmaps)
        drop_domain(m, d.unit, NONE)
        settle_unit(m, d.unit)
    else:
        drop_domain(m, d.unit, domain)
        all_out_of_reach(m, domain)
    return 0


@hook
def free_tables(m, head):
    """The tables of a chain are free: what waited for an invalidation, or was freed at once."""
    free_chain(m, head)
    return 0
