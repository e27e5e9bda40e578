"""The order in which waiting requests go to a disk: who is asked, and what is there unless a policy asks for another.

A variant of the axis that lets reads wait (`QUEUES_READS`) is told of every request that comes and ends, and asked for
the next one. Otherwise reads are served at once, and a disk's `scheduler` decides of writes: sorted by place and swept
in one direction, or as they came. `deadline`: batches of 16 in order of place, from where the last one ended (C-LOOK);
a batch starts with the oldest request instead once that has waited for five seconds. `noop`: first come, first served.
Requests that wait form the disk's lists `queue` and `reading`, those the drive has got already the list `drive_head`.
Source: block/deadline-iosched.c, 3.1.
"""

from mmrun.model.block.state import disks, elevators, requests
from mmrun.model.core.jit import caller, kernel
from mmrun.model.core.links import unlink_row
from mmrun.model.core.record import NONE

FIFO_BATCH, WRITES_STARVED = 16, 2
WRITE_EXPIRE_NS = 5_000_000_000
PASSED_OVER = 4  # times the drive's depth: then a request is served whatever its place
ADD, DISPATCH, COMPLETED = 0, 1, 2  # what an elevator is told, or asked
elevator_event = caller("elevator_event")


@kernel
def place_before(m, disk, block):
    """The waiting request after which one at `block` has its place (NONE: before all)."""
    d, rows = disks(m)[disk], requests(m)
    at = d.queue.tail
    while d.sorted and at != NONE and rows[at].block > block:
        at = rows[at].prev
    return at


@kernel
def ahead(m, lst, block):
    """The request of a list that lies nearest at or behind `block` on the disk; NONE if there is none."""
    rows, found, at = requests(m), NONE, lst.head
    while at != NONE:
        if rows[at].block >= block and (found == NONE or rows[at].block < rows[found].block):
            found = at
        at = rows[at].next
    return found


@kernel
def oldest(m, lst):
    """The request of a list that came first; there is one."""
    rows, found = requests(m), lst.head
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
        first = oldest(m, d.queue)
        if rows[first].submitted + WRITE_EXPIRE_NS < at:
            d.next_block = rows[first].block
    d.batch += 1
    found = d.queue.head
    while found != NONE and rows[found].block < d.next_block:
        found = rows[found].next
    return d.queue.head if found == NONE else found


@kernel
def _take(m, disk, at):
    """Take the request off its list that goes to the drive next; NONE: none does now."""
    d, rows, e = disks(m)[disk], requests(m), elevators(m)[disk]
    number = elevator_event(m, disk, DISPATCH, NONE, at) if d.elevator else next_request(m, disk, at)
    if number == NONE:
        return NONE
    r = rows[number]
    if r.read:
        unlink_row(rows, d.reading, number)
        e.read_block = r.block + r.pages
    else:
        unlink_row(rows, d.queue, number)
        d.next_block = r.block + r.pages
    if d.elevator:
        e.sync_flight += r.sync
        e.async_flight += 1 - r.sync
    return number


@kernel
def fill_drive(m, disk, at):
    """Hand requests to the drive until it has as many as it takes, or as the elevator gives."""
    d, rows = disks(m)[disk], requests(m)
    while d.nr_drive < d.depth and d.queue.n + d.reading.n:
        number = _take(m, disk, at)
        if number == NONE:
            return
        rows[number].next = d.drive_head
        d.drive_head = number
        d.nr_drive += 1
