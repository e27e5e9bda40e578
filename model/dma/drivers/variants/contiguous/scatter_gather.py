"""No area, no contiguity: the device's IOMMU maps pages, wherever they are, to addresses that it sees in a row.

The buffer is memory that the driver shares with its device (dma_alloc_coherent): blocks of decreasing orders, down to
single pages, with entries in the tables of the device's domain.
"""

from mmrun.model.core.jit import hook
from mmrun.model.core.record import NONE
from mmrun.model.dma.device.state import dma_device_of_task
from mmrun.model.dma.drivers.pictures import share, unshare
from mmrun.model.dma.mapping.coherent import dma_alloc_coherent, dma_free_coherent
from mmrun.model.dma.mapping.state import dma_buffers
from mmrun.model.mm.driver.state import NO_ORDER, buffers
from mmrun.model.mm.page.gfp import GFP_KERNEL, NOWARN
from mmrun.model.units import PAGE_SHIFT

SOURCE = "drivers/iommu/dma-iommu.c: __iommu_dma_alloc_pages"
AREA = "none"


@hook
def dma_alloc(m, t, buffer, pages):
    """Memory shared with task `t`'s device, its blocks chained."""
    device = dma_device_of_task(m)[t]
    row = dma_alloc_coherent(m, device, pages << PAGE_SHIFT, GFP_KERNEL | NOWARN)
    if row == NONE:
        return NONE
    share(m, buffer, device, row, dma_buffers(m)[row].address, pages << PAGE_SHIFT)
    buffers(m)[buffer].order = NO_ORDER
    return dma_buffers(m)[row].pfn


@hook
def dma_free(m, buffer):
    """The memory is the machine's again, its addresses free."""
    dma_free_coherent(m, unshare(m, buffer))
    return 0
