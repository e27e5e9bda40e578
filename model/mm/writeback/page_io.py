"""Writes in flight come to an end (end_page_writeback)."""

from mmrun.model.block.disk import next_finished
from mmrun.model.block.request import free_request
from mmrun.model.block.state import DISK_NFS, disks, requests
from mmrun.model.block.wait import wake_for_file
from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.record import NONE
from mmrun.model.mm.lru.lru import rotate_reclaimable
from mmrun.model.mm.page.flags import DIRTY, RECLAIM, WRITEBACK
from mmrun.model.mm.page.folio import folio_of, nr_pages
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.swap.state import swapcache
from mmrun.model.mm.task.state import cache
from mmrun.model.mm.writeback.dirty import count_writeback, end_write
from mmrun.model.mm.writeback.nfs import answered
from mmrun.model.mm.writeback.page_wait import wake_page
from mmrun.model.mm.writeback.read_io import end_read
from mmrun.model.mm.writeback.wait_queue import count_written


@kernel
def _all_written(m, pfn):
    """One page more of a folio is written; whether it was the last. A large one counts in a tail."""
    if frames(m)[pfn].order == 0:
        return True
    frames(m)[pfn + 1].slot -= 1
    return frames(m)[pfn + 1].slot == 0


@kernel
def end_run(m, number, failed, at):
    """The pages of one row of a request are written; those that reclaim wants go to the tail of their list."""
    r, f = requests(m)[number], frames(m)
    held = swapcache(m) if r.file == NONE else cache(m)
    for slot in range(r.first, r.first + r.count):
        pfn = folio_of(m, held[slot] - 1)
        if r.file == NONE:  # noqa: SIM102
            if failed:  # it goes back to its list's head, not to its tail (end_swap_bio_write)
                f[pfn].state = (f[pfn].state | DIRTY) & ~RECLAIM
        if not _all_written(m, pfn):
            continue
        if r.file == NONE:
            count_writeback(m, pfn, -nr_pages(m, pfn))
            f[pfn].state &= ~WRITEBACK
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
