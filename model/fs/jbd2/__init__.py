"""The journal: transactions that gather metadata blocks, their commits, the log they go to, what frees its space.

Source: fs/jbd2/transaction.c, commit.c, checkpoint.c, journal.c; fs/jbd for ext3 to 4.2. Formulas stand apart
(`formulas`), so that vectors test them. Handles belong to actors: who has one open allocates as GFP_NOFS, and a commit
waits for it. Metadata blocks are pages of the disk's own file: pinned while a transaction has them, dirty page cache
after its commit, until a flusher or a checkpoint writes them. The log's own blocks never are in the page cache.
"""
