"""Batches of one direction in order of place; reads first, unless writes were passed over twice or are too old.

A batch starts with the oldest request once that has waited too long, or where none lies ahead. It ends where nothing
lies ahead when its last request goes to the drive.
"""

from mmrun.model.block.elevator import DISPATCH, ahead, oldest
from mmrun.model.block.state import disks, elevators, requests
from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.parameters import parameters
from mmrun.model.core.record import NONE

SOURCE = "block/deadline-iosched.c, 3.1; block/mq-deadline.c, 6.12"
QUEUES_READS, SORTED = True, True
PARAMS = {
    "read_expire": (
        500,
        "ms",
        "how long a read waits before a batch starts with it",
        "read_expire",
        (0, 60_000, "at most a minute"),
    ),
    "write_expire": (5000, "ms", "the same of a write", "write_expire", (0, 60_000, "at most a minute")),
    "writes_starved": (2, "", "batches of reads that go past waiting writes", "writes_starved", (0, 1_000, "a count")),
    "fifo_batch": (16, "", "requests of a batch", "fifo_batch", (1, 1_024, "a batch has requests")),
}
params = parameters("elevator", PARAMS, 97)
MS_NS = 1_000_000


@kernel
def next_in(m, disk, writing):
    """The request of that direction that lies next ahead; NONE if there was none when the last one went (next_rq)."""
    d, e = disks(m)[disk], elevators(m)[disk]
    if not e.leads & (1 << writing):
        return NONE
    return ahead(m, d.queue, d.next_block) if writing else ahead(m, d.reading, e.read_block)


@kernel
def note_sent(m, disk, number):
    """A request goes to the drive: one more of its batch, which ends where nothing lies ahead of it."""
    d, e, r = disks(m)[disk], elevators(m)[disk], requests(m)[number]
    lst, bit = d.queue if e.writing else d.reading, 1 << e.writing
    if ahead(m, lst, r.block + r.pages) == NONE:
        e.leads &= ~bit
        e.batch = params(m).fifo_batch
    else:
        e.leads |= bit
        e.batch += 1


@kernel
def choose_direction(m, disk):
    """Whether the next batch is one of writes; some request waits."""
    d, e = disks(m)[disk], elevators(m)[disk]
    if d.reading.n == 0 or (d.queue.n and e.starved >= params(m).writes_starved):
        e.starved = 0
        return 1
    e.starved += 1 if d.queue.n else 0
    return 0


@hook
def elevator_event(m, disk, event, request, at):
    """Go on with the batch, or start another."""
    d, e, p = disks(m)[disk], elevators(m)[disk], params(m)
    if event != DISPATCH:
        return 0
    if d.reading.n + d.queue.n == 0:
        return NONE
    found = next_in(m, disk, e.writing) if e.batch < p.fifo_batch else NONE
    if found == NONE:
        e.writing, e.batch = choose_direction(m, disk), 0
        first = oldest(m, d.queue if e.writing else d.reading)
        expire = p.write_expire if e.writing else p.read_expire
        found = next_in(m, disk, e.writing)
        if found == NONE or requests(m)[first].submitted + expire * MS_NS < at:
            found = first
    note_sent(m, disk, found)
    return found
