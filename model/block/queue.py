"""The queue of a disk that serves one request after the other: merging, dispatch, its limit, congestion.

Writes wait in the queue; the next one is dispatched when the disk has done what it was given before. Reads are
synchronous: they are served right after that, and after 32 of them (two batches) past waiting writes a batch of writes
goes first. Source: block/blk-core.c, block/elevator.c, block/deadline-iosched.c, 3.1.
"""

from mmrun.model.block.completions import announce
from mmrun.model.block.congestion import clear_bdi_congested
from mmrun.model.block.device import fails, pick, serve_next
from mmrun.model.block.dma import map_for_dispatch, put_back
from mmrun.model.block.elevator import (
    ADD,
    COMPLETED,
    FIFO_BATCH,
    WRITES_STARVED,
    elevator_event,
    fill_drive,
    place_before,
)
from mmrun.model.block.request import free_request
from mmrun.model.block.state import DISK_REMOTE, IO_URGENT, disks, elevators, requests
from mmrun.model.block.wait import wake_for_request
from mmrun.model.core.jit import kernel
from mmrun.model.core.links import link_after, link_head, link_tail, unlink_row
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import ALL, wake

IDLE_ENDS = 1 << 21  # among what disks will have done when: -1 - this - disk


@kernel
def _append(m, number, run):
    """Add request `run` to request `number`, whose last page lies before its first on the disk."""
    rows = requests(m)
    request, last, end = rows[number], rows[rows[number].last], rows[run].last
    request.pages += rows[run].pages
    if last.file == rows[run].file and last.first + last.count == rows[run].first:
        last.count += rows[run].count
        last.chain = free_request(m, run)
    else:
        last.chain = run
    if last.chain != NONE:
        request.last = end


@kernel
def _prepend(m, number, run):
    """Put row `run` before request `number`, whose first page lies behind its last on the disk."""
    rows = requests(m)
    request, new = rows[number], rows[run]
    request.block = new.block
    request.pages += new.pages
    if new.file == request.file and new.first + new.count == request.first:
        request.first = new.first
        request.count += new.count
        free_request(m, run)
        return
    # The request stays where it is on its list: the runs change rows instead.
    file, first, count = request.file, request.first, request.count
    request.file, request.first, request.count = new.file, new.first, new.count
    new.file, new.first, new.count = file, first, count
    new.chain = request.chain
    request.chain = run
    if request.last == number:
        request.last = run


@kernel
def _adjacent(m, disk, number, after):
    """Whether request `after` goes on where the other ends and both may be one; what is no page stays by itself."""
    rows = requests(m)
    first, second = rows[number], rows[after]
    fits = first.pages + second.pages <= disks(m)[disk].max_pages
    joins = first.block + first.pages == second.block and first.sync == second.sync
    return fits and joins and not (first.bio or second.bio)


@kernel
def _merged(m, disk, number, before):
    """Whether the run could join a waiting request next to it, the one behind which it would be put or the next.

    In the kernel: elv_merge.
    """
    d, rows = disks(m)[disk], requests(m)
    if before != NONE and _adjacent(m, disk, before, number):
        _append(m, before, number)
        after = rows[before].next
        if after != NONE and _adjacent(m, disk, before, after):
            unlink_row(rows, d.queue, after)
            _append(m, before, after)
            d.nr_allocated -= 1
            d.merged += 1
        return True
    after = d.queue.head if before == NONE else rows[before].next
    if after != NONE and _adjacent(m, disk, number, after):
        _prepend(m, after, number)
        return True
    return False


@kernel
def queue_write(m, disk, number):
    """Queue a write; an idle disk starts at once."""
    d = disks(m)[disk]
    before = place_before(m, disk, requests(m)[number].block)
    if _merged(m, disk, number, before):
        d.merged += 1
        return
    if before == NONE:
        link_head(requests(m), d.queue, number)
    else:
        link_after(requests(m), d.queue, before, number)
    take_request(m, disk)
    if d.elevator:
        elevator_event(m, disk, ADD, number, m.now)
    run_queue(m, disk, m.now)


@kernel
def queue_read(m, disk, number):
    """Queue a read of a disk with an elevator; its pages are unlocked when it has ended."""
    d = disks(m)[disk]
    d.nr_reads += 1
    link_tail(requests(m), d.reading, number)
    elevator_event(m, disk, ADD, number, m.now)
    run_queue(m, disk, m.now)


@kernel
def _look_again(m, disk, at):
    """The elevator waits for somebody's next request; it looks again when that time is over."""
    e = elevators(m)[disk]
    if e.idle_until > at and e.timer != e.idle_until:
        e.timer = e.idle_until
        announce(m, -1 - IDLE_ENDS - disk, e.idle_until)


@kernel
def _dispatch(m, disk, at):
    """The disk serves one of the waiting writes; its end is announced. 0 when it could not be mapped for the disk."""
    fill_drive(m, disk, at)
    if disks(m)[disk].nr_drive == 0:
        _look_again(m, disk, at)
        return 0
    return _serve_one(m, disk, at)


@kernel
def _serve_one(m, disk, at):
    """The same of those that the drive has been given."""
    d, waits = disks(m)[disk], 0
    number = pick(m, disk, max(at, d.busy_until))
    r = requests(m)[number]
    if d.dma and not r.bio:
        waits = map_for_dispatch(m, disk, number)
        if waits < 0:
            put_back(m, disk, number, at)
            return 0
    d.wait_ns += max(0, max(at, d.busy_until) - r.submitted)
    done = serve_next(m, disk, r.block, r.pages, r.read == 0, max(at, r.submitted) + waits)
    if r.read == 0 and fails(m, disk, done):
        r.failed = 1
    announce(m, number, done)
    d.announced += 1
    return 1


@kernel
def run_queue(m, disk, at):
    """See to it that the disk goes on with its queue when it is free (blk_run_queue); clients send theirs."""
    d = disks(m)[disk]
    if d.kind == DISK_REMOTE or d.announced or d.queue.n + d.reading.n + d.nr_drive == 0:
        return
    if d.busy_until > at:
        announce(m, -1 - disk, d.busy_until)
        d.announced += 1
        return
    _dispatch(m, disk, at)


@kernel
def free_for_next(m, disk, at):
    """What the disk was busy with until `at` is done."""
    disks(m)[disk].announced -= 1
    run_queue(m, disk, at)


@kernel
def take_request(m, disk):
    """A write takes one of the disk's requests."""
    d = disks(m)[disk]
    d.nr_allocated += 1
    if d.nr_allocated - d.nr_sync >= d.congestion_on:
        d.congested = 1


@kernel
def end_request(m, disk, at):
    """A write is done: its request is free (freed_request), and a disk with a queue goes on with it."""
    d = disks(m)[disk]
    d.nr_allocated -= 1
    if d.congested and d.nr_allocated - d.nr_sync < d.congestion_off:
        d.congested = 0
        clear_bdi_congested(m, at)
    if d.depth:
        free_for_next(m, disk, at)
    if not d.batching and d.kind != DISK_REMOTE:
        wake(m, d.readers, ALL, at)
    if d.nr_allocated - d.nr_sync < d.most_writes[IO_URGENT]:
        d.full = 0
        wake_for_request(m, disk, at)


@kernel
def end_queued(m, disk, number, at):
    """A read or write of a disk with an elevator is done."""
    d, r, e = disks(m)[disk], requests(m)[number], elevators(m)[disk]
    e.sync_flight -= r.sync
    e.async_flight -= 1 - r.sync
    elevator_event(m, disk, COMPLETED, number, at)
    if r.read:
        d.nr_reads -= 1
        free_for_next(m, disk, at)
        wake(m, d.readers, ALL, at)
        if d.nr_allocated - d.nr_sync < d.most_writes[IO_URGENT]:
            wake_for_request(m, disk, at)
    else:
        end_request(m, disk, at)


@kernel
def drain_drive(m, disk, at):
    """The disk serves all that it takes at once, before a command that is not queued (ata_qc_defer)."""
    fill_drive(m, disk, at)
    for _ in range(disks(m)[disk].nr_drive):
        if not _serve_one(m, disk, at):
            return


@kernel
def serve_now(m, disk, block, count, write, now):
    """When a synchronous request is done: it comes right after what the disk is at."""
    d = disks(m)[disk]
    if d.queue.n + d.nr_drive:
        d.reads_first += 1
        if d.reads_first > WRITES_STARVED * FIFO_BATCH:
            d.reads_first = 0
            for _ in range(min(FIFO_BATCH, d.queue.n + d.nr_drive)):
                if not _dispatch(m, disk, max(now, d.busy_until)):
                    break
    done, left, place = now, count, block
    d.wait_ns += max(0, d.busy_until - now)
    while left > 0:
        part = min(left, d.max_pages)
        done = serve_next(m, disk, place, part, write, now)
        place, left = place + part, left - part
    return done
