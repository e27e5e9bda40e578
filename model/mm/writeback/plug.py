"""Writes that reclaim starts: they wait in its plug, where adjacent pages become one request (blk_start_plug, 3.1).

The plug is emptied when its reclaimer is done with a lruvec or sleeps, when 32 requests (16 to 5.15) wait in it, or
when the next request follows one of 128 KiB. Until then the disk has not even seen the pages, so they are back on their
list before their writes end. Room in the disk's queue is asked for when a request is begun: where there is none, the
reclaimer sleeps, its plug emptied.
"""

from mmrun.model.block.disk import full_queue, member_at, submit_write
from mmrun.model.block.get_request import get_request
from mmrun.model.block.state import IO_NORMAL, IO_URGENT, disks
from mmrun.model.core.accounting import REQUEST
from mmrun.model.core.jit import kernel
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import current
from mmrun.model.core.state import turn
from mmrun.model.mm.page.flags import ANON
from mmrun.model.mm.page.folio import folio_of
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.reclaim.state import PLUG_PAGES, plugs, reclaim_settings
from mmrun.model.mm.swap.state import swaps
from mmrun.model.mm.swap.swap import area_of
from mmrun.model.mm.task.state import files
from mmrun.model.mm.writeback.allocation import allocate
from mmrun.model.mm.writeback.extents import block_of, pages_in_place

FULL_PAGES = 32  # BLK_PLUG_FLUSH_SIZE
REQUEST_PAGES = 128  # BLK_MAX_SEGMENTS: every page is a segment


@kernel
def slot_of(m, pfn):
    """The swap slot of a page in the swap cache, which may be one of a large folio."""
    first = folio_of(m, pfn)
    return frames(m)[first].slot - 1 + pfn - first


@kernel
def index_of(m, pfn):
    """The page-cache slot of a page of a file."""
    first = folio_of(m, pfn)
    return frames(m)[first].owner + pfn - first


@kernel
def adjacent(m, before, pfn):
    """Whether the page's place on its disk follows that of the page before."""
    a, b = frames(m)[folio_of(m, before)], frames(m)[folio_of(m, pfn)]
    if (a.state ^ b.state) & ANON:
        return False
    if b.state & ANON:
        first, second = slot_of(m, before), slot_of(m, pfn)
        return second == first + 1 and area_of(m, first) == area_of(m, second)
    first = index_of(m, before)
    return b.slot == a.slot and index_of(m, pfn) == first + 1 and pages_in_place(m, a.slot, first) > 1


@kernel
def _place_of(m, pfn):
    """(disk whose queue takes the page, block there); of a swap area on a server the client's end."""
    page = frames(m)[folio_of(m, pfn)]
    if not page.state & ANON:
        index = index_of(m, pfn)
        allocate(m, page.slot, index)
        disk, block = files(m)[page.slot].disk, block_of(m, page.slot, index)
        return member_at(m, disk, block), block
    slot = slot_of(m, pfn)
    a = swaps(m)[area_of(m, slot)]
    block = a.first_block + slot - a.first
    return member_at(m, a.disk, block), block


@kernel
def _most_pages(m, pfn):
    """How many pages a request that begins with this one may have, for which its disk's queue was asked once."""
    most = disks(m)[_place_of(m, pfn)[0]].max_pages
    return min(REQUEST_PAGES, most) if most else REQUEST_PAGES


@kernel
def send(m, pfn, count):
    """Submit one request for `count` pages from the frame's place on; room for it was asked for."""
    page = frames(m)[folio_of(m, pfn)]
    disks(m)[_place_of(m, pfn)[0]].nr_plugged -= 1
    if not page.state & ANON:
        index = index_of(m, pfn)
        submit_write(m, files(m)[page.slot].disk, page.slot, index, count, block_of(m, page.slot, index))
        return
    slot = slot_of(m, pfn)
    a = swaps(m)[area_of(m, slot)]
    submit_write(m, a.disk, NONE, slot, count, a.first_block + slot - a.first)


@kernel
def _get_request(m, disk):
    """Sleep until the disk's queue has room for one more request of the running reclaimer."""
    purpose = IO_URGENT if current(m).task == NONE else IO_NORMAL
    if full_queue(m, disk, purpose, NONE) != NONE:
        unplug(m)
        get_request(m, disk, purpose, NONE, REQUEST)
    disks(m)[disk].nr_plugged += 1


@kernel
def unplug(m):
    """Send what waits in the running actor's plug to the disks (blk_finish_plug)."""
    p, first = plugs(m)[turn(m).actor], 0
    while first < p.n:
        count, most = 1, _most_pages(m, p.pages[first])
        while count < most and first + count < p.n and adjacent(m, p.pages[first + count - 1], p.pages[first + count]):
            count += 1
        send(m, p.pages[first], count)
        first += count
    p.n = p.requests = p.run = 0


@kernel
def plug(m, pfn):
    """Put a page under writeback into the running actor's plug; it may sleep until there is room for its request."""
    p = plugs(m)[turn(m).actor]
    if not (p.n and adjacent(m, p.pages[p.n - 1], pfn) and p.run < _most_pages(m, p.pages[p.n - 1])):
        if p.requests >= reclaim_settings(m).plug_requests or p.run >= FULL_PAGES or p.n > PLUG_PAGES - REQUEST_PAGES:
            unplug(m)
        p.waits = pfn + 1
        _get_request(m, _place_of(m, pfn)[0])
        p.waits = 0
        p.requests, p.run = p.requests + 1, 0
    p.pages[p.n] = pfn
    p.n += 1
    p.run += 1
