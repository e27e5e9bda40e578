"""Disks and links: fixed service time, `parallel` servers, one shared interface rate.

Little's law holds within a few percent for flash drives under this model (16 in flight / 93.9 us = 170k requests/s).
"""

from model.block.completions import announce
from model.block.request import new_request
from model.block.server import earliest, serve
from model.jit import kernel
from model.layout import NONE


@kernel
def read_pages(m, disk, now, count):
    """When `count` adjacent pages requested at `now` have been read (one request)."""
    d = m.disks[disk]
    d.reads += 1
    ready = serve(m, earliest(m, d.first_server, d.parallel), now, d.read_ns)
    return serve(m, d.channel, ready, d.read_page_ps * count // 1000)


@kernel
def write_pages(m, disk, now, count):
    """When `count` adjacent pages submitted at `now` have been written (one request)."""
    d = m.disks[disk]
    d.writes += 1
    moved = serve(m, d.channel, now, d.write_page_ps * count // 1000)
    return serve(m, earliest(m, d.first_server, d.parallel), moved, d.write_ns)


@kernel
def remote_read(m, link, disk, now, count):
    """When `count` pages have come back from a server's disk over a link: request out, disk (NONE: memory), data in."""
    line = m.links[link]
    asked = now + line.rtt // 2
    read = read_pages(m, disk, asked, count) if disk != NONE else asked
    return serve(m, line.server_in, read, line.page_ps * count // 1000) + line.rtt - line.rtt // 2


@kernel
def remote_write(m, link, disk, now, count):
    """When the server has acknowledged `count` pages sent over a link and written to its disk."""
    line = m.links[link]
    sent = serve(m, line.server_out, now, line.page_ps * count // 1000) + line.rtt // 2
    written = write_pages(m, disk, sent, count) if disk != NONE else sent
    return written + line.rtt - line.rtt // 2


@kernel
def submit_write(m, disk, file, first, count):
    """Start writing `count` adjacent pages from slot `first` on, of a file or (NONE) of the swap cache."""
    number = new_request(m, disk, file, first, count, 0)
    if number != NONE:
        announce(m, number, write_pages(m, disk, m.clock.now, count))


@kernel
def submit_remote_write(m, link, disk, first, count, protocol_ns):
    """Start writing `count` adjacent pages of the swap cache over a link; the protocol takes its time on top."""
    number = new_request(m, disk, NONE, first, count, 0)
    if number != NONE:
        announce(m, number, remote_write(m, link, disk, m.clock.now, count) + protocol_ns)
