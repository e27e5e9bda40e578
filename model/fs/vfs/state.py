"""What a file system knows of its files' pages, and which of their contents a cut would leave on the disk."""

from mmrun.model.core.record import counts, row, table
from mmrun.model.fs.vfs.settings import VFS_COUNTERS

FS_NONE, FS_EXT3, FS_EXT4 = 0, 1, 2  # `fs` of a disk
# Where a page has its block: DELAYED, reserved and not yet allocated; HOLE; UNWRITTEN, allocated and to be converted
# once it is written; else the number of the transaction that tells of it, 0: it was there before the run.
DELAYED, HOLE, UNWRITTEN = -2, -1, -3

# A file system's side of a file. `number`: among the files of its disk; `tid`, `datasync_tid`: the last transactions
# that changed it, and what fdatasync needs of it; `filed`: the transaction that is to order its data, as `order` says;
# `ordering`: the same of the committing one; `mtime`: the jiffy of its timestamp; `extents`: pieces it lies in, the
# last one ending before block `extent_end`; `isize`: pages; `first_map`: its first metadata block; `promised_at`: what
# was in it at this time (ns) an fsync has promised; `written_from` to `written_to`: slots of UNWRITTEN pages that have
# been written.
INODE = row(
    number="i8", tid="i8", datasync_tid="i8", filed="i8", order="i8", ordering="i8", mtime="i8",
    extents="i8", extent_end="i8", isize="i8", first_map="i8", promised_at="i8", written_from="i8", written_to="i8",
)  # fmt: skip
# Which contents of a page are where: every store makes a version of it. `version`: the newest, made at `stored_at`;
# `sent`: of the write in flight; `cached`: what the device has, from its write number `accepted` on; `durable`: what
# was on the medium when that came.
VERSION = row(version="i4", sent="i4", cached="i4", durable="i4", accepted="i8", stored_at="i8")

block_tids = table(231, "block_tids", "i4")
versions = table(232, "versions", VERSION)
inodes = table(233, "inodes", INODE)
fs_count = counts(240, "fs_count", *VFS_COUNTERS)
