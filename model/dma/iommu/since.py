"""IOMMUs: what changed when."""

from mmrun.model.core.timeline import Dated, always, axis, flag, gap

DATED: Dated = (
    axis("iommu", always("as-built", "drivers/pci/intel-iommu.c: intel_iommu_strict, 2.6.32; drivers/iommu/Kconfig: "
                         "IOMMU_DEFAULT_DMA_LAZY on x86, IOMMU_DEFAULT_DMA_STRICT elsewhere, 5.14")),
    flag("vtd_large_pages", "VT-d maps pages of 2 MiB and 1 GiB",
         "6dd9a7c73761 Intel pci: Intel IOMMU support for superpages, 3.1", since="3.1"),
    flag("vtd_frees_at_once", "VT-d frees tables that an unmap leaves empty before the unit has forgotten them",
         "ea8ea460c9ac iommu/vt-d: Clean up and fix page table clear/free behaviour, 3.15", until="3.15"),
    flag("vtd_flushes_units", "VT-d invalidates a whole unit when a queue of unmaps is due, not a domain",
         "13cf01744608 iommu/vt-d: Make use of iova deferred flushing, 4.14", until="4.14"),
    flag("psi_widens", "VT-d widens the region of an invalidation until it covers a range that is not aligned",
         "59bf3557cf2f iommu/vt-d: Calculate mask for non-aligned flushes, 5.18", since="5.18"),
    flag("vtd_merges_segments", "VT-d's scatter lists come back with segments joined (dma-iommu)",
         "c588072bba6b iommu/vt-d: Convert intel iommu driver to the iommu ops, 5.11", since="5.11"),
    flag("amd_merges_segments", "AMD's scatter lists come back with segments joined (dma-iommu)",
         "be62dbf554c5 iommu/amd: Convert AMD iommu driver to the dma-iommu api, 5.5", since="5.5"),
    flag("amd_flushes_ranges", "AMD invalidates the power of two around several pages; before, the whole domain",
         "268aa4548277 iommu/amd: Page-specific invalidations for more than one page, 5.15", since="5.15"),
    gap("2.6.32", "6.18", "tables of IOMMUs have four levels (AMD's grow from three); dev-TLBs, interrupt remapping, "
        "shared virtual addresses and first-level tables have no mechanism"),
    gap("2.6.32", "5.2", "virtio-iommu came with 5.3, its queued unmaps with 6.8; SMMUv3's driver with 4.3"),
)  # fmt: skip
