"""Requests of disks behind a described controller: their pages are mapped for it before it is told of them.

What cannot be mapped waits a moment and is tried again, as the block layer does with what a driver has no room for
(BLK_STS_RESOURCE, blk_mq_delay_run_hw_queue). The controller waits for translations before it moves anything.
"""

from mmrun.model.block.completions import announce
from mmrun.model.block.state import disks, requests
from mmrun.model.core.jit import caller, kernel, rare

dma_map_request = caller("dma_map_request")
dma_unmap_request = caller("dma_unmap_request")

AGAIN = 3_000_000  # BLK_MQ_RESOURCE_DELAY (ns)


@rare
@kernel
def map_for_dispatch(m, disk, number):
    """Map what the drive is given next: ns until it begins, negative when that could not be."""
    began = m.now
    waits = dma_map_request(m, disk, number)
    return waits if waits < 0 else waits + m.now - began


@rare
@kernel
def put_back(m, disk, number, at):
    """The drive gets a request that could not be mapped a moment later."""
    d = disks(m)[disk]
    requests(m)[number].next = d.drive_head
    d.drive_head = number
    d.nr_drive += 1
    announce(m, -1 - disk, max(at, m.now) + AGAIN)
    d.announced += 1
