"""ext4: what changed when. Read were 3.0, 3.6, 5.17, 6.12."""

from mmrun.model.core.timeline import Dated, flag, gap

DATED: Dated = (
    flag("da_write_handle", "write() opens a handle although blocks are allocated later",
         "fs/ext4/inode.c: ext4_da_write_begin, 3.0", until="5.15", unsure="after 3.0, not after 5.17"),
    flag("handle_over_submission", "the handle that allocates an extent stays open while its pages are sent",
         "dddbd6ac8f25 ext4: avoid starting a transaction while submitting, 2017", until="4.12",
         unsure="2017: 4.10 to 4.15"),
    flag("ordered_writes", "a commit itself sends data of new blocks",
         "41617e1a8dec jbd2: add support for avoiding data writes during transaction commits", until="4.7",
         unsure="in 2016"),
    flag("unwritten_extents", "blocks are told of once they are written, so that commits wait for no data",
         "ext4: make dioread_nolock the default, 5.6", since="5.6"),
    gap("2.6.32", "2.6.39", "file systems are those of 3.0, the oldest version that was read"),
)  # fmt: skip
