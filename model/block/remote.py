"""Swap areas over a link: the client's queue before a server, of reads and writes whose end nobody knows beforehand.

So many are on their way at most: NBD sends all that its queue has (128), a LUN of iSCSI takes 32 (`cmd_per_lun`), a
session of NFS has 64 slots (`max_session_slots`). The others wait here as in the block layer's queue, where adjacent
writes are merged and reads go first, or for a slot of sunrpc, where they go as they came. What is handed on, a
transport carries (`queue_rq`); it announces the request's end when the reply is there. Sources: drivers/block/nbd.c,
drivers/scsi/iscsi_tcp.c, fs/nfs/nfs4session.c, block/blk-mq.c.
"""

from mmrun.model.block.elevator import FIFO_BATCH, WRITES_STARVED, next_request
from mmrun.model.block.queue import end_request, queue_write, take_request
from mmrun.model.block.state import disks, requests
from mmrun.model.core.accounting import begins, ends
from mmrun.model.core.jit import caller, kernel
from mmrun.model.core.links import link_tail, unlink_row
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import ALL, FOREVER, io_wait, wake

queue_rq = caller("queue_rq")
READS = WRITES_STARVED * FIFO_BATCH  # reads that go past waiting writes before a batch of those


@kernel
def _reads_go(m, disk):
    """Whether the next request handed on is a read."""
    d = disks(m)[disk]
    if d.reading.n == 0 or d.queue.n == 0:
        return d.reading.n > 0
    goes = d.reads_first < READS
    d.reads_first = (d.reads_first + 1) % (READS + FIFO_BATCH)
    return goes


@kernel
def send_waiting(m, disk, at):
    """Hand on what waits, as far as more may be on their way (blk_mq_dispatch_rq_list)."""
    d, rows = disks(m)[disk], requests(m)
    while d.announced < d.depth and d.queue.n + d.reading.n:
        if _reads_go(m, disk):
            number = d.reading.head
            unlink_row(rows, d.reading, number)
        else:
            number = next_request(m, disk, at)
            unlink_row(rows, d.queue, number)
            d.next_block = rows[number].block + rows[number].pages
        rows[number].next = rows[number].prev = NONE
        d.announced += 1
        d.wait_ns += at - rows[number].submitted
        if rows[number].read:
            d.reads += 1
            d.pages_read += rows[number].pages
        else:
            d.writes += 1
            d.pages_written += rows[number].pages
        queue_rq(m, disk, number)


@kernel
def queue_remote(m, disk, number):
    """Queue a write and hand on what may be."""
    if disks(m)[disk].merges:
        queue_write(m, disk, number)
    else:
        link_tail(requests(m), disks(m)[disk].queue, number)
        take_request(m, disk)
    send_waiting(m, disk, m.now)


@kernel
def _no_read(m, disk):
    """Whether all requests for reads are taken: 128 a direction, with blk-mq tags that writes take, too."""
    d = disks(m)[disk]
    return d.nr_reads + (0 if d.batching else d.nr_allocated) >= d.nr_requests


@kernel
def get_read(m, disk, stall):
    """Take a request for a read; who reads sleeps, a stall of the given kind, until one is free."""
    d = disks(m)[disk]
    if _no_read(m, disk):
        begins(m, stall)
        while _no_read(m, disk):
            io_wait(m, d.readers, FOREVER)
        ends(m, stall)
    d.nr_reads += 1


@kernel
def put_read(m, disk, at):
    """It is free again."""
    disks(m)[disk].nr_reads -= 1
    wake(m, disks(m)[disk].readers, ALL, at)


@kernel
def queue_remote_read(m, disk, number):
    """Queue a read and hand on what may be."""
    d = disks(m)[disk]
    link_tail(requests(m), d.reading if d.merges else d.queue, number)
    send_waiting(m, disk, m.now)


@kernel
def end_remote(m, disk, read, at):
    """A request has been answered, or given up: others go on."""
    if read:
        disks(m)[disk].announced -= 1
        put_read(m, disk, at)
    else:
        end_request(m, disk, at)
        wake(m, disks(m)[disk].readers, ALL, at)
    send_waiting(m, disk, at)
