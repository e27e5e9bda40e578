"""When a disk, whatever its kind, has served what somebody waits for: its servers, its members, a server over a link.

The generic kind has `parallel` servers of fixed service time and one shared interface rate, so the end of a request is
known when it is made. Little's law holds within a few percent for flash drives under this model (16 in flight / 93.9 us
= 170k requests/s). Others serve one request after the other (`mmrun.model.block.queue`).
"""

from mmrun.model.block.queue import serve_now
from mmrun.model.block.state import DISK_GENERIC, DISK_NFS, DISK_STRIPE, disks
from mmrun.model.block.wbt import note_end
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
def _serve_pages(m, disk, now, count, block, write):
    """When adjacent pages that somebody waits for are read or written; a stripe's when the last of its members is."""
    done, kind = now, disks(m)[disk].kind
    while count > 0:
        member, place, part = disk, block, count
        if kind == DISK_STRIPE:
            member, place, unit = stripe_unit(m, disk, block)
            part = min(count, unit)
        ended = _write(m, member, now, part, place) if write else _read(m, member, now, part, place)
        if disks(m)[member].wbt and not write:
            note_end(m, member, 1, ended - now, now)
        done = max(done, ended)
        block, count = block + part, count - part
    return done


@kernel
def _read_over(m, disk, now, count, block):
    """A read from a mount: out over the link, its disk (NONE: its memory), data in."""
    d = disks(m)[disk]
    line = links(m)[d.link]
    d.reads += 1
    d.pages_read += count
    ready = now + d.read_ns + line.rtt // 2
    if d.server != NONE:
        ready = _serve_pages(m, d.server, ready, count, block, False)
    return serve(m, line.server_in, ready, line.page_ps * count // 1000) + line.rtt - line.rtt // 2


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
