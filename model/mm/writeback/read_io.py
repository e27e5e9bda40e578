"""Reads on their way: the pages they bring are in their cache and locked until the data is there."""

from mmrun.model.block.completions import announce
from mmrun.model.block.request import free_request, new_request
from mmrun.model.block.state import requests
from mmrun.model.core.jit import kernel
from mmrun.model.core.record import NONE
from mmrun.model.mm.page.flags import LOCKED, TAIL_PAGE, UNSENT, WORKINGSET
from mmrun.model.mm.page.folio import folio_of, nr_pages
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.swap.state import swapcache
from mmrun.model.mm.task.state import cache
from mmrun.model.mm.writeback.page_wait import unlock_page


@kernel
def await_read(m, pfn):
    """A new page is in its cache; it waits for its read to be sent."""
    frames(m)[pfn].state |= LOCKED | UNSENT


@kernel
def read_sent(m, file, first, end, done):
    """The pages of slots `first` to `end` - 1 of a file (NONE: of swap) that waited for it come at time `done`.

    Answers whether one of them was evicted lately.
    """
    held, f, rows, head, last = swapcache(m) if file == NONE else cache(m), frames(m), requests(m), NONE, NONE
    refaulted = 0
    slot, pages = first, 1
    while slot < end:
        pfn, at, slot = held[slot] - 1, slot, slot + 1
        if pfn < 0:
            continue
        if file != NONE and (f[pfn].order or f[pfn].kind == TAIL_PAGE):
            pfn = folio_of(m, pfn)
            slot = f[pfn].owner + nr_pages(m, pfn)
            if f[pfn].owner < at:  # of a folio that begins before: whoever reads that sends it
                continue
        if not f[pfn].state & UNSENT:
            continue
        pages = slot - at
        f[pfn].state &= ~UNSENT
        refaulted |= f[pfn].state & WORKINGSET
        if last != NONE and rows[last].first + rows[last].count == at:
            rows[last].count += pages
            continue
        number = new_request(m, NONE, file, at, pages, 0)
        if number == NONE:
            return 0
        if head == NONE:
            head = number
        else:
            rows[last].chain = number
        last = number
    if head == NONE:
        return 0
    rows[head].read = 1
    if done > m.now:
        announce(m, head, done)
    else:
        end_read(m, head, m.now)
    return refaulted


@kernel
def end_read(m, number, at):
    """The data of a read request is there."""
    while number != NONE:
        r = requests(m)[number]
        held = swapcache(m) if r.file == NONE else cache(m)
        slot = r.first
        while slot < r.first + r.count:
            unlock_page(m, held[slot] - 1, at)
            slot += nr_pages(m, held[slot] - 1)
        number = free_request(m, number)
