"""An unmap waits until the unit has forgotten the pages; then its addresses are free (iommu.strict=1)."""

SOURCE = "drivers/iommu/iommu.c: IOMMU_DOMAIN_DMA"
DOMAIN = "strict"
