"""What drivers allocate for their devices before anything else runs: rings, command tables, room for requests."""

from mmrun.model.core.actor import actor
from mmrun.model.core.jit import kernel
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import FOREVER, sleep_until
from mmrun.model.dma.device.state import dma_devices
from mmrun.model.dma.mapping.coherent import dma_alloc_coherent
from mmrun.model.dma.mapping.disk import AHCI, NVME, VIRTIO_BLK
from mmrun.model.dma.mapping.state import PDU_BLOCKS, controllers
from mmrun.model.mm.alloc.page_alloc import alloc_pages
from mmrun.model.mm.page.flags import KERNEL, KERNEL_PAGE
from mmrun.model.mm.page.gfp import GFP_KERNEL, NOWARN
from mmrun.model.mm.page.mempolicy import ALL_NODES
from mmrun.model.mm.page.state import frames

# AHCI: 32 command tables of 128 bytes and 168 entries of 16, the list of commands, the area of received ones (ahci.h).
AHCI_PORT = 32 * (128 + 168 * 16) + 1024 + 256
NVME_SUBMISSION, NVME_COMPLETION = 1024 * 64, 1024 * 16  # queues of 1,024 entries
VRING = 256 * 16 + 6 + 2 * 256 + 6 + 8 * 256  # descriptors, what is available, what is used
PDU_ORDER = 4


@kernel
def _kernel_block(m, dev, order):
    """Memory of the driver's own on the device's node; its first frame, or NONE."""
    pfn = alloc_pages(m, GFP_KERNEL | NOWARN, order, dma_devices(m)[dev].node, ALL_NODES)
    if pfn != NONE:
        page = frames(m)[pfn]
        page.state, page.kind, page.memcg = KERNEL, KERNEL_PAGE, 0
    return pfn


@kernel
def set_up(m, dev):
    """Get what the driver of a disk controller shares with it, and what it keeps for requests."""
    c = controllers(m)[dev]
    if c.protocol == AHCI:
        dma_alloc_coherent(m, dev, AHCI_PORT, GFP_KERNEL)
    elif c.protocol == NVME:
        dma_alloc_coherent(m, dev, NVME_SUBMISSION, GFP_KERNEL)
        dma_alloc_coherent(m, dev, NVME_COMPLETION, GFP_KERNEL)
    elif c.protocol == VIRTIO_BLK:
        dma_alloc_coherent(m, dev, VRING, GFP_KERNEL)
        for block in range(PDU_BLOCKS):
            c.pdu[block] = _kernel_block(m, dev, PDU_ORDER)
        c.tables = _kernel_block(m, dev, 0)


@actor(per="probe", apart=True, at_boot=True)
def probe(m, dev):
    """A driver finds its device, once and for all."""
    set_up(m, dev)
    sleep_until(m, FOREVER)
    return 0
