"""DMA devices: whose operations they have, and what changed when."""

from mmrun.model.core.timeline import Dated, always, axis, flag

DATED: Dated = (
    axis("dma_ops", always("per-device", "arch/x86/include/asm/dma-mapping.h: get_dma_ops, archdata.dma_ops, 2.6.27")),
    flag("arm_dma_ops", "a device of an ARM board has operations of its own, those of its IOMMU if it has one",
         "ARM: dma-mapping: add support for IOMMU mapper, 3.5", since="3.5"),
    flag("dma_opt_size", "requests of NVMe drives are no longer than what caches of device addresses keep",
         "nvme-pci: clamp max_hw_sectors based on DMA optimized limitation, 6.2", since="6.2",
         unsure="between 6.0 and 6.2"),
    flag("arm_own_ops", "memory is mapped and shared by an ARM board's own operations, in blocks of every size",
         "arch/arm/mm/dma-mapping.c; arm64: Add IOMMU dma_ops, 4.5", until="4.5"),
    flag("x86_remaps", "memory that drivers share with devices behind an IOMMU of x86 is pages that look adjacent",
         "iommu/amd, iommu/vt-d: convert to the dma-iommu ops, 5.5 and 5.11", since="5.11"),
    flag("nvme_simple", "an NVMe drive maps a request of up to two pages by itself, without a scatter list",
         "nvme-pci: optimize mapping of small single segment requests, 5.2", since="5.2"),
)  # fmt: skip
