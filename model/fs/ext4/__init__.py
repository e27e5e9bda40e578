"""ext3 and ext4: when blocks are allocated, what metadata that changes, what write(), flushers, fsync and reclaim get.

Source: fs/ext4/inode.c, fsync.c; fs/ext3/inode.c to 4.2. Blocks are those of `mm.writeback.extents`; here stands whose
they are, which transaction tells of them, and who waits for what on the way.
"""
