"""Blocks that are allocated when pages are written to the disk (delayed allocation): how many at a time.

XFS takes the whole delayed extent of the page, with what was reserved beyond the end of the file
(xfs_iomap_write_allocate). ext4 takes 2, 4 or 8 MiB by the size of the file (ext4_mb_normalize_request), 8 MiB being
the most one request of mballoc can be. btrfs takes what is dirty in one piece, at most 128 MiB (find_delalloc_range).
"""

from mmrun.model.block.state import disks
from mmrun.model.core.integers import ilog2
from mmrun.model.core.jit import kernel
from mmrun.model.mm.task.state import files
from mmrun.model.mm.writeback.dirty import dirty_run
from mmrun.model.mm.writeback.extents import BTRFS, EXT4, EXTENT_SHIFT, XFS, take_blocks
from mmrun.model.mm.writeback.state import extents, writeback_settings
from mmrun.model.units import PAGE

MIB = 256  # pages
SMALLEST = 4  # pages
MAX_DELALLOC = 128 * MIB
BUMP = 128 * MIB  # s_max_writeback_mb_bump
UNLIMITED = 1 << 62


@kernel
def normalized(nbytes, pages, page):
    """(first page, pages) of what ext4 allocates for `pages` from `page` on of a file that ends, then, at `nbytes`."""
    size = (nbytes + PAGE - 1) // PAGE
    if size <= MIB:
        return 0, max(SMALLEST, 1 << ilog2(2 * size - 1))
    if size > 8 * MIB and pages > 8 * MIB:
        return page, pages
    piece = 2 * MIB if size <= 4 * MIB else 4 * MIB if size <= 8 * MIB else 8 * MIB
    return page // piece * piece, piece


@kernel
def allocate(m, file, slot):
    """See to it that the dirty page at slot `slot` of the file, which is to be written, has a block.

    A file that cannot grow any more is closed, and what was reserved beyond its end is given back (xfs_release).
    """
    f = files(m)[file]
    allocation = disks(m)[f.disk].allocation
    if allocation == 0 or extents(m)[slot >> EXTENT_SHIFT]:
        return
    first, pages = slot - f.start, 1
    if allocation == XFS:
        pages = max(1, f.reserved - first)
    elif allocation == EXT4:
        first, pages = normalized(f.grown * PAGE, 1, first)
    elif allocation == BTRFS:
        pages = max(1, dirty_run(m, slot, min(MAX_DELALLOC, f.npages - first)))
    end = first + pages
    take_blocks(m, file, first, min(end, f.npages) if f.grown >= f.npages else end)


@kernel
def bump(wanted, contiguous, whole):
    """Pages ext4 writes that is asked for `wanted`: to the end of the dirty run at hand, or eight times as many (3.0).

    `whole`: all of the file was asked for, not what comes next.
    """
    if wanted >= UNLIMITED:
        return wanted
    return max(wanted, min(BUMP, 8 * wanted if whole else contiguous))


@kernel
def bumped(m, file, slot, chunk):
    """Pages a visit of a file may write that may write `chunk`: ext4 goes on to the end of the dirty run at hand.

    That is at most 128 MiB, to 3.10 (ext4_da_writepages).
    """
    f = files(m)[file]
    if writeback_settings(m).writeback_bump == 0 or disks(m)[f.disk].allocation != EXT4:
        return chunk
    return bump(chunk, dirty_run(m, slot, min(BUMP, f.start + f.npages - slot)), False)
