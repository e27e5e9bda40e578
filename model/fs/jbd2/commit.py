"""Commits: what a running transaction becomes, step by step (fs/jbd2/commit.c), and the daemon that makes them."""

from mmrun.model.block.bio import new_bio, wait_bio
from mmrun.model.core.actor import actor
from mmrun.model.core.jit import kernel
from mmrun.model.core.links import link_tail, unlink_row
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import ALL, FOREVER, wait, wake
from mmrun.model.fs.jbd2.checkpoint import clean_checkpoint_list, forget, free_transaction, slot_of
from mmrun.model.fs.jbd2.formulas import log_blocks, smoothed
from mmrun.model.fs.jbd2.log import cleanup_journal_tail, oldest, write_log
from mmrun.model.fs.jbd2.ordered import file_at_flush, submit_data, wait_for_data
from mmrun.model.fs.jbd2.state import (
    COMMIT,
    COMMIT_JFLUSH,
    FINISHED,
    FLUSH,
    LOCKED,
    jbd2_settings,
    journal_heads,
    journals,
    transactions,
)
from mmrun.model.fs.jbd2.tracepoints import (
    jbd2_commit_flushing,
    jbd2_commit_locking,
    jbd2_commit_logging,
    jbd2_end_commit,
    jbd2_run_stats,
    jbd2_start_commit,
)
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.task.state import cache
from mmrun.model.mm.writeback.dirty import set_dirty


@kernel
def _lock(m, j, row):
    """No new handle is opened, and those that are open are waited for: all who change anything stop for that long."""
    journal, t = journals(m)[j], transactions(m)[row]
    t.state = LOCKED
    while t.updates:
        wait(m, journal.closed, FOREVER)
    clean_checkpoint_list(m, j)
    t.state, t.logged = FLUSH, journal.head
    journal.committing, journal.running = row, NONE
    wake(m, journal.locked, ALL, m.now)


@kernel
def _log(m, j, row):
    """Metadata and commit block go to the log; what those it had were worth is in place then.

    The data of new blocks is waited for before the commit block, before and after which caches are flushed.
    """
    journal, t = journals(m)[j], transactions(m)[row]
    t.state = COMMIT
    b = t.metadata.head
    while b != NONE:
        if journal_heads(m)[b].checkpoint:
            forget(m, j, b - journal.buffers)
        b = journal_heads(m)[b].next
    bio = new_bio(m)
    write_log(m, j, bio, log_blocks(t.metadata.n) - 1, False)
    wait_for_data(m, j)
    wait_bio(m, bio)
    t.state = COMMIT_JFLUSH
    wake(m, journal.copied, ALL, m.now)
    bio = new_bio(m)
    write_log(m, j, bio, 1, journal.barrier > 0)
    wait_bio(m, bio)


@kernel
def _refile(m, j, row):
    """Each block becomes dirty page cache of the disk's, or the running transaction's that has changed it since."""
    journal, t = journals(m)[j], transactions(m)[row]
    while t.metadata.n:
        b = t.metadata.head
        own, pfn = journal_heads(m)[b], cache(m)[slot_of(m, j, b - journal.buffers)] - 1
        unlink_row(journal_heads(m), t.metadata, b)
        own.checkpoint, own.frozen = row + 1, 0
        t.unplaced += 1
        own.transaction, own.following = own.following, 0
        if own.transaction:
            link_tail(journal_heads(m), transactions(m)[own.transaction - 1].metadata, b)
        else:
            frames(m)[pfn].pins -= 1
            set_dirty(m, pfn, journal.meta)


@kernel
def _finish(m, j, row):
    """The transaction is committed: who waits for it goes on; it stays until its blocks are in their places."""
    journal, t = journals(m)[j], transactions(m)[row]
    _refile(m, j, row)
    t.state = FINISHED
    journal.sequence, journal.committing = t.tid, NONE
    if t.unplaced:
        link_tail(transactions(m), journal.checkpoints, row)
    else:
        free_transaction(m, j, row)
    wake(m, journal.done, ALL, m.now)
    if jbd2_settings(m).tail_with_commit and oldest(m, j) - journal.tail >= journal.most:
        cleanup_journal_tail(m, j)


@kernel
def commit_transaction(m, j):
    """Commit what runs (jbd2_journal_commit_transaction)."""
    journal, row, began = journals(m)[j], journals(m)[j].running, m.now
    t = transactions(m)[row]
    tid, created, before = t.tid, t.created, journal.jbd2_logged_blocks
    jbd2_start_commit(m, journal.disk, tid, 0)
    jbd2_commit_locking(m, journal.disk, tid, 0)
    _lock(m, j, row)
    locked, metadata, handles = m.now, t.metadata.n, t.handles
    jbd2_commit_flushing(m, journal.disk, tid, 0)
    file_at_flush(m, j, tid)
    submit_data(m, j, tid)
    if journal.jbd:  # ext3 waits before anything of the log is sent
        wait_for_data(m, j)
    flushed = m.now
    jbd2_commit_logging(m, journal.disk, tid, 0)
    _log(m, j, row)
    logged = m.now
    _finish(m, j, row)
    journal.average = smoothed(journal.average, logged - locked, journal.jbd)
    journal.jbd2_commits += 1
    journal.jbd2_commit_ns += logged - began
    journal.jbd2_locked_ns += locked - began
    journal.jbd2_flushing_ns += flushed - locked
    journal.jbd2_logging_ns += logged - flushed
    jbd2_end_commit(m, journal.disk, tid, 0, oldest(m, j))
    jbd2_run_stats(
        m, journal.disk, tid, 0, began - created, locked - began, flushed - locked, logged - flushed, handles, metadata,
        journal.jbd2_logged_blocks - before,
    )  # fmt: skip


@actor(per="journal", at_boot=True)
def kjournald(m, j):
    """The daemon of a journal (kjournald2)."""
    journal = journals(m)[j]
    while True:
        if journal.request > journal.sequence and journal.running != NONE:
            commit_transaction(m, j)
            continue
        until = FOREVER if journal.running == NONE else transactions(m)[journal.running].expires - m.now
        if until <= 0:
            journal.request = transactions(m)[journal.running].tid
        else:
            wait(m, journal.kjournald, until)
