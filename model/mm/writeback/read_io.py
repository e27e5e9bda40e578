"""Reads on their way: the pages they bring are in their cache and locked until the data is there."""

from mmrun.model.block.completions import announce
from mmrun.model.block.queue import queue_read
from mmrun.model.block.remote import get_read, put_read, queue_remote_read
from mmrun.model.block.request import free_request, new_request
from mmrun.model.block.start import start_read
from mmrun.model.block.state import disks, requests
from mmrun.model.core.accounting import SWAP
from mmrun.model.core.jit import kernel
from mmrun.model.core.record import NONE
from mmrun.model.mm.page.flags import FAILED, LOCKED, TAIL_PAGE, UNSENT, WORKINGSET
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
def _new_read(m, file, first, end):
    """A read request for the pages of slots `first` to `end` - 1 of a file (NONE: of swap) that waited for it.

    (its first row, NONE without such a page; whether one of them was evicted lately)
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
            return NONE, 0
        if head == NONE:
            head = number
        else:
            rows[last].chain = number
        last = number
    if head != NONE:
        rows[head].read = 1
    return head, refaulted


@kernel
def read_sent(m, disk, file, first, end, done):
    """The pages of slots `first` to `end` - 1 of a file (NONE: of swap) that waited for it come at time `done`.

    `disk`: from there, NONE: from nowhere. Answers whether one of them was evicted lately.
    """
    head, refaulted = _new_read(m, file, first, end)
    if head == NONE:
        return 0
    if disk != NONE and disks(m)[disk].dma:
        start_read(m, disk, head, done)
    elif done > m.now:
        announce(m, head, done)
    else:
        end_read(m, head, m.now)
    return refaulted


@kernel
def queue_file_read(m, disk, file, first, end, count, block):
    """Queue the read of `count` pages that waited for it at a disk with an elevator. See `read_sent`."""
    head, refaulted = _new_read(m, file, first, end)
    if head != NONE:
        r = requests(m)[head]
        r.disk, r.block, r.pages, r.sync = disk, block, count, 1
        queue_read(m, disk, head)
    return refaulted


@kernel
def send_read(m, disk, first, end, block):
    """Ask a server for swap slots `first` to `end` - 1: their pages are unlocked when it has answered."""
    get_read(m, disk, SWAP)
    head = _new_read(m, NONE, first, end)[0]
    if head == NONE:  # somebody who had one before has sent for them
        put_read(m, disk, m.now)
        return
    r = requests(m)[head]
    r.disk, r.block, r.pages = disk, block, end - first
    queue_remote_read(m, disk, head)


@kernel
def end_read(m, number, at):
    """The data of a read request is there, or will not come: whoever needs a page without it gets SIGBUS."""
    failed = requests(m)[number].failed
    while number != NONE:
        r = requests(m)[number]
        held = swapcache(m) if r.file == NONE else cache(m)
        slot = r.first
        while slot < r.first + r.count:
            if failed:
                frames(m)[held[slot] - 1].state |= FAILED
            unlock_page(m, held[slot] - 1, at)
            slot += nr_pages(m, held[slot] - 1)
        number = free_request(m, number)
