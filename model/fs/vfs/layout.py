"""Where metadata of ext3 and ext4 lies: superblock, descriptors, bitmaps, inode tables, maps of files, in this order.

They are pages of one file more of the disk, its own (the block device's inode in the kernel), so metadata is page cache
like any other. That they lie together at the disk's start, not in each group, is a simplification.
"""

from collections.abc import Mapping
from typing import NamedTuple

from mmrun.model.fs.vfs.settings import Journalled
from mmrun.model.units import PAGE

GROUP_BLOCKS = 32_768  # blocks of a group: bits of a bitmap of one block
DESCRIPTORS = 64  # group descriptors of a block, of 64 bytes
INODES = 16  # inodes of a block, of 256 bytes
INDIRECT = 1_024  # pages of an indirect block (ext3)
LEAF_PAGES = 340 * 16  # pages that the extents of a leaf tell of at least (ext4)


class Layout(NamedTuple):
    """First blocks of each part, and how many there are in all."""

    descriptors: int
    bitmaps: int
    inodes: int
    maps: int
    blocks: int


def maps_of(kind: str, pages: int) -> int:
    """Blocks that tell where a file of so many pages lies: indirect blocks, or leaves of its extent tree."""
    return pages // (INDIRECT if kind == "ext3" else LEAF_PAGES) + 1


def layout(kind: str, disk_size: int, pages: list[int]) -> Layout:
    """The metadata of a disk of so many bytes with files of so many pages."""
    groups = -(-(disk_size // PAGE) // GROUP_BLOCKS)
    bitmaps = 1 + -(-groups // DESCRIPTORS)
    inodes = bitmaps + groups
    maps = inodes + len(pages) // INODES + 1
    return Layout(1, bitmaps, inodes, maps, maps + sum(maps_of(kind, each) for each in pages))


def metadata_name(disk: str) -> str:
    """What the file of a disk's metadata is called; no file of a cell has brackets."""
    return f"(metadata of {disk})"


def journalled(disks: Mapping[str, object]) -> dict[str, Journalled]:
    """The file systems with a journal, by disk, in the order of disks."""
    found = {name: getattr(disk, "file_system", None) for name, disk in disks.items()}
    return {name: each for name, each in found.items() if isinstance(each, Journalled)}
