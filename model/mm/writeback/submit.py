"""Requests of dirty pages to a file's disk: pages that lie side by side, where its file system has blocks for them."""

from mmrun.model.block.disk import submit_write
from mmrun.model.block.state import disks
from mmrun.model.core.jit import caller, kernel, rare
from mmrun.model.core.record import NONE
from mmrun.model.machine.state import costs
from mmrun.model.mm.page.folio import folio_of, nr_pages
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.task.state import cache, files
from mmrun.model.mm.writeback.allocation import allocate
from mmrun.model.mm.writeback.dirty import dirty_run, start_write
from mmrun.model.mm.writeback.extents import block_of, pages_in_place

map_blocks = caller("map_blocks")
end_of_pages = caller("end_of_pages")

RUN_PAGES = 256  # largest request to a disk that has no queue


@kernel
def _most_at_once(m, file, index):
    """Pages from slot `index` on that one request can have; the first has a block then."""
    allocate(m, file, index)
    most = disks(m)[files(m)[file].disk].max_pages
    return min(most if most else RUN_PAGES, pages_in_place(m, file, index))


@kernel
def _submit(m, file, index, count):
    m.now += costs(m).io_path
    submit_write(m, files(m)[file].disk, file, index, count, block_of(m, file, index))


@rare
@kernel
def _submit_rest(m, file, head, index):
    """Send what lies from slot `index` on of a folio whose pages before it were sent: how many pages."""
    first, end = index, frames(m)[head].owner + nr_pages(m, head)
    while index < end:
        count = min(end - index, _most_at_once(m, file, index))
        _submit(m, file, index, count)
        index += count
    return index - first


@kernel
def _first_of(m, index):
    """Where the folio begins that the page at slot `index` is part of, if there is one."""
    pfn = cache(m)[index] - 1
    return index if pfn < 0 else frames(m)[folio_of(m, pfn)].owner


@kernel
def submit_run(m, file, index, most):
    """Send one request for the dirty pages from slot `index` on, at most `most` of them: how many.

    A large folio is sent whole, in further requests if need be. While the caller slept for room in the queue somebody
    else may have written them, or a folio that begins before may have come.
    """
    index = _first_of(m, index)
    count = dirty_run(m, index, min(most, _most_at_once(m, file, index)))
    for i in range(index, index + count):
        pfn = folio_of(m, cache(m)[i] - 1)
        if frames(m)[pfn].owner == i:
            start_write(m, pfn)
    last = folio_of(m, cache(m)[index + count - 1] - 1) if count else NONE
    large = count and frames(m)[last].order  # a page may be written and gone when its request is made
    _submit(m, file, index, count)
    if large:
        count += _submit_rest(m, file, last, index + count)
    return count


@kernel
def ready(m, file, index, most):
    """Pages from slot `index` on, at most `most`, that can be sent: a file system may have to allocate their blocks."""
    return map_blocks(m, file, index, most) if disks(m)[files(m)[file].disk].journal else most


@kernel
def done_with(m, file):
    """Whoever wrote pages of the file has no more to send for now."""
    if files(m)[file].disk != NONE and disks(m)[files(m)[file].disk].journal:
        end_of_pages(m, file)
