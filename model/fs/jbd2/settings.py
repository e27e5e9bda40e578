"""What journals count."""

from mmrun.model.core.mechanism import CORE, Case, Told, counters, hooks, some
from mmrun.model.fs.vfs.settings import Journalled

HOOKS = hooks(CORE, 151, ("kjournald", "journal", "commits its transactions, for ever"))

JOURNAL_COUNTERS = counters("""
jbd2_commits | none | transactions committed | events
jbd2_commit_ns | lower | time of commits, from the order to the end | ns
jbd2_locked_ns | lower | part of that: until all handles were closed, no new one could be opened | ns
jbd2_flushing_ns | lower | part of that: until data of new blocks was sent | ns
jbd2_logging_ns | lower | part of that: until the log had it all, waiting for that data and flushing included | ns
jbd2_handles | none | handles opened | events
jbd2_logged_blocks | none | blocks written to the log, descriptors and commit blocks included | blocks
jbd2_ordered_pages | none | data pages that commits wrote themselves | pages
jbd2_flushes | none | flushes of the write cache by fsync and for the tail of the log, beside those of commits | events
jbd2_frozen_copies | none | metadata blocks copied because they were changed before they were in the log | blocks
jbd2_checkpointed | none | metadata blocks that a checkpoint wrote, for want of space in the log | blocks
jbd2_tail_moves | none | times that the tail of the log was moved | events
journal_waits_locked | lower | sleeps of who wanted a handle while a commit waited for those open | events
journal_locked_ns | lower | their time | ns
journal_waits_full | lower | sleeps because the transaction had no credits left | events
journal_full_ns | lower | their time | ns
journal_waits_space | lower | sleeps because the log had no space left | events
journal_space_ns | lower | their time | ns
journal_waits_shadow | lower | sleeps because a block to be changed was being copied to the log | events
journal_shadow_ns | lower | their time | ns
journal_waits_commit | lower | sleeps of fsync until a commit was done | events
journal_commit_ns | lower | their time | ns
""")  # of each journal, reported with its disk's name in front, and in sum
OF_ALL = tuple(JOURNAL_COUNTERS)


def has_journal(case: Case) -> bool:
    """Whether a disk's file system has a journal."""
    return any(isinstance(disk.file_system, Journalled) for disk in case.cell.machine.disks.values())


TOLD = (
    Told("disk", JOURNAL_COUNTERS, when=has_journal),
    Told("machine", some(JOURNAL_COUNTERS, OF_ALL), when=has_journal),
)
