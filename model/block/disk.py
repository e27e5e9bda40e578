"""Disks and links, whatever their kind: reading, writing, what has come to its end.

The generic kind has `parallel` servers of fixed service time and one shared interface rate, so the end of a request is
known when it is made. Little's law holds within a few percent for flash drives under this model (16 in flight / 93.9 us
= 170k requests/s). Others have a queue (`mmrun.model.block.queue`), a stripe has members with queues of their own.
"""

from mmrun.model.block.batching import may_take
from mmrun.model.block.completions import announce, pop_completed
from mmrun.model.block.device import fails
from mmrun.model.block.nfs import send_write
from mmrun.model.block.queue import end_request, free_for_next, queue_write, serve_now, take_request
from mmrun.model.block.request import new_request
from mmrun.model.block.state import DISK_GENERIC, DISK_NFS, DISK_STRIPE, disks, requests
from mmrun.model.core.jit import kernel
from mmrun.model.core.record import NONE
from mmrun.model.core.server import earliest, serve
from mmrun.model.machine.state import links


@kernel
def stripe_unit(m, disk, block):
    """(member disk, block there, pages to the end of the unit) of a stripe's block."""
    d = disks(m)[disk]
    unit, offset = block // d.chunk, block % d.chunk
    return d.members[unit % d.nr_members], unit // d.nr_members * d.chunk + offset, d.chunk - offset


@kernel
def _read(m, disk, now, count, block):
    d = disks(m)[disk]
    if d.kind != DISK_GENERIC:
        return serve_now(m, disk, block, count, False, now)
    d.reads += 1
    d.pages_read += count
    ready = serve(m, earliest(m, d.first_server, d.parallel), now, d.read_ns)
    return serve(m, d.channel, ready, d.read_page_ps * count // 1000)


@kernel
def _write(m, disk, now, count, block):
    d = disks(m)[disk]
    if d.kind != DISK_GENERIC:
        return serve_now(m, disk, block, count, True, now)
    d.writes += 1
    d.pages_written += count
    moved = serve(m, d.channel, now, d.write_page_ps * count // 1000)
    return serve(m, earliest(m, d.first_server, d.parallel), moved, d.write_ns)


@kernel
def _read_over(m, disk, now, count, block):
    """A READ call to a file server: request out, its disk (NONE: its memory), data in."""
    d = disks(m)[disk]
    line = links(m)[d.link]
    d.reads += 1
    d.pages_read += count
    ready = now + line.rtt // 2
    if d.server != NONE:
        ready = _read(m, d.server, ready, count, block)
    return serve(m, line.server_in, ready, line.page_ps * count // 1000) + line.rtt - line.rtt // 2


@kernel
def _serve_pages(m, disk, now, count, block, write):
    """When adjacent pages that somebody waits for are read or written; a stripe's when the last of its members is."""
    done, kind = now, disks(m)[disk].kind
    while count > 0:
        member, place, part = disk, block, count
        if kind == DISK_STRIPE:
            member, place, unit = stripe_unit(m, disk, block)
            part = min(count, unit)
        ended = _write(m, member, now, part, place) if write else _read(m, member, now, part, place)
        done = max(done, ended)
        block, count = block + part, count - part
    return done


@kernel
def read_pages(m, disk, now, count, block):
    """When `count` adjacent pages from `block` on, requested at `now`, have been read."""
    if disks(m)[disk].kind == DISK_NFS:
        return _read_over(m, disk, now, count, block)
    return _serve_pages(m, disk, now, count, block, False)


@kernel
def write_pages(m, disk, now, count, block):
    """When `count` adjacent pages submitted at `now`, which somebody waits for, have been written."""
    return _serve_pages(m, disk, now, count, block, True)


@kernel
def _submit(m, disk, file, first, count, block):
    d = disks(m)[disk]
    while count > 0:
        part = count if d.kind == DISK_GENERIC else min(count, d.max_pages)
        number = new_request(m, disk, file, first, part, block)
        if number == NONE:
            return
        if d.kind == DISK_GENERIC:
            done = _write(m, disk, m.now, part, block)
            requests(m)[number].failed = 1 if fails(m, disk, done) else 0
            take_request(m, disk)
            announce(m, number, done)
        elif d.kind == DISK_NFS:
            send_write(m, disk, number, part)
        else:
            queue_write(m, disk, number)
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
def remote_read(m, link, disk, now, count, block):
    """When `count` pages have come back from a server's disk over a link: request out, disk (NONE: memory), data in."""
    line = links(m)[link]
    asked = now + line.rtt // 2
    read = read_pages(m, disk, asked, count, block) if disk != NONE else asked
    return serve(m, line.server_in, read, line.page_ps * count // 1000) + line.rtt - line.rtt // 2


@kernel
def remote_write(m, link, disk, now, count, block):
    """When the server has acknowledged `count` pages sent over a link and written to its disk."""
    line = links(m)[link]
    sent = serve(m, line.server_out, now, line.page_ps * count // 1000) + line.rtt // 2
    written = write_pages(m, disk, sent, count, block) if disk != NONE else sent
    return written + line.rtt - line.rtt // 2


@kernel
def submit_remote_write(m, link, disk, first, count, block, protocol_ns):
    """Start writing `count` adjacent pages of the swap cache over a link; the protocol takes its time on top."""
    number = new_request(m, NONE, NONE, first, count, block)
    if number != NONE:
        announce(m, number, remote_write(m, link, disk, m.now, count, block) + protocol_ns)


@kernel
def next_finished(m, now):
    """(the request that has come to its end first by `now`, when), or (NONE, now); disks go on with their queues."""
    while True:
        what, at = pop_completed(m, now)
        if what == NONE:
            return NONE, now
        if what < 0:
            free_for_next(m, -1 - what, at)
            continue
        disk = requests(m)[what].disk
        if disk != NONE and disks(m)[disk].kind != DISK_NFS:
            end_request(m, disk, at)
        return what, at


@kernel
def member_at(m, disk, block):
    """The disk that serves a block: the member of a stripe, else the disk itself."""
    return stripe_unit(m, disk, block)[0] if disks(m)[disk].kind == DISK_STRIPE else disk


@kernel
def _no_room(m, disk, purpose, slot):
    d = disks(m)[disk]
    taken = d.nr_allocated + d.nr_plugged
    if slot != NONE and d.batching:
        return taken + 1 >= d.nr_requests and not may_take(m, disk, slot)
    return taken >= d.most_writes[purpose]


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
