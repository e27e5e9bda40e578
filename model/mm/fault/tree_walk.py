"""Looking for the next slot without a page in the tree that holds a file's pages (page_cache_next_miss, mm/filemap.c).

A folio of 2 to 32 pages is one entry and its siblings, and so is the shadow that it leaves. A walk that begins in a
sibling goes on beside the entry itself (xas_descend), so that its place and its index are no longer the same; and a
sibling counts as a page, whatever its entry is (xas_next, xas_prev). So runs of pages are taken for shorter than they
are where a large folio ends them, and for longer beside one that was evicted.
"""

from mmrun.model.core.jit import kernel, rare
from mmrun.model.mm.fault.page_cache import XARRAY_NODE_SHIFT, XARRAY_NODE_SLOTS
from mmrun.model.mm.lru.shadow import order_of
from mmrun.model.mm.page.folio import folio_of
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.task.state import cache, files

LAST = XARRAY_NODE_SLOTS - 1  # XA_CHUNK_MASK


@kernel
def _entry_order(m, slot):
    """Order of the folio that the slot's page is of, or of the one whose shadow it has."""
    held = cache(m)[slot]
    if held == 0:
        return 0
    return int(frames(m)[folio_of(m, held - 1)].order) if held > 0 else order_of(held)


@kernel
def _entry_at(m, begin, at):
    """Where the entry begins that covers page `at` of the file; larger ones than a node stand in the node above."""
    order = _entry_order(m, begin + at)
    return at >> order << order if order < XARRAY_NODE_SHIFT else at


@kernel
def _misses(m, file, at):
    """Whether page `at` of the file is seen as absent: its place is empty, or the first of a shadow."""
    f = files(m)[file]
    if not 0 <= at < f.npages:
        return True
    held = cache(m)[f.start + at]
    return held == 0 or (held < 0 and _entry_at(m, f.start, at) == at)


@rare
@kernel
def prev_miss(m, file, index, most):
    """Slot of the first absent page from `index` backwards, of at most `most`; the one before the file, if none is.

    In the kernel: page_cache_prev_miss.
    """
    begin = files(m)[file].start
    at, place = index - begin, index - begin
    if place >= 0 and cache(m)[index] > 0:
        place = _entry_at(m, begin, at)
    elif place >= 0:
        return index
    for _ in range(most - 1):
        at -= 1
        if place & LAST:
            place -= 1
        elif at & LAST:  # to the node before
            place = (place >> XARRAY_NODE_SHIFT) - 1 << XARRAY_NODE_SHIFT | at & LAST
        if _misses(m, file, place):
            break
    return begin + at


@rare
@kernel
def next_miss(m, file, index, most):
    """Slot of the first absent page from `index` on, or the one behind the `most` that are looked at.

    In the kernel: page_cache_next_miss.
    """
    f = files(m)[file]
    at = index - f.start
    if at >= f.npages or cache(m)[index] <= 0:
        return index
    place = _entry_at(m, f.start, at)
    for _ in range(most - 1):
        at += 1
        if place & LAST != LAST:
            place += 1
        elif at & LAST != LAST:  # to the next node
            place = (place >> XARRAY_NODE_SHIFT) + 1 << XARRAY_NODE_SHIFT | at & LAST
        if _misses(m, file, place):
            return f.start + at
    return index + most
