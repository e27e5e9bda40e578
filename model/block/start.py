"""Writes and reads of disks of fixed service time behind a described controller: mapped, then begun; or tried again."""

from mmrun.model.block.completions import announce
from mmrun.model.block.device import fails
from mmrun.model.block.dma import AGAIN, dma_map_request
from mmrun.model.block.serving import write_pages
from mmrun.model.block.state import requests
from mmrun.model.core.jit import kernel, rare


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
