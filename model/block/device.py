"""Devices that serve one request after the other: service time by kind, and what may go wrong."""

from mmrun.model.block.elevator import PASSED_OVER
from mmrun.model.block.hdd import positioning_ns, serve_hdd
from mmrun.model.block.state import DISK_HDD, disks, requests, write_caches
from mmrun.model.block.usb import serve_usb
from mmrun.model.core.jit import kernel
from mmrun.model.core.record import NONE

READS_FIRST = 1 << 50  # beyond every wait (ns)


@kernel
def serve_next(m, disk, block, count, write, now):
    """The device serves a request made at `now` after all it was given before; when it is done."""
    d = disks(m)[disk]
    begin = max(now, d.busy_until)
    if d.stall_from <= begin < d.stall_until:
        begin = d.stall_until
    if begin > d.busy_until:
        begin += d.command
    if write:
        d.writes += 1
        d.pages_written += count
    else:
        d.reads += 1
        d.pages_read += count
    if d.kind == DISK_HDD:
        done = serve_hdd(m, disk, block, count, begin)
    else:
        done = serve_usb(m, disk, block, count, write, begin)
    d.busy_ns += done - max(now, d.busy_until)
    d.busy_until = done
    return done


@kernel
def fails(m, disk, at):
    """Whether a write that ends at time `at` is lost."""
    d = disks(m)[disk]
    return d.fail_from <= at < d.fail_until


@kernel
def pick(m, disk, at):
    """Take from the drive's list the request it serves next at time `at`: the one whose sector comes first (NCQ).

    A drive with a write cache serves reads first: the writes it has wait in its cache (estimate).
    """
    d, rows, cached = disks(m)[disk], requests(m), write_caches(m)[disk].pages > 0
    best, before_best, least = d.drive_head, NONE, 1 << 62
    before, number = NONE, d.drive_head
    while number != NONE:
        r = rows[number]
        wait = positioning_ns(m, disk, r.block, at) if d.kind == DISK_HDD else 0
        if r.read and cached:
            wait -= READS_FIRST
        if r.passed >= PASSED_OVER * d.depth:
            wait = -2 * READS_FIRST - r.passed
        r.passed += 1
        if wait <= least:
            best, before_best, least = number, before, wait
        before, number = number, r.next
    if before_best == NONE:
        d.drive_head = rows[best].next
    else:
        rows[before_best].next = rows[best].next
    d.nr_drive -= 1
    return best
