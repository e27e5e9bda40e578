"""Requests of disks behind a described controller: their pages are mapped for it before it is told of them.

What cannot be mapped waits a moment and is tried again, as the block layer does with what a driver has no room for
(BLK_STS_RESOURCE, blk_mq_delay_run_hw_queue). The controller waits for translations before it moves anything.
"""

from mmrun.model.block.completions import announce
from mmrun.model.block.device import fails
from mmrun.model.block.serving import write_pages
from mmrun.model.block.state import disks, requests
from mmrun.model.core.jit import caller, kernel, rare

dma_map_request = caller("dma_map_request")
dma_unmap_request = caller("dma_unmap_request")

AGAIN = 3_000_000  # BLK_MQ_RESOURCE_DELAY (ns)


@rare
@kernel
def start_write(m, disk, number, at):
    """A disk of fixed service time starts a write at time `at` or later, or it is tried again."""
    r, began = requests(m)[number], m.now
    waits = dma_map_request(m, disk, number)
    r.unmapped = disk + 1 if waits < 0 else 0
    if waits < 0:
        announce(m, number, at + AGAIN)
        return
    done = write_pages(m, disk, at + m.now - began + waits, r.pages, r.block)
    r.failed = 1 if fails(m, disk, done) else 0
    announce(m, number, done)


@rare
@kernel
def start_read(m, disk, number, done):
    """A read that the disk serves by time `done` once it is mapped, or is tried again; it waits for translations."""
    r, began = requests(m)[number], m.now
    waits = dma_map_request(m, disk, number)
    r.unmapped = disk + 1 if waits < 0 else 0
    announce(m, number, max(m.now, done + AGAIN if waits < 0 else done + m.now - began + waits))


@rare
@kernel
def try_again(m, number, at):
    """What could not be mapped may have come to where it can."""
    disk = requests(m)[number].unmapped - 1
    if requests(m)[number].read:
        start_read(m, disk, number, at)
    else:
        start_write(m, disk, number, at)


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
