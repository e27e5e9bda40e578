"""What ext3 and ext4 answer."""

from mmrun.model.core.jit import Hook
from mmrun.model.fs.ext4.aops import fs_page_mkwrite, write_begin, write_end
from mmrun.model.fs.ext4.fsync import sync_file
from mmrun.model.fs.ext4.writepages import end_of_pages, ext4_end_io, fs_writepage, map_blocks
from mmrun.model.fs.vfs.layout import journalled
from mmrun.model.machine.built import Plan


def actors(plan: Plan) -> dict[str, int]:
    """Who converts written extents, a journal."""
    return {"conversion": len(journalled(plan.cell.machine.disks))}


def hooks(plan: Plan) -> tuple[Hook, ...]:
    """The calls of a file system, and its daemon."""
    return (
        write_begin, write_end, fs_page_mkwrite, map_blocks, end_of_pages, sync_file, fs_writepage, ext4_end_io,
    )  # fmt: skip
