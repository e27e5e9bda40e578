"""The log: its space, its writes, ordering commits of it (fs/jbd2/journal.c)."""

from mmrun.model.block.bio import blkdev_issue_flush, submit_bio, submit_flush_fua
from mmrun.model.core.accounting import JOURNAL, begins, ends
from mmrun.model.core.jit import kernel
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import ALL, FOREVER, wait, wake
from mmrun.model.core.state import turn
from mmrun.model.fs.jbd2.formulas import old_space_left, space_left
from mmrun.model.fs.jbd2.state import handles, jbd2_settings, journals, transactions
from mmrun.model.machine.state import costs


@kernel
def handle_of(m):
    """The running actor's handle."""
    return handles(m)[turn(m).actor]


@kernel
def log_start_commit(m, j, tid):
    """Have the transaction committed, if it has not been asked for (jbd2_log_start_commit)."""
    journal = journals(m)[j]
    if tid > journal.request:
        journal.request = tid
        wake(m, journal.kjournald, ALL, m.now)


@kernel
def log_wait_commit(m, j, tid):
    """Sleep until the transaction is committed (jbd2_log_wait_commit)."""
    journal, began = journals(m)[j], m.now
    if journal.sequence >= tid:
        return
    begins(m, JOURNAL)
    while journal.sequence < tid:
        wait(m, journal.done, FOREVER)
    ends(m, JOURNAL)
    journal.journal_waits_commit += 1
    journal.journal_commit_ns += m.now - began


@kernel
def free_blocks(m, j):
    """Blocks of the log that hold nothing any more; its superblock is none of them."""
    journal = journals(m)[j]
    return journal.blocks - 1 - (journal.head - journal.tail)


@kernel
def has_space(m, j):
    """Whether the log has room for a transaction of any size (jbd2_log_space_left)."""
    journal = journals(m)[j]
    committing = transactions(m)[journal.committing].credits if journal.committing != NONE else 0
    if jbd2_settings(m).log_space_exact:
        return space_left(free_blocks(m, j), committing) >= journal.most
    return old_space_left(free_blocks(m, j)) >= journal.most + committing


@kernel
def write_log(m, j, bio, blocks, flushed):
    """Send so many blocks to the log, one behind the other around its end, as parts of a bio.

    `flushed`: caches are emptied before, and hold nothing of it when it ends.
    """
    journal = journals(m)[j]
    m.now += costs(m).io_path
    while blocks > 0:
        at = journal.head % (journal.blocks - 1)
        part = min(blocks, journal.blocks - 1 - at)
        journal.head += part
        journal.jbd2_logged_blocks += part
        submit_bio(m, bio, journal.disk, journal.first_block + 1 + at, part, flushed, flushed)
        blocks -= part


@kernel
def flush(m, j):
    """Have the disk's write cache empty, where the file system cares."""
    journal = journals(m)[j]
    if journal.barrier:
        journal.jbd2_flushes += 1
        blkdev_issue_flush(m, journal.disk)


@kernel
def cleanup_journal_tail(m, j):
    """What lies in the log before the oldest transaction that still needs it is free; whether that is anything.

    The superblock tells of it, once what was checkpointed is on the medium (jbd2_cleanup_journal_tail).
    """
    journal = journals(m)[j]
    first = oldest(m, j)
    if first == journal.tail:
        return False
    flush(m, j)
    m.now += costs(m).io_path
    submit_flush_fua(m, journal.disk, journal.first_block, 1, False, journal.barrier > 0)
    journal.tail = max(journal.tail, first)
    journal.jbd2_tail_moves += 1
    return True


@kernel
def oldest(m, j):
    """Where in the log the oldest transaction begins that is needed."""
    journal = journals(m)[j]
    if journal.checkpoints.n:
        return transactions(m)[journal.checkpoints.head].logged
    if journal.committing != NONE:
        return transactions(m)[journal.committing].logged
    return journal.head
