"""Swap areas over a link: the client's queue of writes before a server's disk.

So many are on their way at most: NBD sends all that its queue has (128), a LUN of iSCSI takes 32 (`cmd_per_lun`), a
session of NFS has 64 slots (`max_session_slots`). The others wait here as in the block layer's queue, where adjacent
ones are merged, or for a slot of sunrpc, where they are not. Sources: drivers/block/nbd.c, drivers/scsi/iscsi_tcp.c,
fs/nfs/nfs4session.c.
"""

from mmrun.model.block.completions import announce
from mmrun.model.block.device import fails
from mmrun.model.block.elevator import next_request
from mmrun.model.block.queue import queue_write, take_request
from mmrun.model.block.serving import write_pages
from mmrun.model.block.state import disks, requests
from mmrun.model.core.jit import kernel
from mmrun.model.core.links import link_tail, unlink_row
from mmrun.model.core.record import NONE
from mmrun.model.core.server import serve
from mmrun.model.machine.state import links


@kernel
def _send(m, disk, number, at):
    """Send one write at time `at`: its pages, what the server's disk (NONE: its memory) takes for them, the answer."""
    d, r = disks(m)[disk], requests(m)[number]
    line = links(m)[d.link]
    d.announced += 1
    d.writes += 1
    d.pages_written += r.pages
    d.wait_ns += at - r.submitted
    done = serve(m, line.server_out, at, line.page_ps * r.pages // 1000) + line.rtt // 2
    if d.server != NONE:
        done = write_pages(m, d.server, done, r.pages, r.block)
        r.failed = 1 if fails(m, d.server, done) else 0
    announce(m, number, done + line.rtt - line.rtt // 2 + d.write_ns)


@kernel
def send_waiting(m, disk, at):
    """Send what waits, as far as more may be on their way."""
    d, rows = disks(m)[disk], requests(m)
    while d.announced < d.depth and d.queue.n:
        number = next_request(m, disk, at)
        unlink_row(rows, d.queue, number)
        d.next_block = rows[number].block + rows[number].pages
        _send(m, disk, number, at)


@kernel
def queue_remote(m, disk, number):
    """Queue a write and send what may be sent."""
    if disks(m)[disk].merges:
        queue_write(m, disk, number)
    else:
        link_tail(requests(m), disks(m)[disk].queue, number)
        take_request(m, disk)
    send_waiting(m, disk, m.now)
