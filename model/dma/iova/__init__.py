"""Addresses for devices behind an IOMMU: a tree of what is taken, per-CPU magazines, the queue of what awaits a flush.

Source: drivers/iommu/iova.c; drivers/iommu/intel-iommu.c, amd_iommu.c and arch/arm/mm/dma-mapping.c of their time.
"""
