"""Devices see memory as it is, all of it (iommu.passthrough=1, a group's type `identity`)."""

SOURCE = "drivers/iommu/iommu.c: IOMMU_DOMAIN_IDENTITY"
DOMAIN = "passthrough"
