"""What a journal of some size can hold, what a commit takes of it, how long who syncs waits for others."""

from mmrun.model.core.jit import kernel

TAGS = 253  # metadata blocks that a descriptor block of 4 KiB tells of, 16 bytes each (journal_tag3)
LEFT_FREE = 32  # blocks that nobody counts on


@kernel
def max_transaction(blocks, parts):
    """Most credits of a transaction: a part of the log, a fourth or (6.12) a third (jbd2_journal_get_max_txn_bufs)."""
    return blocks // parts


@kernel
def overhead(most):
    """Blocks a transaction needs beside its metadata: descriptors and the commit block, in the worst case.

    In the kernel: jbd2_transaction_overhead_buffers.
    """
    return 1 + (most + TAGS - 1) // TAGS


@kernel
def log_blocks(metadata):
    """Blocks of the log that a commit of so many metadata blocks fills: descriptors, those, the commit block."""
    return metadata + (metadata + TAGS - 1) // TAGS + 1


@kernel
def space_left(free, committing):
    """Log blocks that a new handle may count on; `committing`: credits of the transaction that commits.

    In the kernel: jbd2_log_space_left, 6.12.
    """
    return max(0, free - LEFT_FREE - committing)


@kernel
def old_space_left(free):
    """The same in 3.0 to 3.6, where an eighth stays free and what commits is asked for beside (jbd2_log_space_left)."""
    left = max(0, free - LEFT_FREE)
    return left - (left >> 3)


@kernel
def batching(average, age, least, most):
    """How long (ns) the owner of a sync handle sleeps so that others may join, its transaction so old (ns).

    In the kernel: jbd2_journal_stop.
    """
    wanted = min(max(average, least), most)
    return wanted if age < wanted else 0


@kernel
def smoothed(average, this, old_jbd):
    """Average commit time (ns) after a commit of `this`: jbd2 leans on the past, jbd (ext3) on the present."""
    if average == 0:
        return this
    return (3 * this + average) // 4 if old_jbd else (this + 3 * average) // 4
