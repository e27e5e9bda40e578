"""Journals, their transactions, the metadata blocks that those have, the handles of actors."""

from mmrun.model.core.record import LIST, WAIT_QUEUE, one, row, table
from mmrun.model.fs.jbd2.settings import JOURNAL_COUNTERS

RUNNING, LOCKED, FLUSH, COMMIT, COMMIT_JFLUSH, FINISHED = 0, 1, 2, 3, 4, 5  # states of a transaction, in their order

# A journal. `meta`: the file of the disk's metadata; `first_block`, `blocks`: its log; `head`, `tail`: blocks written
# to it since it was made, and of those what is free again; `bitmaps` to `maps`: its layout (model/fs/vfs/layout.py);
# `buffers`: where its metadata begins in that table; times in ns; `request`, `sequence`: the newest transaction that is
# to be committed, and that is; `average`: of commits; `checkpoints`: finished ones whose blocks are not all in place;
# `trimming`: somebody makes space in the log; `conversion`, `converted`: the daemon that converts written extents, who
# waits for it; `delayed`, `allocated`: blocks reserved and taken of the file system.
JOURNAL = row(
    disk="i8", meta="i8", first_block="i8", blocks="i8", head="i8", tail="i8",
    descriptors="i8", bitmaps="i8", inodes="i8", maps="i8", nr_meta="i8", buffers="i8",
    most="i8", overhead="i8", commit_interval="i8", min_batch="i8", max_batch="i8", barrier="i8", ordered="i8",
    jbd="i8", delalloc="i8", request="i8", sequence="i8", running="i8", committing="i8", next_tid="i8", average="i8",
    last_sync_writer="i8", checkpoints=LIST, free_row="i8", trimming="i8", delayed="i8", allocated="i8",
    locked=WAIT_QUEUE, done=WAIT_QUEUE, kjournald=WAIT_QUEUE, closed=WAIT_QUEUE, copied=WAIT_QUEUE, space=WAIT_QUEUE,
    conversion=WAIT_QUEUE, converted=WAIT_QUEUE,
    **dict.fromkeys(JOURNAL_COUNTERS, "i8"),
)  # fmt: skip
# `updates`: open handles; `credits`: blocks it has or may yet get; `metadata`: those it has; `logged`: where it begins
# in the log; `unplaced`: its metadata blocks that are only in the log.
TRANSACTION = row(
    journal="i8", tid="i8", state="i8", updates="i8", credits="i8", metadata=LIST, created="i8", expires="i8",
    logged="i8", unplaced="i8", handles="i8", next="i4", prev="i4",
)  # fmt: skip
# A metadata block, by its number in its journal's layout. `transaction`, `following`: that it is part of, and the
# running one if that is to have it next; `checkpoint`: the finished one that it keeps in the log (all rows + 1, 0:
# none); `frozen`: a copy is what goes to the log; `made`: it has been used, so that there is something to read.
BUFFER = row(
    transaction="i4", following="i4", checkpoint="i4", frozen="i4", made="i4", next="i4", prev="i4",
)  # fmt: skip
# An actor's handle: `depth` of nested ones, its transaction's row, credits left; `nofs`: what the actor was before;
# `until`, `file`: the extent whose pages are sent while it is open.
HANDLE = row(
    depth="i8", journal="i8", transaction="i8", credits="i8", asked="i8", dirtied="i8", began="i8", nofs="i8",
    sync="i8", until="i8", file="i8",
)  # fmt: skip

journals = table(234, "journals", JOURNAL)
transactions = table(235, "transactions", TRANSACTION)
journal_heads = table(236, "journal_heads", BUFFER)
handles = table(237, "handles", HANDLE)
jbd2_settings = one(
    238, "jbd2_settings", row(log_space_exact="i8", tail_with_commit="i8", journal_parts="i8", log_overhead="i8"),
)  # fmt: skip
