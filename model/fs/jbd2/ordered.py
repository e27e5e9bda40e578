"""data=ordered: which data a commit sends and waits for, so that no block it tells of holds what was there before."""

from mmrun.model.block.batching import count_request
from mmrun.model.block.get_request import get_request
from mmrun.model.block.state import IO_NORMAL
from mmrun.model.core.accounting import NOTHING
from mmrun.model.core.jit import kernel
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import cond_resched
from mmrun.model.core.state import turn
from mmrun.model.fs.jbd2.log import handle_of
from mmrun.model.fs.jbd2.state import journals, transactions
from mmrun.model.fs.jbd2.tracepoints import jbd2_submit_inode_data
from mmrun.model.fs.vfs.state import block_tids, inodes, versions
from mmrun.model.mm.page.flags import WRITEBACK
from mmrun.model.mm.task.state import files
from mmrun.model.mm.writeback.dirty import next_dirty
from mmrun.model.mm.writeback.fsync import wait_range
from mmrun.model.mm.writeback.submit import submit_run

WAITS, WRITES = 1, 2  # what a commit does about a file's data


@kernel
def file_inode(m, file, what):
    """The handle's transaction is to order the file's data: wait for it, or send it, too (jbd2_journal_file_inode)."""
    tid, own = transactions(m)[handle_of(m).transaction].tid, inodes(m)[file]
    own.order = max(own.order, what) if own.filed == tid else what
    own.filed = tid


@kernel
def file_at_flush(m, j, tid):
    """Note of each file of the disk what the transaction that begins to commit has to do; others may file it anew."""
    for file in range(len(inodes(m))):
        own = inodes(m)[file]
        if own.filed == tid and files(m)[file].disk == journals(m)[j].disk:
            own.ordering = own.order


@kernel
def _belongs(m, slot, tid, began):
    """Whether the transaction waits for the page: it was written before the commit began, or never, but has a block.

    Pages without blocks are left to delayed allocation.
    """
    told, v = block_tids(m)[slot], versions(m)[slot]
    return told >= 0 and (v.stored_at <= began or (told > 0 and told <= tid and v.cached == 0))


@kernel
def _run(m, slot, most, tid, began):
    count = 0
    while count < most and _belongs(m, slot + count, tid, began):
        count += 1
    return count


@kernel
def _send(m, j, file, tid, began):
    """Send what is dirty in the file and belongs to the transaction."""
    f = files(m)[file]
    index, stop = f.start, f.start + f.npages
    jbd2_submit_inode_data(m, f.disk, file)
    while f.nr_dirty:
        index = next_dirty(m, index, stop, WRITEBACK)
        if index == NONE:
            return
        count = _run(m, index, stop - index, tid, began)
        if count:
            get_request(m, f.disk, IO_NORMAL, turn(m).actor, NOTHING)
            count = submit_run(m, file, index, count)
            count_request(m, turn(m).actor)
            journals(m)[j].jbd2_ordered_pages += count
        index += max(1, count)
        cond_resched(m)


@kernel
def submit_data(m, j, tid):
    """Send the data of files whose blocks the commit tells of, where nobody else does (journal_submit_data_buffers)."""
    began = m.now
    for file in range(len(inodes(m))):
        if inodes(m)[file].ordering == WRITES and files(m)[file].disk == journals(m)[j].disk:
            _send(m, j, file, tid, began)


@kernel
def wait_for_data(m, j):
    """Wait until the data of those files is written (journal_finish_inode_data_buffers)."""
    for file in range(len(inodes(m))):
        if inodes(m)[file].ordering and files(m)[file].disk == journals(m)[j].disk:
            wait_range(m, file)
            inodes(m)[file].ordering = 0
