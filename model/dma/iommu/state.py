"""Units with what they hold, domains with their tables, and how much devices can reach that they should not."""

from mmrun.model.core.calendar import BOOKED
from mmrun.model.core.record import counts, one, row, table
from mmrun.model.dma.iommu.settings import IOMMU_COUNTERS

INTEL, AMD, SMMU, VIRTIO = range(4)  # IOMMU.kind
IDENTITY, STRICT, LAZY, OWN = range(4)  # IOMMU_DOMAIN.kind: passthrough, unmaps at once, queues, its variant's hooks
READ, WRITE, LARGE = 1, 2, 128  # bits of an entry that maps a page; LARGE: of 2 MiB or 1 GiB
PROT, FRAME_SHIFT = 3, 12
COUNT_SHIFT = 52  # users of a page whose mapping is the identity
ENTRY = (1 << COUNT_SHIFT) - 1  # the rest of an entry, which is what units hold
LEVEL_BITS, ENTRIES, LEVELS = 9, 512, 4
CALENDAR = 1024  # slots of a unit's calendar: half a millisecond, in which 128 CPUs wait for each other

# A unit. `first_tlb`, `tlbs`: its IOTLBs; `largest`: level of the largest pages; `last`: highest page of its addresses;
# `waiting`: requests that a hypervisor has not been told of; `caching`: maps are followed by an invalidation.
IOMMU = row(
    kind="i8", first_tlb="i8", tlbs="i8", largest="i8", last="i8", max_amask="i8", ranges="i8", waiting="i8",
    caching="i8",
)  # fmt: skip
# What a unit holds, from `first` on in `iotlb_entries`: `sets` of `ways`, then `large`, then `walks` of upper levels.
IOTLB = row(unit="i8", first="i8", sets="i8", ways="i8", large="i8", walks="i8", clock="i8")
# `domain` + 1, 0: empty; `tag`: page number without the bits below its level; `used`: clock of its last use.
IOTLB_ENTRY = row(domain="i8", level="i8", tag="i8", word="i8", used="i8")
# A domain. `top`: its root, a row of `iommu_tables`; `tables`, `pages`: it has, it maps; `pending`: bytes unmapped and
# not invalidated, `kept`: that stay mapped, though nobody uses them; `beside`: of mapped pages that are of no buffer;
# these times ns up to `settled` are in `exposure` and `subpage`; `node`: of its tables.
IOMMU_DOMAIN = row(
    kind="i8", unit="i8", top="i8", tables="i8", pages="i8", node="i8", pending="i8", beside="i8", settled="i8",
    exposure="i8", subpage="i8", kept="i8",
)  # fmt: skip
# A table of an IOMMU: the frame it lies in, NONE: a hypervisor's; `next` in a chain; its entries are 512 words.
IOMMU_TABLE = row(frame="i8", next="i8", domain="i8")
# A permanently mapped buffer: its addresses and frames; `order`, `cpu`: of its list; `bytes`, 0: it is free, at address
# `original` in memory that it stands for.
SHADOW = row(
    iova="i8",
    pfn="i8",
    order="i4",
    cpu="i4",
    domain="i4",
    next="i4",
    original="i8",
    bytes="i8",
    direction="i8",
)

iommus = table(367, "iommus", IOMMU)
iotlbs = table(368, "iotlbs", IOTLB)
iotlb_entries = table(369, "iotlb_entries", IOTLB_ENTRY)
iommu_domains = table(370, "iommu_domains", IOMMU_DOMAIN)
iommu_tables = table(371, "iommu_tables", IOMMU_TABLE)
iommu_words = table(372, "iommu_words", "i8")  # of all tables, by row
iommu_queues = table(373, "iommu_queues", BOOKED)  # a calendar a unit: when it is busy with invalidations
iommu_settings = one(374, "iommu_settings", row(  # costs in ns; ways of the kernel
    iommu_map_range="i8", iommu_map_entry="i8", iommu_unmap_range="i8", iommu_unmap_entry="i8", iommu_map_other="i8",
    iommu_unmap_other="i8", iotlb_invalidate="i8", smmu_command="i8", viommu_request="i8",
    viommu_kick="i8", iommu_table_page="i8", iotlb_miss="i8", iotlb_walk_level="i8", identity_count="i8",
    shadow_buffer="i8", shadow_copy_page="i8", psi_widens="i8", vtd_frees_at_once="i8", vtd_flushes_units="i8",
    vtd_large_pages="i8", amd_flushes_ranges="i8", vtd_merges_segments="i8",
    amd_merges_segments="i8",
))  # fmt: skip
iommu_count = counts(375, "iommu_count", *IOMMU_COUNTERS)
# `free`: head of the chain of unused rows of tables, `used`: of the first never used; `level`: of the entry that the
# last walk found; `shadows`: permanently mapped buffers so far.
iommu_state = one(376, "iommu_state", row(free="i8", used="i8", level="i8", shadows="i8"))
shadows = table(377, "shadows", SHADOW)
shadow_lists = table(378, "shadow_lists", "i8")  # by domain, CPU and order: the first free buffer, NONE
# Of a device: the IOTLB that translates for it, what it found there.
iotlb_of = table(379, "iotlb_of", row(tlb="i8", hits="i8", misses="i8", stale="i8"))
