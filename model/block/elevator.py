"""The order in which waiting writes go to a disk: sorted by place and swept in one direction, or as they came.

`deadline`: batches of 16 in order of place, from where the last one ended (C-LOOK); a batch starts with the oldest
request instead once that has waited for five seconds. `noop`: first come, first served. Requests that wait form the
disk's list `queue`, those the drive has got already the list `drive_head`. Source: block/deadline-iosched.c, 3.1.
"""

from mmrun.model.block.state import disks, requests
from mmrun.model.core.jit import kernel
from mmrun.model.core.links import unlink_row
from mmrun.model.core.record import NONE

FIFO_BATCH, WRITES_STARVED = 16, 2
WRITE_EXPIRE_NS = 5_000_000_000
PASSED_OVER = 4  # times the drive's depth: then a request is served whatever its place


@kernel
def place_before(m, disk, block):
    """The waiting request after which one at `block` has its place (NONE: before all)."""
    d, rows = disks(m)[disk], requests(m)
    at = d.queue.tail
    while d.sorted and at != NONE and rows[at].block > block:
        at = rows[at].prev
    return at


@kernel
def _oldest(m, disk):
    rows, found = requests(m), disks(m)[disk].queue.head
    at = found
    while at != NONE:
        if rows[at].submitted < rows[found].submitted:
            found = at
        at = rows[at].next
    return found


@kernel
def next_request(m, disk, at):
    """The waiting request that the elevator hands to the drive at time `at`; there is one."""
    d, rows = disks(m)[disk], requests(m)
    if not d.sorted:
        return d.queue.head
    if d.batch >= FIFO_BATCH:
        d.batch = 0
        oldest = _oldest(m, disk)
        if rows[oldest].submitted + WRITE_EXPIRE_NS < at:
            d.next_block = rows[oldest].block
    d.batch += 1
    found = d.queue.head
    while found != NONE and rows[found].block < d.next_block:
        found = rows[found].next
    return d.queue.head if found == NONE else found


@kernel
def fill_drive(m, disk, at):
    """Hand requests to the drive until it has as many as it takes."""
    d, rows = disks(m)[disk], requests(m)
    while d.nr_drive < d.depth and d.queue.n:
        number = next_request(m, disk, at)
        unlink_row(rows, d.queue, number)
        d.next_block = rows[number].block + rows[number].pages
        rows[number].next = d.drive_head
        d.drive_head = number
        d.nr_drive += 1
