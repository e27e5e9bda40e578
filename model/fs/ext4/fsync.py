"""fsync() beyond the data: the transaction that changed the file is committed, or a cache flushed (ext4_sync_file)."""

from mmrun.model.core.accounting import JOURNAL, begins, ends
from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import FOREVER, wait
from mmrun.model.fs.ext4.inode import journal_of
from mmrun.model.fs.jbd2.log import flush, log_start_commit, log_wait_commit
from mmrun.model.fs.jbd2.state import COMMIT_JFLUSH, journals, transactions
from mmrun.model.fs.vfs.state import inodes


@kernel
def will_flush(m, j, tid):
    """Whether a commit that is still to come flushes for the transaction (jbd2_trans_will_send_data_barrier)."""
    journal = journals(m)[j]
    if tid <= journal.sequence:
        return False
    return (
        journal.committing == NONE
        or transactions(m)[journal.committing].tid != tid
        or (transactions(m)[journal.committing].state < COMMIT_JFLUSH)
    )


@kernel
def _wait_for_conversion(m, j, file):
    """Sleep until what of the file has been written is told of: its pages count as under writeback for that long."""
    begins(m, JOURNAL)
    while inodes(m)[file].written_to:
        wait(m, journals(m)[j].converted, FOREVER)
    ends(m, JOURNAL)


@hook
def sync_file(m, t, file):
    j = journal_of(m, file)
    _wait_for_conversion(m, j, file)
    tid = inodes(m)[file].tid
    flushes = will_flush(m, j, tid)
    running = journals(m)[j].running
    if running != NONE and transactions(m)[running].tid == tid:
        log_start_commit(m, j, tid)
    log_wait_commit(m, j, tid)
    if not flushes:
        flush(m, j)
    return 0
