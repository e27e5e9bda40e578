"""Writes on their way to disks, whatever their kind: submitting them, room for them, what has come to its end.

When the generic kind will have written is known at once (`mmrun.model.block.serving`). Others have a queue
(`mmrun.model.block.queue`, before a server `mmrun.model.block.remote`), a stripe has members with queues of their own.
"""

from mmrun.model.block.batching import may_take
from mmrun.model.block.completions import pop_completed
from mmrun.model.block.dma import dma_unmap_request
from mmrun.model.block.flush import FLUSH_ENDS, accept, end_data, end_flush
from mmrun.model.block.queue import IDLE_ENDS, end_queued, end_request, free_for_next, run_queue
from mmrun.model.block.remote import end_remote
from mmrun.model.block.request import new_request
from mmrun.model.block.serving import stripe_unit
from mmrun.model.block.start import try_again
from mmrun.model.block.state import DISK_GENERIC, DISK_NFS, DISK_REMOTE, DISK_STRIPE, disks, requests
from mmrun.model.block.submit import submit_request
from mmrun.model.block.wbt import note_end
from mmrun.model.core.jit import kernel
from mmrun.model.core.record import NONE


@kernel
def _submit(m, disk, file, first, count, block):
    d = disks(m)[disk]
    while count > 0:
        part = count if d.kind == DISK_GENERIC else min(count, d.max_pages)
        number = new_request(m, disk, file, first, part, block)
        if number == NONE:
            return
        submit_request(m, disk, number)
        first, block, count = first + part, block + part, count - part


@kernel
def submit_write(m, disk, file, first, count, block):
    """Start writing `count` adjacent pages from slot `first` on, of a file or (NONE) of the swap cache, to `block`."""
    if disks(m)[disk].kind != DISK_STRIPE:
        _submit(m, disk, file, first, count, block)
        return
    while count > 0:
        member, place, unit = stripe_unit(m, disk, block)
        part = min(count, unit)
        _submit(m, member, file, first, part, place)
        first, block, count = first + part, block + part, count - part


@kernel
def _end_at_disk(m, disk, number, at):
    """A disk goes on without a request that it has served."""
    if disks(m)[disk].kind == DISK_REMOTE:
        end_remote(m, disk, requests(m)[number].read, at)
        return
    if disks(m)[disk].elevator:
        end_queued(m, disk, number, at)
    else:
        end_request(m, disk, at)
    accept(m, disk, number, at)
    if disks(m)[disk].wbt:
        note_end(m, disk, requests(m)[number].read, at - requests(m)[number].submitted, at)


@kernel
def _happens(m, event, at):
    """Something else than the end of a request: a disk is free, has flushed, has idled for long enough."""
    if event >= IDLE_ENDS:
        run_queue(m, event - IDLE_ENDS, at)
    elif event >= FLUSH_ENDS:
        end_flush(m, event - FLUSH_ENDS, at)
    else:
        free_for_next(m, event, at)


@kernel
def next_finished(m, now):
    """(the request that has come to its end first by `now`, when), or (NONE, now); disks go on with their queues."""
    while True:
        what, at = pop_completed(m, now)
        if what == NONE:
            return NONE, now
        if what < 0:
            _happens(m, -1 - what, at)
            continue
        if requests(m)[what].unmapped:
            try_again(m, what, at)
            continue
        if requests(m)[what].maps:
            dma_unmap_request(m, what)
        disk = requests(m)[what].disk
        if disk != NONE and disks(m)[disk].kind != DISK_NFS:
            _end_at_disk(m, disk, what, at)
        if requests(m)[what].bio:
            end_data(m, disk, what, at)
            continue
        return what, at


@kernel
def member_at(m, disk, block):
    """The disk that serves a block: the member of a stripe, else the disk itself."""
    return stripe_unit(m, disk, block)[0] if disks(m)[disk].kind == DISK_STRIPE else disk


@kernel
def _no_room(m, disk, purpose, slot):
    d = disks(m)[disk]
    taken, others = d.nr_allocated - d.nr_sync + d.nr_plugged, d.nr_sync + d.nr_reads
    if slot != NONE and d.batching:
        return taken + 1 >= d.nr_requests and not may_take(m, disk, slot)
    apart = d.batching and d.kind != DISK_REMOTE  # to 4.20 requests that somebody waits for are others
    return taken >= d.most_writes[purpose] or (others and not apart and taken + others >= d.nr_requests)


@kernel
def no_sync_room(m, disk):
    """Whether the disk's queue has no request left for a write that somebody waits for: 128 with reads, or tags."""
    d = disks(m)[disk]
    taken = d.nr_sync if d.batching else d.nr_allocated + d.nr_plugged
    return taken + d.nr_reads >= d.nr_requests


@kernel
def full_queue(m, disk, purpose, slot):
    """The disk if its queue has no room for a write of that purpose, or the first such member of a stripe; else NONE.

    `slot`: the actor that asks, which may have a batch to take; NONE: nobody in particular. blk-wbt lets more writes
    wait the more urgent they are. A mount has room while it is not congested.
    """
    d = disks(m)[disk]
    if d.kind != DISK_STRIPE:
        return disk if _no_room(m, disk, purpose, slot) else NONE
    found = NONE
    for i in range(d.nr_members):
        if found == NONE and _no_room(m, d.members[i], purpose, slot):
            found = d.members[i]
    return found


@kernel
def write_congested(m, disk):
    """Whether the disk, or a member of it, is marked congested (bdi_write_congested)."""
    d = disks(m)[disk]
    if d.kind != DISK_STRIPE:
        return d.congested > 0
    congested = False
    for i in range(d.nr_members):
        congested |= disks(m)[d.members[i]].congested > 0
    return congested
