"""Unmapped ranges wait in a queue for an invalidation of the whole domain, within reach of devices till then."""

SOURCE = "drivers/iommu/iommu.c: IOMMU_DOMAIN_DMA_FQ; intel-iommu.c: add_unmap, to 4.13"
DOMAIN = "lazy"
