"""What file systems and memory management agreed on: what changed when."""

from mmrun.model.core.timeline import Dated, flag, gap

DATED: Dated = (
    flag("stable_pages", "who writes to a page of any file system waits until its write has ended",
         "mm: only enforce stable page writes if the backing device requires it, 3.9", since="3.0", until="3.9"),
    flag("ext3_barrier", "ext3 flushes caches unless told otherwise", "fs/ext3/super.c, 3.6", since="3.6",
         unsure="after 3.0, not after 3.6"),
    gap("2.6.32", "4.2", "ext3 writes ordered data as buffers, whose pages are not under writeback: reclaim does not "
        "wait for them; here they are"),
)  # fmt: skip
