"""What dma_alloc_coherent finds for the device: behind an IOMMU pages from anywhere, else a block that it can reach.

A block comes from the zone of the device's coherent mask, which can be exhausted while the rest of memory is free.
"""

SOURCE = "kernel/dma/mapping.c: dma_alloc_attrs; kernel/dma/direct.c: dma_direct_alloc"
BASE = "scatter-gather"
