"""Journals: what changed when. Read were 3.0, 3.4, 3.6, 5.6 to 5.9, 5.17, 6.12."""

from mmrun.model.core.timeline import Dated, always, flag, number, since

DATED: Dated = (
    flag("jbd", "ext3 has a driver and a journal of its own", "fs: Remove ext3 filesystem driver, 4.3", until="4.3"),
    number(
        "journal_parts", "a transaction has at most this part of the log (jbd2_journal_get_max_txn_bufs)",
        always(4, "fs/jbd2/journal.c, 3.0 to 5.17"),
        since("6.12", 3, "fs/jbd2/journal.c, 6.12.117", "after 5.17, not after 6.12"),
    ),
    flag("log_overhead", "a transaction's descriptors are reserved in it", "fs/jbd2/transaction.c, 6.12", since="6.12",
         unsure="after 5.17, not after 6.12; 5.6 to 5.9 take a 32nd of the transaction"),
    flag("log_space_exact", "space in the log is counted without a reserve of an eighth",
         "jbd2: fix estimates of log space, 3.11", since="3.11", unsure="after 3.6, before 5.17"),
    flag("tail_with_commit", "a commit moves the tail of the log where that frees enough",
         "jbd2: issue cache flush after checkpointing, 3.5", since="3.5", unsure="after 3.0, not after 6.12"),
)  # fmt: skip
