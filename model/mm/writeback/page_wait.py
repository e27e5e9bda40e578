"""Waiting for one page: until it has been read (folio_lock), or written (folio_wait_writeback)."""

from mmrun.model.core.accounting import IN_MEMSTALL, JOURNAL, OVER_WRITEBACK, begins, ends
from mmrun.model.core.jit import kernel
from mmrun.model.core.sleep import ALL, FOREVER, io_wait, wake
from mmrun.model.fs.vfs.state import fs_count
from mmrun.model.mm.page.flags import ANON, LOCKED, MOVING, WORKINGSET, WRITEBACK
from mmrun.model.mm.page.state import frames, page_waits
from mmrun.model.mm.task.state import files
from mmrun.model.mm.writeback.plug import unplug
from mmrun.model.mm.writeback.tracepoints import folio_wait_writeback

PAGE_WAIT_TABLE_SIZE = 256  # queues that pages share by their number (folio_wait_table)


@kernel
def wait_on_page_bit(m, pfn, bit):
    """Sleep until the page has lost one or more state bits, and keep reclaim from it meanwhile."""
    frames(m)[pfn].pins += 1
    while frames(m)[pfn].state & bit:
        io_wait(m, page_waits(m)[pfn % PAGE_WAIT_TABLE_SIZE], FOREVER)
    frames(m)[pfn].pins -= 1


@kernel
def wait_on_page_locked(m, pfn, stall):
    """Sleep until the page has been read and is not being moved: a stall of the given kind.

    It is one over memory, too, if the page is being read and was evicted lately.
    """
    what = stall | IN_MEMSTALL if frames(m)[pfn].state & (LOCKED | WORKINGSET) == LOCKED | WORKINGSET else stall
    begins(m, what)
    wait_on_page_bit(m, pfn, LOCKED | MOVING)
    ends(m, what)


@kernel
def wait_on_page_writeback(m, pfn):
    """Sleep until the page's write has ended; nothing may wait in the sleeper's own plug."""
    page = frames(m)[pfn]
    if not page.state & ANON:
        file = files(m)[page.slot]
        folio_wait_writeback(m, file.disk, page.slot, page.owner - file.start)
    unplug(m)
    begins(m, OVER_WRITEBACK)
    wait_on_page_bit(m, pfn, WRITEBACK)
    ends(m, OVER_WRITEBACK)


@kernel
def wait_for_stable_page(m, pfn):
    """Who is about to write to a page sleeps while that must hold still, as it is being written (3.0)."""
    if frames(m)[pfn].state & WRITEBACK:
        fs_count(m).stable_page_waits += 1
        begins(m, JOURNAL)
        wait_on_page_bit(m, pfn, WRITEBACK)
        ends(m, JOURNAL)


@kernel
def wake_page(m, pfn, at):
    """The page has lost a bit at time `at`: who waits in its queue looks again."""
    wake(m, page_waits(m)[pfn % PAGE_WAIT_TABLE_SIZE], ALL, at)


@kernel
def unlock_page(m, pfn, at):
    """The page has been read at time `at`."""
    frames(m)[pfn].state &= ~LOCKED
    wake_page(m, pfn, at)
