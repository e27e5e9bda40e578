"""Unmapped ranges of all CPUs wait in one long queue for up to a second, for flushes are dear (hypervisors' units)."""

SOURCE = "drivers/iommu/dma-iommu.c: IOMMU_DMA_OPTS_SINGLE_QUEUE, 6.6"
DOMAIN = "single"
