"""Writes in flight come to an end: completion, waiting for it (end_page_writeback, folio_wait_writeback)."""

from model.block.completions import next_completion
from model.block.disk import next_finished
from model.block.request import free_request
from model.jit import cache, files, frames, kernel, requests, swapcache
from model.layout import NONE
from model.mm.lru import rotate_reclaimable
from model.mm.pageout import unplug_all
from model.mm.state import RECLAIM, WRITEBACK


@kernel
def end_run(m, number):
    """The pages of one row of a request are written; those that reclaim wants go to the tail of their list."""
    r, f = requests(m)[number], frames(m)
    held = swapcache(m) if r.file == NONE else cache(m)
    for slot in range(r.first, r.first + r.count):
        pfn = held[slot] - 1
        f[pfn].state &= ~WRITEBACK
        if f[pfn].state & RECLAIM:
            rotate_reclaimable(m, pfn)
    if r.file != NONE:
        m.vm.nr_written += r.count
        files(m)[r.file].nr_writeback -= r.count


@kernel
def finish_writes(m):
    """Apply every write that has ended by now; pages written."""
    written = 0
    while True:
        number = next_finished(m, m.clock.now)[0]
        if number == NONE:
            return written
        written += requests(m)[number].pages
        while number != NONE:
            end_run(m, number)
            number = free_request(m, number)


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
