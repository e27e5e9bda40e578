"""A mount from a file server: WRITE calls over a link, answered before anything is on the server's disk.

What was written that way has to be committed (`mmrun.model.mm.writeback.nfs`). A client's mount is congested while more
pages than nfs_congestion_kb are on their way, until fewer than three quarters are; flushers wait for that. Source:
fs/nfs/write.c, 3.1 and 6.18.
"""

from mmrun.model.block.completions import announce
from mmrun.model.block.congestion import clear_bdi_congested
from mmrun.model.block.state import disks, requests
from mmrun.model.block.wait import wake_for_request
from mmrun.model.core.jit import kernel
from mmrun.model.core.server import serve
from mmrun.model.machine.state import links
from mmrun.model.mm.task.state import files

WSIZE_PAGES = 256  # a WRITE call carries at most 1 MiB


@kernel
def send_write(m, disk, number, count):
    """Send one WRITE call; its answer ends request `number` for now."""
    d = disks(m)[disk]
    line = links(m)[d.link]
    d.writes += 1
    d.pages_written += count
    d.nr_allocated += count
    if d.nr_allocated >= d.congestion_on:
        d.congested = 1
    files(m)[requests(m)[number].file].newest_call = number + 1
    sent = serve(m, line.server_out, m.now, line.page_ps * count // 1000)
    announce(m, number, sent + line.rtt)


@kernel
def end_call(m, disk, count, at):
    """A WRITE call was answered: its pages are no longer on their way."""
    d = disks(m)[disk]
    d.nr_allocated -= count
    if d.nr_allocated < d.congestion_on - (d.congestion_on >> 2):
        d.congested = 0
        clear_bdi_congested(m, at)
        wake_for_request(m, disk, at)
