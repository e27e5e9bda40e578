"""First come, first served, reads and writes alike; a request may only join the last one that waits."""

from mmrun.model.block.elevator import DISPATCH
from mmrun.model.block.state import disks, requests
from mmrun.model.core.jit import hook
from mmrun.model.core.record import NONE

SOURCE = "block/noop-iosched.c, 3.1; none of blk-mq"
QUEUES_READS, SORTED = True, False


@hook
def elevator_event(m, disk, event, request, at):
    """The head of either list, whichever came first."""
    d, rows = disks(m)[disk], requests(m)
    if event != DISPATCH:
        return 0
    read, write = d.reading.head, d.queue.head
    if read == NONE or write == NONE:
        return write if read == NONE else read
    return read if rows[read].submitted <= rows[write].submitted else write
