"""No area, no contiguity: the device's IOMMU maps pages, wherever they are, to addresses that it sees in a row.

The buffer is memory that the driver shares with its device (dma_alloc_coherent): blocks of decreasing orders, down to
single pages, with entries in the tables of the device's domain.
"""

from mmrun.model.core.jit import hook
from mmrun.model.dma.drivers.pictures import alloc_shared, free_shared

SOURCE = "drivers/iommu/dma-iommu.c: __iommu_dma_alloc_pages"
AREA = "none"


@hook
def dma_alloc(m, t, buffer, pages):
    """Memory shared with task `t`'s device, its blocks chained."""
    return alloc_shared(m, t, buffer, pages)


@hook
def dma_free(m, buffer):
    """The memory is the machine's again, its addresses free."""
    return free_shared(m, buffer)
