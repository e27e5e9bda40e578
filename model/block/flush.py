"""Flushes of volatile write caches, and writes that need them (block/blk-flush.c).

A disk answers for a write once it is in the disk's cache; what lies there goes to the medium as fast as that takes it,
and a flush ends when all that was accepted before it has arrived. How long writes take is the business of the device's
model (`mmrun.model.block.device`, `serving`); the cache only says what is left to do for a flush.

A request with PREFLUSH and FUA takes up to three steps: flush, data, flush. Without a volatile cache only the data is
left; a device that knows FUA needs no flush behind it. Of each disk one flush is under way; who comes meanwhile waits
for the next and shares it, so many that flush at once wait for two flushes at most. The next begins when this one has
ended and no sequence has its data on its way, at the latest five seconds after the first asked.

Every accepted write has a number. `durable` asks whether the writes of a disk up to such a number would outlive a cut.
A drive writes its cache in whatever order it likes: until a flush has ended, or all is on the medium, nothing counts.
What was written with FUA is on the medium when its request ends, whatever `durable` says.
"""

from mmrun.model.block.completions import announce
from mmrun.model.block.device import fails
from mmrun.model.block.queue import drain_drive
from mmrun.model.block.request import free_request
from mmrun.model.block.state import DISK_GENERIC, DISK_STRIPE, bios, block_state, disks, requests, write_caches
from mmrun.model.block.submit import submit_request
from mmrun.model.core.jit import kernel, rare
from mmrun.model.core.links import link_tail, unlink_row
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import ALL, wake
from mmrun.model.machine.state import servers

# Steps that a request still has to take; SEQUENCE: data of one with a flush; BYPASS: data goes past the cache.
PRE, DATA, POST, SEQUENCE, BYPASS = 1, 2, 4, 8, 16
FLUSH_ENDS = 1 << 20  # among what disks will have done when: -1 - this - disk
PENDING_TIMEOUT_NS = 5_000_000_000  # FLUSH_PENDING_TIMEOUT


@kernel
def _left_ps(m, disk, at):
    """Work left in the cache at time `at` (ps)."""
    q = write_caches(m)[disk]
    return q.dirty_ps if q.lazy else max(0, q.dirty_ps - max(0, at - q.as_of) * 1000)


@kernel
def accept(m, disk, number, at):
    """A write has ended: unless it failed it is in the cache of its disk, or on the medium."""
    r, q = requests(m)[number], write_caches(m)[disk]
    if r.failed or r.read:
        return
    block_state(m).sequence += 1
    q.accepted = block_state(m).sequence
    if not q.pages:
        q.durable = q.accepted
    elif not r.steps & BYPASS:
        q.dirty_ps = min(q.pages * q.page_ps, _left_ps(m, disk, at) + r.pages * q.page_ps)
        q.as_of = max(q.as_of, at)


@kernel
def _cost(m, disk, at):
    """What a flush takes that begins at time `at` (ns)."""
    q = write_caches(m)[disk]
    if q.flushed == q.accepted:
        return q.clean_ns
    return q.flush_ns + _left_ps(m, disk, at) // 1000


@kernel
def _flush_flash(m, disk, at):
    """When flash has flushed: beside other commands, or after all that it was given, with nothing behind."""
    d, begin = disks(m)[disk], at
    if write_caches(m)[disk].queued:
        return begin + _cost(m, disk, begin)
    rows = servers(m)
    for server in range(d.first_server, d.first_server + d.parallel):
        begin = max(begin, rows[server].free_at)
    done = begin + _cost(m, disk, begin)
    for server in range(d.first_server, d.first_server + d.parallel):
        rows[server].busy_ns += done - begin
        rows[server].busy_from, rows[server].free_at = begin, done
    return done


@kernel
def _flush_drive(m, disk, at):
    """When a disk that serves one request after the other has flushed, behind all that it was given."""
    d = disks(m)[disk]
    drain_drive(m, disk, at)
    begin = max(at, d.busy_until)
    if d.stall_from <= begin < d.stall_until:
        begin = d.stall_until
    done = begin + _cost(m, disk, begin)
    d.busy_ns += done - max(at, d.busy_until)
    d.busy_until = done
    return done


@kernel
def _kick(m, disk, at):
    """Start the next flush if there is somebody who waits for one and it may begin (blk_kick_flush)."""
    d, q = disks(m)[disk], write_caches(m)[disk]
    if q.flushing or q.pending.n == 0 or (q.data_steps and at < q.since + PENDING_TIMEOUT_NS):
        return
    q.running.head, q.running.tail, q.running.n = q.pending.head, q.pending.tail, q.pending.n
    q.pending.head = q.pending.tail = NONE
    q.pending.n = 0
    q.flushing, q.covers = 1, q.accepted
    d.flushes += 1
    d.flushes_shared += q.running.n - 1
    q.taken_ps = _left_ps(m, disk, at)
    done = _flush_flash(m, disk, at) if d.kind == DISK_GENERIC else _flush_drive(m, disk, at)
    d.flush_ns += done - at
    announce(m, -1 - FLUSH_ENDS - disk, done)


@kernel
def _end_step(m, disk, number, at):
    """A request goes on with its next step; after the last it ends."""
    r, q = requests(m)[number], write_caches(m)[disk]
    if r.failed:
        r.steps = 0
    if r.steps & PRE or r.steps & (DATA | POST) == POST:
        if q.pending.n == 0:
            q.since = at
        link_tail(requests(m), q.pending, number)
    elif r.steps & DATA:
        q.data_steps += 1 if r.steps & SEQUENCE else 0
        disks(m)[disk].nr_allocated -= 1  # it takes one again
        submit_request(m, disk, number)
    else:
        bio = bios(m)[r.bio - 1]
        bio.left -= 1
        bio.failed |= r.failed
        free_request(m, number)
        if bio.left == 0:
            wake(m, bio.done, ALL, at)


@kernel
def put_sync(m, disk, at):
    """The request of a bio's data is free: who waits for one looks again."""
    disks(m)[disk].nr_sync -= 1
    wake(m, disks(m)[disk].readers, ALL, at)


@kernel
def begin_sequence(m, disk, number):
    """Send request `number`, whose bio and steps are set."""
    _end_step(m, disk, number, m.now)
    _kick(m, disk, m.now)


@rare
@kernel
def end_data(m, disk, number, at):
    """The data of a request of a bio is written."""
    r = requests(m)[number]
    if r.steps & SEQUENCE:
        write_caches(m)[disk].data_steps -= 1
    r.steps &= POST
    put_sync(m, disk, at)
    _end_step(m, disk, number, at)
    _kick(m, disk, at)


@rare
@kernel
def end_flush(m, disk, at):
    """A flush has ended: all that was accepted before it is on the medium (flush_end_io)."""
    q, failed = write_caches(m)[disk], fails(m, disk, at)
    if not failed:
        q.durable = max(q.durable, q.covers)
        q.flushed = max(q.flushed, q.covers)
        if q.lazy:
            q.dirty_ps -= min(q.dirty_ps, q.taken_ps)
    while q.running.n:
        number = q.running.head
        unlink_row(requests(m), q.running, number)
        r = requests(m)[number]
        r.failed |= 1 if failed else 0
        holds = r.steps & DATA
        r.steps &= ~PRE if r.steps & PRE else ~POST
        if failed and holds:
            disks(m)[disk].nr_allocated -= 1
            put_sync(m, disk, at)
        _end_step(m, disk, number, at)
    q.flushing = 0
    _kick(m, disk, at)


@kernel
def _holds(m, disk, sequence):
    q = write_caches(m)[disk]
    return min(sequence, q.accepted) <= q.durable or _left_ps(m, disk, m.now) == 0


@kernel
def durable(m, disk, sequence):
    """Whether all writes of the disk, of a stripe's members, up to that number are on the medium now."""
    d = disks(m)[disk]
    if d.kind != DISK_STRIPE:
        return _holds(m, disk, sequence)
    found = True
    for i in range(d.nr_members):
        found = found and _holds(m, d.members[i], sequence)
    return found
