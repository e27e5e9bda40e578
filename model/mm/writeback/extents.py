"""Where the pages of files lie on their disks: in one piece, in fragments anywhere, or where a file system put them.

`extents` has the block + 1 of every 16 page-cache slots of files whose disk has a file system, 0 where none is
allocated yet. A file system takes blocks one behind the other as they are asked for: on a disk that is nearly empty
that is where the search for free space next to the last extent, or from the last allocation on, ends
(xfs_bmap_adjacent; s_mb_last_group of mballoc; find_free_extent; ext3_find_goal).
"""

from mmrun.model.block.state import disks
from mmrun.model.core.integers import ilog2
from mmrun.model.core.jit import kernel
from mmrun.model.mm.task.state import files
from mmrun.model.mm.writeback.state import extents

FACTOR, MODULUS = 48271, (1 << 31) - 1  # minimal standard generator: fragments lie as at random, but always there
EXTENT_PAGES, EXTENT_SHIFT = 16, 4
FIXED, XFS, EXT4, BTRFS, EXT3 = 0, 1, 2, 3, 4  # `allocation` of a disk
MOST_IN_PLACE = 512  # pages looked at for being in one piece: more than the largest request
MAXEXTLEN = (1 << 21) - 1  # pages of XFS's largest extent
EXT3_WINDOW = 1024  # pages of the largest reservation window (EXT3_MAX_RESERVE_BLOCKS is 1027)


@kernel
def block_of(m, file, slot):
    """The block on its disk of the file's page at page-cache slot `slot`."""
    f = files(m)[file]
    page = slot - f.start
    if disks(m)[f.disk].allocation:
        at = extents(m)[slot >> EXTENT_SHIFT]
        if at:
            return at - 1 + slot % EXTENT_PAGES
    if f.extent == 0:
        return f.first_block + page
    places = max(1, disks(m)[f.disk].nr_blocks // f.extent)
    seed = (f.first_block + page // f.extent) % (MODULUS - 1) + 1
    return seed * FACTOR % MODULUS * FACTOR % MODULUS % places * f.extent + page % f.extent


@kernel
def pages_in_place(m, file, slot):
    """How many pages from slot `slot` on lie one behind the other on the disk (at least, where they are many)."""
    f = files(m)[file]
    page = slot - f.start
    rest = f.npages - page
    if disks(m)[f.disk].allocation:
        unit, count = slot >> EXTENT_SHIFT, EXTENT_PAGES - slot % EXTENT_PAGES
        while count < min(rest, MOST_IN_PLACE) and extents(m)[unit + 1] == extents(m)[unit] + EXTENT_PAGES:
            unit, count = unit + 1, count + EXTENT_PAGES
        return min(rest, count)
    return rest if f.extent == 0 else min(rest, f.extent - page % f.extent)


@kernel
def take_blocks(m, file, first, end):
    """Allocate blocks for the file's pages `first` to `end` - 1, whole units, as far as they have none.

    Blocks taken for pages beyond the file's last possible one are skipped on the disk all the same.
    """
    f = files(m)[file]
    d, table = disks(m)[f.disk], extents(m)
    for unit in range(first >> EXTENT_SHIFT, (end + EXTENT_PAGES - 1) >> EXTENT_SHIFT):
        at, inside = (f.start >> EXTENT_SHIFT) + unit, unit << EXTENT_SHIFT < f.npages
        if inside and table[at]:
            continue
        if d.free_block + EXTENT_PAGES > d.nr_blocks:
            d.free_block = 0  # full: there is no space to tell of, so places are used again
        if inside:
            table[at] = d.free_block + 1
        d.free_block += EXTENT_PAGES


@kernel
def speculative(size):
    """Pages XFS reserves beyond the end of a file of `size` pages that grows (xfs_iomap_prealloc_size, 2.6.38)."""
    return min(max(1 << ilog2(size + 1), EXTENT_PAGES), MAXEXTLEN)


@kernel
def grow(m, file, slot):
    """A page of the file becomes dirty: what its file system does about blocks when it is written to the cache.

    XFS reserves space for it and for what may follow. ext3, which has no delayed allocation, allocates: a window of
    blocks whose size doubles whenever one was used up (alloc_new_reservation).
    """
    f, page = files(m)[file], slot - files(m)[file].start
    allocation = disks(m)[f.disk].allocation
    if allocation == XFS and page >= f.reserved:
        f.reserved = (page // EXTENT_PAGES + 1) * EXTENT_PAGES + speculative(page)
    if allocation == EXT3 and extents(m)[slot >> EXTENT_SHIFT] == 0:
        f.window = min(EXT3_WINDOW, 2 * f.window) if f.window else EXTENT_PAGES
        take_blocks(m, file, page, page // EXTENT_PAGES * EXTENT_PAGES + f.window)
    f.grown = max(f.grown, page + 1)
