"""A write goes to its disk, whatever its kind (submit_bio_noacct)."""

from mmrun.model.block.completions import announce
from mmrun.model.block.device import fails
from mmrun.model.block.nfs import send_write
from mmrun.model.block.queue import queue_write, take_request
from mmrun.model.block.remote import queue_remote
from mmrun.model.block.serving import write_pages
from mmrun.model.block.start import start_write
from mmrun.model.block.state import DISK_GENERIC, DISK_NFS, DISK_REMOTE, disks, requests
from mmrun.model.core.jit import kernel


@kernel
def submit_request(m, disk, number):
    """Start request `number`, a write, or queue it."""
    d, r = disks(m)[disk], requests(m)[number]
    if d.kind == DISK_GENERIC and d.dma and not r.bio:
        take_request(m, disk)
        start_write(m, disk, number, m.now)
    elif d.kind == DISK_GENERIC:
        done = write_pages(m, disk, m.now, r.pages, r.block)
        r.failed = 1 if fails(m, disk, done) else 0
        take_request(m, disk)
        announce(m, number, done)
    elif d.kind == DISK_NFS:
        send_write(m, disk, number, r.pages)
    elif d.kind == DISK_REMOTE:
        queue_remote(m, disk, number)
    else:
        queue_write(m, disk, number)
