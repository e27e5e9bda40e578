"""Inodes: what changing one costs, where its blocks are told of (fs/ext4/inode.c, extents.c, mballoc.c)."""

from mmrun.model.block.state import disks
from mmrun.model.core.jit import kernel
from mmrun.model.fs.ext4.state import ext4_settings
from mmrun.model.fs.jbd2.log import handle_of
from mmrun.model.fs.jbd2.metadata import dirty_metadata
from mmrun.model.fs.jbd2.ordered import WAITS, WRITES, file_inode
from mmrun.model.fs.jbd2.state import journals, transactions
from mmrun.model.fs.jbd2.transaction import journal_start, journal_stop
from mmrun.model.fs.vfs.layout import DESCRIPTORS, GROUP_BLOCKS, INDIRECT, INODES, LEAF_PAGES
from mmrun.model.fs.vfs.state import DELAYED, FS_EXT3, UNWRITTEN, block_tids, inodes
from mmrun.model.machine.timers import jiffies
from mmrun.model.mm.task.state import files
from mmrun.model.mm.writeback.allocation import allocate
from mmrun.model.mm.writeback.extents import block_of, pages_in_place

DIRTY_INODE = 2  # credits of a handle for a timestamp (ext4_dirty_inode)
DIRECT, IN_INODE = 12, 4  # blocks that an inode of ext3 tells of itself, extents that one of ext4 does


@kernel
def meta_trans_blocks(index, groups, descriptors, fixed):
    """Credits to allocate an extent: index blocks, as many bitmaps and descriptors, more (ext4_meta_trans_blocks)."""
    return index + min(index + 1, groups) + min(index + 1, descriptors) + fixed


@kernel
def journal_of(m, file):
    """The journal of the file's disk, by number."""
    return disks(m)[files(m)[file].disk].journal - 1


@kernel
def extent_credits(m, j):
    """Credits of a handle that allocates: a leaf and two index blocks may change; superblock, inode, quota."""
    journal = journals(m)[j]
    return meta_trans_blocks(3, journal.inodes - journal.bitmaps, journal.bitmaps - journal.descriptors, 3)


@kernel
def mark_inode_dirty(m, file, data):
    """The open handle changes the inode; `data`: in what fdatasync must have, too (ext4_mark_inode_dirty)."""
    j, own = journal_of(m, file), inodes(m)[file]
    own.tid = transactions(m)[handle_of(m).transaction].tid
    if data:
        own.datasync_tid = own.tid
    dirty_metadata(m, j, journals(m)[j].inodes + own.number // INODES)


@kernel
def update_time(m, file):
    """A write changes the file's timestamp, once a tick (file_update_time, ext4_dirty_inode)."""
    if inodes(m)[file].mtime == jiffies(m) + 1:
        return
    inodes(m)[file].mtime = jiffies(m) + 1
    journal_start(m, journal_of(m, file), DIRTY_INODE)
    mark_inode_dirty(m, file, 0)
    journal_stop(m)


@kernel
def _tell_of(m, j, file, slot, block, pages):
    """Metadata that a piece of a file on the disk changes: bitmaps and descriptors of groups, the file's map."""
    journal, own, f = journals(m)[j], inodes(m)[file], files(m)[file]
    for group in range(block // GROUP_BLOCKS, (block + pages - 1) // GROUP_BLOCKS + 1):
        dirty_metadata(m, j, journal.bitmaps + group)
        dirty_metadata(m, j, journal.descriptors + group // DESCRIPTORS)
    own.extents += block != own.extent_end
    own.extent_end = block + pages
    first, last = slot - f.start, slot - f.start + pages - 1
    if disks(m)[f.disk].fs == FS_EXT3:
        per, needed = INDIRECT, last >= DIRECT
    else:
        per, needed = LEAF_PAGES, own.extents > IN_INODE
    if needed:
        for each in range(first // per, last // per + 1):
            dirty_metadata(m, j, own.first_map + each)


@kernel
def tell_of_blocks(m, j, file, slot, count):
    """The open handle changes all that says where `count` pages from `slot` on lie, piece by piece."""
    at = slot
    while at < slot + count:
        pages = min(pages_in_place(m, file, at), slot + count - at)
        _tell_of(m, j, file, at, block_of(m, file, at), pages)
        at += pages
    mark_inode_dirty(m, file, 1)


@kernel
def new_blocks(m, j, file, slot, count, unwritten):
    """The pages have blocks from now on, which the open handle's transaction tells of; `unwritten`: none does yet.

    Nobody sleeps before the inode knows of the transaction, so that an fsync meanwhile waits for it.
    """
    journal, own = journals(m)[j], inodes(m)[file]
    own.tid = own.datasync_tid = transactions(m)[handle_of(m).transaction].tid
    tid = UNWRITTEN if unwritten else own.tid
    for each in range(slot, slot + count):
        journal.delayed -= block_tids(m)[each] == DELAYED
        block_tids(m)[each] = tid
    journal.allocated += count
    own.isize = max(own.isize, slot + count - files(m)[file].start)


@kernel
def allocate_extent(m, j, file, slot, count):
    """Give `count` pages from `slot` on blocks, in the open handle; they are about to be sent (mpage_map_one_extent).

    To 5.5 the transaction that tells of the blocks waits for the data, to 4.6 it sends it itself. Since then blocks are
    told of only once they are written.
    """
    for each in range(slot, slot + count):
        allocate(m, file, each)
    unwritten = ext4_settings(m).unwritten_extents
    new_blocks(m, j, file, slot, count, unwritten)
    if journals(m)[j].ordered and not unwritten:
        file_inode(m, file, WRITES if ext4_settings(m).ordered_writes else WAITS)
    tell_of_blocks(m, j, file, slot, count)
