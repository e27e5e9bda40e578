"""Readahead in folios of more than one page (page_cache_ra_order, ra_alloc_folio of mm/readahead.c, 5.18).

Where a file system has large folios, a window is filled with folios of the order that its reader has reached: two more
than that of the folio whose mark was met, to 6.16; since 6.17 two more than the last window's. A folio lies at a
multiple of its size and within the window and the file, or smaller ones are taken.
"""

from mmrun.model.core.integers import ilog2
from mmrun.model.core.jit import kernel, rare
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import current
from mmrun.model.mm.fault.page_cache import EXISTS, add_folio_to_cache, add_to_cache, in_hole
from mmrun.model.mm.page.flags import READAHEAD
from mmrun.model.mm.page.gfp import GFP_HIGHUSER_MOVABLE
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.task.state import fault_settings, files, regions
from mmrun.model.mm.writeback.read_io import await_read

SINGLE_PAGES = -1  # in place of an order
LEAST_WINDOW = 4  # pages, to 6.16


@kernel
def place_of_mark(m, file, index, order):
    """Slot of the folio of 2^order pages that has the readahead mark, if that is due at slot `index`.

    It is the one that covers the slot (6.8), before that the first one that does not begin below it.
    """
    begin, size = files(m)[file].start, 1 << order
    over = index - begin & size - 1
    if over == 0:
        return index
    return index - over if fault_settings(m).mark_rounds_down else index - over + size


@kernel
def folio_order(m, region, file, marked):
    """Order of the folios of the region's next window, or SINGLE_PAGES. `marked`: of the folio whose mark was met."""
    r, most = regions(m)[region], files(m)[file].max_order
    if fault_settings(m).readahead_by_order:
        r.ra_order = min(r.ra_order, most, ilog2(r.ra_count))
        return r.ra_order
    if r.ra_count < LEAST_WINDOW:
        return SINGLE_PAGES
    return min(marked + 2, most, ilog2(r.ra_count))


@kernel
def fitting(m, file, index, last, order):
    """The largest order up to `order` of a folio at slot `index` that is aligned in the file and ends by `last`."""
    at = index - files(m)[file].start
    while order and (at & (1 << order) - 1 or index + (1 << order) > last):
        order -= 1
    return 0 if order == 1 and not fault_settings(m).order_1_folios else order


@kernel
def _reads(m, file, index, order):
    """Pages that a new folio needs read: all of them, unless it lies in a hole as a whole."""
    for slot in range(index, index + (1 << order)):
        if not in_hole(m, file, slot):
            return 1 << order
    return 0


@kernel
def _add_folios(m, t, file, first, last, mark, order):
    index, fresh = first, 0
    while index < last:
        size = fitting(m, file, index, last, order)
        if size:
            pfn = add_folio_to_cache(m, t, file, index, size, GFP_HIGHUSER_MOVABLE)
        else:
            pfn = add_to_cache(m, t, file, index, GFP_HIGHUSER_MOVABLE)
        if pfn >= EXISTS:
            break
        if mark != NONE and index == place_of_mark(m, file, mark, size):
            frames(m)[pfn].state |= READAHEAD
        read = _reads(m, file, index, size)
        if read:
            await_read(m, pfn)
        fresh += read
        index += 1 << size
    return fresh, index


@rare
@kernel
def read_folios(m, t, region, file, marked):
    """Fill the region's window with folios: (pages to read, slot it stopped at).

    It stops at a page that is cached already, and where there is no memory for a folio. Since 6.17 a window
    that reaches the end of the file has no mark. `marked`: order of the folio whose mark was met, or 0.
    """
    r = regions(m)[region]
    end, eof = r.ra_start + r.ra_count, files(m)[file].start + files(m)[file].npages
    order = folio_order(m, region, file, marked)
    if order == SINGLE_PAGES:
        return 0, r.ra_start
    mark = NONE if eof <= end and fault_settings(m).readahead_by_order else end - r.ra_async
    me = current(m)
    had = me.nofs
    me.nofs = had | fault_settings(m).readahead_nofs
    fresh, index = _add_folios(m, t, file, r.ra_start, min(end, eof), mark, order)
    me.nofs = had
    return fresh, index
