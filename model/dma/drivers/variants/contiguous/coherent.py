"""What dma_alloc_coherent finds for the device: behind an IOMMU pages from anywhere, else a block that it can reach.

A block comes from the zone of the device's coherent mask, which can be exhausted while the rest of memory is free.
"""

from mmrun.model.core.jit import hook
from mmrun.model.dma.drivers.pictures import alloc_shared, free_shared

SOURCE = "kernel/dma/mapping.c: dma_alloc_attrs; kernel/dma/direct.c: dma_direct_alloc"
AREA = "none"


@hook
def dma_alloc(m, t, buffer, pages):
    """Memory shared with task `t`'s device."""
    return alloc_shared(m, t, buffer, pages)


@hook
def dma_free(m, buffer):
    """The memory is the machine's again."""
    return free_shared(m, buffer)
