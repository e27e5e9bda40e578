"""IOMMUs: units with their IOTLB and invalidation queue, domains with page tables, groups of devices, modes.

Source: drivers/iommu/iommu.c, dma-iommu.c, intel/, amd/.
"""
