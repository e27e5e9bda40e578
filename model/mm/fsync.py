"""fsync(2): the task itself writes what is dirty in the file, then waits page by page (filemap_write_and_wait_range).

What of the file became dirty behind the place it has reached is left to the next one. A file system's journal is not
modelled.
"""

from model.block.batching import count_request
from model.block.disk import full_queue
from model.block.wait import wait_for_file, wait_for_request
from model.jit import cache, files, frames, kernel, tasks
from model.layout import NONE
from model.mm.dirty import next_dirty
from model.mm.inodes import WRITING, del_inode
from model.mm.nfs import commit
from model.mm.state import IO_NORMAL, WRITEBACK
from model.mm.writeback import submit_run

WRITE, WAIT = 1, 2


@kernel
def _write(m, t, file):
    """Send requests for all that is dirty; False when the task has to wait for room or for a page being written."""
    task, f = tasks(m)[t], files(m)[file]
    stop = f.start + f.npages
    while True:
        index = next_dirty(m, task.fsync_at, stop, 0)
        if index == NONE:
            return True
        task.fsync_at = index
        if frames(m)[cache(m)[index] - 1].state & WRITEBACK:
            wait_for_file(m, file, t)
            return False
        full = full_queue(m, f.disk, IO_NORMAL, t)
        if full != NONE:
            wait_for_request(m, full, t)
            return False
        task.fsync_at = index + submit_run(m, file, index, stop - index)
        count_request(m, t)


@kernel
def _written(m, t, file):
    """Whether every page of the file has been met that is not under writeback; if not the task rests."""
    task, f = tasks(m)[t], files(m)[file]
    commit(m, file, m.clock.now)
    while f.nr_writeback and task.fsync_at < f.start + f.npages:
        pfn = cache(m)[task.fsync_at] - 1
        if pfn >= 0 and frames(m)[pfn].state & WRITEBACK:
            wait_for_file(m, file, t)
            return False
        task.fsync_at += 1
    return True


@kernel
def fsync(m, t, file):
    """One step of task `t`'s fsync; True when it is done, False when the task rests until it can go on."""
    task, f = tasks(m)[t], files(m)[file]
    if task.fsync == 0:
        m.clock.now += m.cfg.syscall
        task.fsync, task.fsync_at, task.fsync_began = WRITE, f.start, m.clock.now
    if task.fsync == WRITE:
        if not _write(m, t, file):
            return False
        task.fsync, task.fsync_at = WAIT, f.start
    if not _written(m, t, file):
        return False
    if f.nr_dirty + f.nr_commit == 0 and f.on and f.on != WRITING:
        del_inode(m, file)
    task.fsync = 0
    task.stat.fsyncs += 1
    task.stat.stall_fsync_ns += m.clock.now - task.fsync_began
    task.stat.fsync_errors += 1 if f.error else 0
    f.error = 0
    return True
