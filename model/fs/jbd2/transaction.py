"""Handles: opening one, what it waits for, closing it (fs/jbd2/transaction.c)."""

from mmrun.model.core.accounting import JOURNAL, begins, ends
from mmrun.model.core.jit import kernel
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import ALL, FOREVER, current, sleep_until, wait, wake
from mmrun.model.core.state import turn
from mmrun.model.fs.jbd2.checkpoint import wait_for_space
from mmrun.model.fs.jbd2.formulas import batching
from mmrun.model.fs.jbd2.log import handle_of, has_space, log_start_commit, log_wait_commit
from mmrun.model.fs.jbd2.state import FLUSH, LOCKED, RUNNING, journals, transactions
from mmrun.model.fs.jbd2.tracepoints import jbd2_handle_start, jbd2_handle_stats

SECOND = 1_000_000_000
WAIT_LOCKED, WAIT_FULL, WAIT_SPACE = 0, 1, 2


@kernel
def _new_transaction(m, j):
    """A transaction begins with the handle that found none; its timer ends at a whole second (round_jiffies_up)."""
    journal, row = journals(m)[j], journals(m)[j].free_row
    t = transactions(m)[row]
    journal.free_row = t.next
    t.tid, t.state, t.updates, t.credits = journal.next_tid, RUNNING, 0, journal.overhead
    t.metadata.head = t.metadata.tail = NONE
    t.metadata.n = t.handles = t.unplaced = 0
    t.created = m.now
    t.expires = (m.now + journal.commit_interval + SECOND - 1) // SECOND * SECOND
    journal.next_tid += 1
    journal.running = row
    wake(m, journal.kjournald, ALL, m.now)  # its timer


@kernel
def _count_wait(m, j, cause, ns):
    journal = journals(m)[j]
    if cause == WAIT_LOCKED:
        journal.journal_waits_locked += 1
        journal.journal_locked_ns += ns
    elif cause == WAIT_FULL:
        journal.journal_waits_full += 1
        journal.journal_full_ns += ns
    else:
        journal.journal_waits_space += 1
        journal.journal_space_ns += ns


@kernel
def _wait_for_next(m, j, cause):
    """Sleep until the running transaction lets another begin; that is no wait for I/O (wait_transaction_locked)."""
    began, tid = m.now, transactions(m)[journals(m)[j].running].tid
    log_start_commit(m, j, tid)
    begins(m, JOURNAL)
    while journals(m)[j].running != NONE and transactions(m)[journals(m)[j].running].tid == tid:
        wait(m, journals(m)[j].locked, FOREVER)
    ends(m, JOURNAL)
    _count_wait(m, j, cause, m.now - began)


@kernel
def _join(m, j, credits, reserved):
    """Take credits of the running transaction, once there is one that has them and room in the log for it.

    A `reserved` handle ends what others wait for, so it may join one that is about to be committed.
    In the kernel: add_transaction_credits.
    """
    journal = journals(m)[j]
    while True:
        if journal.running == NONE:
            _new_transaction(m, j)
        t = transactions(m)[journal.running]
        if reserved and t.state <= LOCKED:
            return
        if t.state != RUNNING:
            _wait_for_next(m, j, WAIT_LOCKED)
        elif t.credits + credits > journal.most:
            _wait_for_next(m, j, WAIT_FULL)
        elif not has_space(m, j):
            began = m.now
            begins(m, JOURNAL)
            wait_for_space(m, j)
            ends(m, JOURNAL)
            _count_wait(m, j, WAIT_SPACE, m.now - began)
        else:
            return


@kernel
def journal_start(m, j, credits, reserved=False):
    """Open a handle for so many blocks, or go on in the one that is open (jbd2__journal_start).

    While it is open the actor allocates without entering file systems.
    """
    h = handle_of(m)
    h.depth += 1
    if h.depth > 1:
        return
    began = m.now
    _join(m, j, credits, reserved)
    journal, row = journals(m)[j], journals(m)[j].running
    t = transactions(m)[row]
    t.credits += credits
    t.updates += 1
    t.handles += 1
    journal.jbd2_handles += 1
    h.journal, h.transaction, h.credits, h.asked, h.dirtied, h.began = j, row, credits, credits, 0, began
    h.nofs, h.sync, h.until = current(m).nofs, 0, 0
    current(m).nofs = 1
    jbd2_handle_start(m, journal.disk, t.tid, credits)


@kernel
def _batch(m, j, t):
    """Who syncs waits for others to join, unless it was the last one to do so."""
    journal, slot = journals(m)[j], turn(m).actor
    if journal.last_sync_writer != slot:
        journal.last_sync_writer = slot
        ns = batching(journal.average, m.now - t.created, journal.min_batch, journal.max_batch)
        if ns:
            sleep_until(m, m.now + ns)


@kernel
def journal_stop(m):
    """Close the handle, if it is the outermost: a commit may have waited for that; a sync one waits for its commit.

    In the kernel: jbd2_journal_stop.
    """
    h = handle_of(m)
    if h.depth > 1:
        h.depth -= 1
        return
    journal, t, tid = journals(m)[h.journal], transactions(m)[h.transaction], transactions(m)[h.transaction].tid
    if h.sync:
        _batch(m, h.journal, t)
    h.depth = 0
    current(m).nofs = h.nofs
    jbd2_handle_stats(m, journal.disk, tid, m.now - h.began, h.sync, h.asked, h.dirtied)
    t.credits -= h.credits
    t.updates -= 1
    if t.updates == 0 and t.state != RUNNING:
        wake(m, journal.closed, ALL, m.now)
    if h.sync or (t.state < FLUSH and m.now >= t.expires):
        log_start_commit(m, h.journal, tid)
    if h.sync:
        log_wait_commit(m, h.journal, tid)
