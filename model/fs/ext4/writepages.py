"""Pages on their way to the disk: delayed blocks are allocated, an extent a handle (ext4_writepages)."""

from mmrun.model.core.actor import actor
from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import ALL, FOREVER, wait, wake
from mmrun.model.fs.ext4.inode import (
    DIRTY_INODE,
    allocate_extent,
    extent_credits,
    journal_of,
    mark_inode_dirty,
)
from mmrun.model.fs.ext4.state import ext4_settings
from mmrun.model.fs.jbd2.log import handle_of
from mmrun.model.fs.jbd2.state import journals, transactions
from mmrun.model.fs.jbd2.transaction import journal_start, journal_stop
from mmrun.model.fs.vfs.state import UNWRITTEN, block_tids, fs_count, inodes, versions
from mmrun.model.mm.page.folio import nr_pages
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.task.state import files
from mmrun.model.mm.writeback.dirty import dirty_run

MAX_EXTENT = 2048  # pages that are allocated in one handle (MAX_WRITEPAGES_EXTENT_LEN)


@kernel
def has_block(m, slot):
    """Whether the page at `slot` lies anywhere on the disk."""
    return block_tids(m)[slot] >= 0 or block_tids(m)[slot] == UNWRITTEN


@kernel
def _with_blocks(m, slot, most):
    count = 0
    while count < most and has_block(m, slot + count):
        count += 1
    return count


@kernel
def _without_blocks(m, slot, most):
    count = 0
    while count < most and not has_block(m, slot + count):
        count += 1
    return count


@kernel
def _close(m):
    """End the handle that was held while an extent was sent."""
    if handle_of(m).until:
        handle_of(m).until = 0
        journal_stop(m)


@hook
def map_blocks(m, file, slot, most):
    h, f = handle_of(m), files(m)[file]
    if h.until and not (h.file == file and slot < h.until):
        _close(m)
    if not has_block(m, slot):
        j = journal_of(m, file)
        journal_start(m, j, extent_credits(m, j))
        count = _without_blocks(m, slot, dirty_run(m, slot, min(MAX_EXTENT, f.start + f.npages - slot)))
        if count:
            allocate_extent(m, j, file, slot, count)
        if ext4_settings(m).handle_over_submission and count and h.depth == 1:
            h.until, h.file = slot + count, file
        else:
            journal_stop(m)
    return max(1, _with_blocks(m, slot, most))


@hook
def end_of_pages(m, file):
    _close(m)
    return 0


@hook
def fs_writepage(m, pfn, kswapd):
    first = frames(m)[pfn].owner
    if _with_blocks(m, first, nr_pages(m, pfn)) == nr_pages(m, pfn):
        fs_count(m).writepage_mapped += 1
        return 1
    fs_count(m).writepage_refused_delalloc += 1
    return 0


@kernel
def _convert(m, j, file):
    """Pages of the file that have been written are told of: the extents that hold them are no longer unwritten."""
    own = inodes(m)[file]
    journal_start(m, j, DIRTY_INODE, True)
    mark_inode_dirty(m, file, 1)
    tid = transactions(m)[handle_of(m).transaction].tid
    for slot in range(own.written_from, own.written_to):
        if block_tids(m)[slot] == UNWRITTEN and versions(m)[slot].cached:
            block_tids(m)[slot] = tid
    own.written_from, own.written_to = 0, 0
    journal_stop(m)
    wake(m, journals(m)[j].converted, ALL, m.now)


@kernel
def _written_file(m, disk):
    """A file of the disk with pages to convert, or NONE."""
    for file in range(len(inodes(m))):
        if files(m)[file].disk == disk and inodes(m)[file].written_to:
            return file
    return NONE


@actor(per="conversion", at_boot=True)
def ext4_end_io(m, j):
    """The worker that tells of written extents (ext4_end_io_rsv_work)."""
    journal = journals(m)[j]
    while True:
        file = _written_file(m, journal.disk)
        if file == NONE:
            wait(m, journal.conversion, FOREVER)
        else:
            _convert(m, j, file)
