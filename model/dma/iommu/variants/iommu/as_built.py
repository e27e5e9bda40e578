"""As kernels are usually built: unmaps wait in a queue behind units of Intel and AMD, behind others they do not."""

SOURCE = "drivers/iommu/Kconfig: IOMMU_DEFAULT_DMA_LAZY, IOMMU_DEFAULT_DMA_STRICT, 5.14"
DOMAIN = "as-built"
