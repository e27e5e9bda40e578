"""Writes in flight come to an end: completion, waiting for it (end_page_writeback, folio_wait_writeback)."""

from model.block.completions import next_completion, pop_completed
from model.jit import files, frames, kernel
from model.layout import NONE
from model.mm.lru import rotate_reclaimable
from model.mm.pageout import unplug_all
from model.mm.state import ANON, WRITEBACK


@kernel
def finish_writes(m):
    """Apply every write that has ended by now; pages that reclaim wants go to the tail of their list. Pages written."""
    written = 0
    while True:
        pfn = pop_completed(m, m.clock.now)
        if pfn == NONE:
            return written
        written += 1
        page = frames(m)[pfn]
        page.state &= ~WRITEBACK
        if not page.state & ANON:
            m.vm.nr_written += 1
            files(m)[page.slot].nr_writeback -= 1
        rotate_reclaimable(m, pfn)


@kernel
def wait_for_next(m):
    """Sleep until the next write ends."""
    unplug_all(m)
    m.clock.now = max(m.clock.now, next_completion(m)) if m.clock.nr_io else m.clock.now
    finish_writes(m)


@kernel
def wait_on_writeback(m, pfn):
    """Sleep until this page's write has ended."""
    unplug_all(m)
    while frames(m)[pfn].state & WRITEBACK and m.clock.nr_io:
        wait_for_next(m)
