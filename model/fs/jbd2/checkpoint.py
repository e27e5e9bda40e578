"""Checkpoints: metadata that is only in the log goes to its place, so that the log has space (fs/jbd2/checkpoint.c).

Most of it is there before, as flushers write what is dirty for long, and it is dirty page cache.
"""

from mmrun.model.block.get_request import get_request
from mmrun.model.block.state import IO_URGENT
from mmrun.model.block.wait import wait_for_file
from mmrun.model.core.accounting import NOTHING
from mmrun.model.core.jit import kernel, rare
from mmrun.model.core.links import unlink_row
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import ALL, FOREVER, wait, wake
from mmrun.model.fs.jbd2.log import cleanup_journal_tail, has_space, log_start_commit, log_wait_commit
from mmrun.model.fs.jbd2.state import journal_heads, journals, transactions
from mmrun.model.fs.jbd2.tracepoints import jbd2_checkpoint
from mmrun.model.mm.page.flags import DIRTY, WRITEBACK
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.task.state import cache, files
from mmrun.model.mm.writeback.submit import submit_run

BATCH = 64  # JBD2_NR_BATCH
DONE, AGAIN = 0, 1


@kernel
def slot_of(m, j, b):
    """The page-cache slot of a journal's metadata block."""
    return files(m)[journals(m)[j].meta].start + b


@kernel
def state_of(m, j, b):
    """The state of a metadata block's page, 0 where it is not cached."""
    pfn = cache(m)[slot_of(m, j, b)] - 1
    return frames(m)[pfn].state if pfn >= 0 else 0


@kernel
def free_transaction(m, j, row):
    """Nothing needs the transaction any more."""
    transactions(m)[row].next = journals(m)[j].free_row
    journals(m)[j].free_row = row


@kernel
def forget(m, j, b):
    """A metadata block is in its place, or in the log anew: its finished transaction no longer keeps it.

    In the kernel: __jbd2_journal_remove_checkpoint.
    """
    row = journal_heads(m)[journals(m)[j].buffers + b].checkpoint - 1
    journal_heads(m)[journals(m)[j].buffers + b].checkpoint = 0
    transactions(m)[row].unplaced -= 1
    if transactions(m)[row].unplaced == 0 and row != journals(m)[j].committing:
        unlink_row(transactions(m), journals(m)[j].checkpoints, row)
        free_transaction(m, j, row)


@kernel
def clean_checkpoint_list(m, j):
    """Forget what has been written to its place meanwhile (__jbd2_journal_clean_checkpoint_list)."""
    journal = journals(m)[j]
    for b in range(journal.nr_meta):
        row = journal_heads(m)[journal.buffers + b]
        if row.checkpoint and not row.transaction and not state_of(m, j, b) & (DIRTY | WRITEBACK):
            forget(m, j, b)


@kernel
def _write(m, j, b):
    """Send a dirty metadata block to its place."""
    journal = journals(m)[j]
    get_request(m, journal.disk, IO_URGENT, NONE, NOTHING)
    journal.jbd2_checkpointed += submit_run(m, journal.meta, slot_of(m, j, b), 1)


@kernel
def _pass(m, j, row, tid):
    """One look at the transaction's blocks: AGAIN where something had to be waited for or was sent."""
    journal, sent = journals(m)[j], 0
    for b in range(journal.nr_meta):
        if journal.checkpoints.n == 0 or journal.checkpoints.head != row or transactions(m)[row].tid != tid:
            return DONE
        own = journal_heads(m)[journal.buffers + b]
        if own.checkpoint != row + 1:
            continue
        if own.transaction:
            newer = transactions(m)[own.transaction - 1].tid
            log_start_commit(m, j, newer)
            log_wait_commit(m, j, newer)
            return AGAIN
        if state_of(m, j, b) & WRITEBACK or files(m)[journal.meta].error:
            sent += state_of(m, j, b) & WRITEBACK > 0
            if files(m)[journal.meta].error:
                forget(m, j, b)
        elif state_of(m, j, b) & DIRTY:
            _write(m, j, b)
            sent += 1
        else:
            forget(m, j, b)
        if sent >= BATCH:
            break
    if sent and files(m)[journal.meta].nr_writeback:
        wait_for_file(m, journal.meta)
    return AGAIN if sent else DONE


@rare
@kernel
def log_do_checkpoint(m, j):
    """Write the blocks of the oldest finished transaction to their places (jbd2_log_do_checkpoint)."""
    journal = journals(m)[j]
    if cleanup_journal_tail(m, j) or journal.checkpoints.n == 0:
        return
    row = journal.checkpoints.head
    tid = transactions(m)[row].tid
    while _pass(m, j, row, tid) == AGAIN:
        pass
    moved = cleanup_journal_tail(m, j)
    jbd2_checkpoint(m, journal.disk, 0 if moved else 1)


@rare
@kernel
def wait_for_space(m, j):
    """See to it that the log has space for another handle; others queue for that (__jbd2_log_wait_for_space)."""
    journal = journals(m)[j]
    while journal.trimming:
        wait(m, journal.space, FOREVER)
    journal.trimming = 1
    while not has_space(m, j):
        if journal.checkpoints.n:
            log_do_checkpoint(m, j)
        elif not cleanup_journal_tail(m, j):
            if journal.committing == NONE:
                break
            log_wait_commit(m, j, transactions(m)[journal.committing].tid)
    journal.trimming = 0
    wake(m, journal.space, ALL, m.now)
