"""A file server's journal: what it answers for as stable is on the disk, and so is the inode that says so (jbd2).

nfsd syncs the file after each FILE_SYNC write of a `sync` export (vfs_fsync_range), and the file's time has changed, so
a commit of the journal follows the data. Those who wait while one commit runs share the next.
"""

from mmrun.model.block.serving import write_pages
from mmrun.model.block.state import disks
from mmrun.model.core.jit import kernel
from mmrun.model.core.sleep import ALL, FOREVER, sleep_until, wait, wake
from mmrun.model.net.session.state import sessions

BLOCKS = 3  # of a commit: descriptor, the inode's block, commit block


@kernel
def log_wait_commit(m, s):
    """The running thread sleeps until its changes are in the journal; whoever finds nobody at it commits."""
    e = sessions(m)[s]
    own = e.transaction
    while e.committed <= own:
        if e.committing:
            wait(m, e.workers, FOREVER)
            continue
        e.committing, e.transaction = 1, e.transaction + 1
        journal = disks(m)[e.server].nr_blocks // 2  # mke2fs puts it into the middle
        sleep_until(m, write_pages(m, e.server, m.now, BLOCKS, journal))
        e.committing, e.committed = 0, e.transaction
        e.commits += 1
        wake(m, e.workers, ALL, m.now)
