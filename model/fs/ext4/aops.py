"""write() and stores through mappings: what they find out about blocks, under which handle (ext4_da_write_begin)."""

from mmrun.model.core.jit import hook, kernel, rare
from mmrun.model.fs.ext4.delalloc import may_delay
from mmrun.model.fs.ext4.inode import (
    extent_credits,
    journal_of,
    mark_inode_dirty,
    new_blocks,
    tell_of_blocks,
    update_time,
)
from mmrun.model.fs.ext4.state import ext4_settings
from mmrun.model.fs.ext4.writepages import has_block
from mmrun.model.fs.jbd2.log import handle_of
from mmrun.model.fs.jbd2.ordered import WRITES, file_inode
from mmrun.model.fs.jbd2.state import journals
from mmrun.model.fs.jbd2.transaction import journal_start, journal_stop
from mmrun.model.fs.vfs.state import DELAYED, HOLE, block_tids, inodes, versions
from mmrun.model.mm.task.state import files
from mmrun.model.mm.writeback.extents import grow

DA_WRITE = 1  # credits of a handle around a write() that allocates nothing yet


@kernel
def _allocate_now(m, j, file, slot):
    """The page gets a block in the open handle, before anything is in it (ext3_get_block)."""
    if has_block(m, slot):
        return
    grow(m, file, slot)
    new_blocks(m, j, file, slot, 1, 0)
    if journals(m)[j].ordered:
        file_inode(m, file, WRITES)
    tell_of_blocks(m, j, file, slot, 1)


@kernel
def _delay(m, j, slot):
    """A block is reserved for the page (ext4_da_reserve_space)."""
    if block_tids(m)[slot] == HOLE:
        block_tids(m)[slot] = DELAYED
        journals(m)[j].delayed += 1


@hook
def write_begin(m, file, slot):
    j = journal_of(m, file)
    update_time(m, file)
    if may_delay(m, j):
        if ext4_settings(m).da_write_handle:
            journal_start(m, j, DA_WRITE)
        return 0
    journal_start(m, j, extent_credits(m, j))
    _allocate_now(m, j, file, slot)
    return 0


@hook
def write_end(m, file, slot, copied):
    j, own, page = journal_of(m, file), inodes(m)[file], slot - files(m)[file].start
    if copied:
        _delay(m, j, slot)
        if journals(m)[j].jbd and journals(m)[j].ordered:
            file_inode(m, file, WRITES)  # whatever was written, to old blocks, too (journal_dirty_data)
        if has_block(m, slot) and page >= own.isize:
            own.isize = page + 1
            mark_inode_dirty(m, file, 1)
    elif versions(m)[slot].version == 0 and block_tids(m)[slot] > 0:
        block_tids(m)[slot] = HOLE  # nothing was written: its block is given back (ext4_truncate_failed_write)
        journals(m)[j].allocated -= 1
    if handle_of(m).depth:
        journal_stop(m)
    return 0


@rare
@kernel
def _store(m, j, file, slot):
    """A store through a mapping allocates where blocks are not delayed."""
    journal_start(m, j, extent_credits(m, j))
    _allocate_now(m, j, file, slot)
    journal_stop(m)


@hook
def fs_page_mkwrite(m, file, slot):
    j = journal_of(m, file)
    update_time(m, file)
    if may_delay(m, j):
        _delay(m, j, slot)
    elif not has_block(m, slot):
        _store(m, j, file, slot)
    return 0
