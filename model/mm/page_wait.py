"""Waiting for one page: until it has been read (folio_lock), or written (folio_wait_writeback)."""

from model.block.wait import wait_for_file
from model.core.sleep import ALL, FOREVER, wait, wake
from model.jit import frames, kernel, page_waits
from model.mm.pageout import unplug
from model.mm.state import LOCKED, WRITEBACK

PAGE_WAIT_TABLE_SIZE = 256  # queues that pages share by their number


@kernel
def wait_on_page_locked(m, pfn):
    """Sleep until the page has been read, and keep reclaim from it meanwhile; how long (ns)."""
    began = m.clock.now
    frames(m)[pfn].pins += 1
    while frames(m)[pfn].state & LOCKED:
        wait(m, page_waits(m)[pfn % PAGE_WAIT_TABLE_SIZE], FOREVER)
    frames(m)[pfn].pins -= 1
    return m.clock.now - began


@kernel
def unlock_page(m, pfn, at):
    """The page has been read at time `at`: who waits for one of its queue looks again."""
    frames(m)[pfn].state &= ~LOCKED
    wake(m, page_waits(m)[pfn % PAGE_WAIT_TABLE_SIZE], ALL, at)


@kernel
def wait_on_writeback(m, pfn):
    """Sleep until this file page's write has ended; nothing may wait in the sleeper's own plug."""
    unplug(m)
    while frames(m)[pfn].state & WRITEBACK:
        wait_for_file(m, frames(m)[pfn].slot)
