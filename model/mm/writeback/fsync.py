"""fsync(2): the task itself writes what is dirty in the file, then waits page by page (filemap_write_and_wait_range).

What of the file became dirty behind the place it has reached is left to the next one. Then its file system sees to the
metadata; without one the disk's write cache is flushed (blkdev_fsync).
"""

from mmrun.model.block.batching import count_request
from mmrun.model.block.bio import blkdev_issue_flush
from mmrun.model.block.get_request import get_request
from mmrun.model.block.state import IO_NORMAL, block_settings, block_state, disks
from mmrun.model.block.wait import wait_for_file
from mmrun.model.core.accounting import FSYNC, NOTHING, begins, ends
from mmrun.model.core.jit import caller, kernel
from mmrun.model.core.record import NONE
from mmrun.model.core.state import turn
from mmrun.model.fs.vfs.state import inodes
from mmrun.model.machine.state import costs, task_count
from mmrun.model.mm.page.flags import WRITEBACK
from mmrun.model.mm.page.folio import folio_of
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.task.state import cache, files
from mmrun.model.mm.writeback.dirty import next_dirty
from mmrun.model.mm.writeback.inodes import WRITING, del_inode
from mmrun.model.mm.writeback.nfs import commit
from mmrun.model.mm.writeback.submit import done_with, ready, submit_run
from mmrun.model.mm.writeback.tracepoints import folio_wait_writeback

sync_file = caller("sync_file")


@kernel
def write_range(m, file):
    """Send requests for all that is dirty in the file, page by page in order."""
    f = files(m)[file]
    index, stop = f.start, f.start + f.npages
    while True:
        index = next_dirty(m, index, stop, 0)
        if index == NONE:
            done_with(m, file)
            return
        if frames(m)[folio_of(m, cache(m)[index] - 1)].state & WRITEBACK:
            done_with(m, file)
            folio_wait_writeback(m, f.disk, file, index - f.start)
            wait_for_file(m, file)
            continue
        most = ready(m, file, index, stop - index)
        get_request(m, f.disk, IO_NORMAL, turn(m).actor, NOTHING)
        block_state(m).sync = block_settings(m).queues_reads
        index += submit_run(m, file, index, most)
        block_state(m).sync = 0
        count_request(m, turn(m).actor)


@kernel
def wait_range(m, file):
    """Wait for every page of the file that is under writeback."""
    f = files(m)[file]
    index = f.start
    commit(m, file, m.now)
    while f.nr_writeback and index < f.start + f.npages:
        pfn = cache(m)[index] - 1
        if pfn >= 0 and frames(m)[folio_of(m, pfn)].state & WRITEBACK:
            folio_wait_writeback(m, f.disk, file, index - f.start)
            wait_for_file(m, file)
            commit(m, file, m.now)
        else:
            index += 1


@kernel
def fsync(m, t, file):
    """Task `t` has the file written and waits for it; a write error since the last time is told once."""
    f, stat, began = files(m)[file], task_count(m)[t], m.now
    begins(m, FSYNC)
    m.now += costs(m).syscall
    write_range(m, file)
    wait_range(m, file)
    journalled = f.disk != NONE and disks(m)[f.disk].journal > 0
    if journalled:
        sync_file(m, t, file)
        inodes(m)[file].promised_at = inodes(m)[file].promised_at if f.error else began
    elif f.disk != NONE and block_settings(m).fsync_flushes and not blkdev_issue_flush(m, f.disk):
        f.error = 1
    if f.nr_dirty + f.nr_commit == 0 and f.on and f.on != WRITING:
        del_inode(m, file)
    ends(m, FSYNC)
    stat.fsyncs += 1
    stat.fsync_errors += 1 if f.error else 0
    f.error = 0
