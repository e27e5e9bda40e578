"""What is told of file systems beside their journals."""

from mmrun.model.fs.vfs.settings import VFS_COUNTERS
from mmrun.model.fs.vfs.state import fs_count
from mmrun.model.machine.built import Built


def metrics(built: Built) -> dict[str, int]:
    """Counters of the machine, where a disk says what file system it has."""
    if all(disk.file_system is None for disk in built.cell.machine.disks.values()):
        return {}
    return {name: int(fs_count(built.memory.m)[name]) for name in VFS_COUNTERS}
