"""Sleeping until writes end: the next one, or a page's own (folio_wait_writeback)."""

from model.block.completions import next_completion
from model.jit import caller, frames, kernel
from model.mm.pageout import unplug_all
from model.mm.state import WRITEBACK

finish_writes = caller("finish_writes")


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
