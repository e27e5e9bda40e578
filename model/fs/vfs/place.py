"""Which file system each disk has."""

from mmrun.model.eras import era
from mmrun.model.fs.vfs.layout import journalled
from mmrun.model.fs.vfs.settings import FileSystem
from mmrun.model.fs.vfs.state import FS_EXT3, FS_EXT4, FS_NONE
from mmrun.model.machine.built import Plan

KINDS = {"none": FS_NONE, "ext3": FS_EXT3, "ext4": FS_EXT4}


def rows(plan: Plan) -> dict[str, int]:
    """How many rows each table has: none where no disk has a journal."""
    any_journal = bool(journalled(plan.cell.machine.disks))
    files = sum(file.count for file in plan.files.values())
    return {
        "block_tids": plan.cache * any_journal, "versions": plan.cache * any_journal, "inodes": files * any_journal,
    }  # fmt: skip


def is_stable(kernel: str, file_system: FileSystem | None) -> bool:
    """Whether pages of a disk's files hold still while they are written."""
    return file_system is not None and bool(era(kernel).flags["stable_pages"] or file_system.stable_writes)
