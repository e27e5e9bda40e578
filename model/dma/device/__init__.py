"""DMA devices: which addresses they can drive, where they sit, what translates for them.

In the kernel: struct device's dma_mask, dma_parms, archdata.dma_ops, iommu_group.
"""
