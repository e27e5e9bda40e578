"""Writes in flight come to an end (end_page_writeback)."""

from model.block.disk import next_finished
from model.block.request import free_request
from model.block.wait import wake_for_file
from model.core.record import NONE
from model.jit import hook, kernel
from model.mm.dirty import count_writeback, end_write
from model.mm.lru import rotate_reclaimable
from model.mm.nfs import answered
from model.mm.page_wait import wake_page
from model.mm.read_io import end_read
from model.mm.state import DIRTY, DISK_NFS, RECLAIM, WRITEBACK
from model.mm.wait_queue import count_written
from model.state.block import disks, requests
from model.state.fault import cache
from model.state.page import frames
from model.state.swap import swapcache


@kernel
def end_run(m, number, failed, at):
    """The pages of one row of a request are written; those that reclaim wants go to the tail of their list."""
    r, f = requests(m)[number], frames(m)
    held = swapcache(m) if r.file == NONE else cache(m)
    for slot in range(r.first, r.first + r.count):
        pfn = held[slot] - 1
        if r.file == NONE:
            count_writeback(m, pfn, -1)
            f[pfn].state = (f[pfn].state & ~WRITEBACK) | (DIRTY if failed else 0)
        else:
            end_write(m, pfn, failed)
        wake_page(m, pfn, at)
        count_written(m, pfn, at)
        if f[pfn].state & RECLAIM:
            rotate_reclaimable(m, pfn)
    if r.file != NONE:
        wake_for_file(m, r.file, at)


@hook
def finish_writes(m):
    """Apply every write that has ended by now; pages written."""
    written = 0
    while True:
        number, at = next_finished(m, m.now)
        if number == NONE:
            return written
        if requests(m)[number].read:
            end_read(m, number, at)
            continue
        disk = requests(m)[number].disk
        file = requests(m)[number].file
        if disk != NONE and disks(m)[disk].kind == DISK_NFS and not answered(m, number, at):
            wake_for_file(m, file, at)
            continue
        written += requests(m)[number].pages
        failed = requests(m)[number].failed
        if failed:
            disks(m)[disk].write_errors += 1
        while number != NONE:
            end_run(m, number, failed, at)
            number = free_request(m, number)
