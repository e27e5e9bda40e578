"""Writes of blocks that are no pages of the page cache, and flushes: sent by whoever then waits for them (struct bio).

`new_bio`, as many `submit_bio` as belong together, then `wait_bio`. A journal's log goes to its disk this way.
"""

from mmrun.model.block.disk import no_sync_room
from mmrun.model.block.flush import BYPASS, DATA, POST, PRE, SEQUENCE, begin_sequence
from mmrun.model.block.queue import take_request
from mmrun.model.block.request import new_request
from mmrun.model.block.serving import stripe_unit
from mmrun.model.block.state import (
    DISK_GENERIC,
    DISK_STRIPE,
    bios,
    block_state,
    disks,
    requests,
    write_caches,
)
from mmrun.model.core.codes import BAD_IO
from mmrun.model.core.jit import kernel
from mmrun.model.core.panic import panic
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import FOREVER, io_wait


@kernel
def new_bio(m):
    """A bio without requests yet: its number, to be given to `wait_bio` once."""
    number = block_state(m).free_bio - 1
    if number >= 0:
        block_state(m).free_bio = bios(m)[number].next
    else:
        number = block_state(m).bio_rows
        if number >= len(bios(m)):
            panic(m, BAD_IO, number)
            return NONE
        block_state(m).bio_rows += 1
    bios(m)[number].left = bios(m)[number].failed = 0
    return number


@kernel
def _send(m, bio, disk, block, count, steps):
    number = new_request(m, disk, NONE, 0, count, block)
    if number == NONE:
        return
    requests(m)[number].bio, requests(m)[number].steps = bio + 1, steps
    requests(m)[number].sync = 1
    bios(m)[bio].left += 1
    if steps & DATA:
        disks(m)[disk].nr_sync += 1
        take_request(m, disk)
    begin_sequence(m, disk, number)


@kernel
def _write(m, bio, disk, block, count, preflush, fua):
    """Send a write to a disk that is no stripe, in as many requests as it takes."""
    d, cached, steps = disks(m)[disk], write_caches(m)[disk].pages, DATA
    bypasses = fua and cached and write_caches(m)[disk].fua
    if preflush and cached:
        steps |= PRE
    if bypasses:
        steps |= BYPASS
    elif fua and cached:
        steps |= POST
    if steps & (PRE | POST):
        steps |= SEQUENCE
    while count > 0:
        part = count if d.kind == DISK_GENERIC else min(count, d.max_pages)
        while no_sync_room(m, disk):
            io_wait(m, d.readers, FOREVER)
        _send(m, bio, disk, block, part, steps)
        block, count = block + part, count - part


@kernel
def submit_flush(m, bio, disk):
    """Send an empty flush, to every member of a stripe; to none without a volatile cache, to no server."""
    d = disks(m)[disk]
    if d.kind == DISK_STRIPE:
        for i in range(d.nr_members):
            if write_caches(m)[d.members[i]].pages:
                _send(m, bio, d.members[i], 0, 0, PRE)
    elif write_caches(m)[disk].pages:
        _send(m, bio, disk, 0, 0, PRE)


@kernel
def submit_bio(m, bio, disk, block, count, preflush, fua):
    """Send a write of `count` blocks at `block`; the caller may sleep until the disk has room.

    `preflush`: all that was accepted before is on the medium before this is written; `fua`: so is this when it ends. To
    a stripe the flush goes first, and is waited for.
    """
    if disks(m)[disk].kind != DISK_STRIPE:
        _write(m, bio, disk, block, count, preflush, fua)
        return
    if preflush:
        bios(m)[bio].failed |= 0 if blkdev_issue_flush(m, disk) else 1
    while count > 0:
        member, place, unit = stripe_unit(m, disk, block)
        part = min(count, unit)
        _write(m, bio, member, place, part, False, fua)
        block, count = block + part, count - part


@kernel
def wait_bio(m, bio):
    """Sleep until all that was sent with it has ended; whether nothing of it failed. The bio is given back."""
    b = bios(m)[bio]
    while b.left:
        io_wait(m, b.done, FOREVER)
    b.next = block_state(m).free_bio
    block_state(m).free_bio = bio + 1
    return b.failed == 0


@kernel
def submit_flush_fua(m, disk, block, count, preflush, fua):
    """Write blocks and wait for them; whether that succeeded. See `submit_bio`."""
    bio = new_bio(m)
    submit_bio(m, bio, disk, block, count, preflush, fua)
    return wait_bio(m, bio)


@kernel
def blkdev_issue_flush(m, disk):
    """Sleep until all that the disk has accepted is on the medium; whether that succeeded."""
    bio = new_bio(m)
    submit_flush(m, bio, disk)
    return wait_bio(m, bio)
