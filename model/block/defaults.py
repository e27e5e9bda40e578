"""What a disk of a kind is where its description says nothing."""

from mmrun.model.block.settings import Disk, given
from mmrun.model.core.frozen import frozen
from mmrun.model.fs.vfs.settings import Journalled
from mmrun.model.units import MB_S, MS, US, GiB, MiB


@frozen
class DiskDefaults:
    """What a disk of a kind is where its description says nothing."""

    read_latency: int
    write_latency: int
    parallel: int
    read_bandwidth: int
    write_bandwidth: int
    write_cache: int = 0
    flush: int = 0
    drain_bandwidth: int = 0  # 0: as fast as it is written


DISK_DEFAULTS = {
    "generic": DiskDefaults(94 * US, 20 * US, 16, 2_700 * MB_S, 1_000 * MB_S),
    "sata-ssd": DiskDefaults(85 * US, 115 * US, 10, 250 * MB_S, 70 * MB_S, 32 * MiB, 1_500 * US),
    "optane": DiskDefaults(8_900, 8_900, 5, 2_400 * MB_S, 2_000 * MB_S),
    "nvme": DiskDefaults(80 * US, 20 * US, 16, 3_500 * MB_S, 3_000 * MB_S, GiB, 700 * US, 1_000 * MB_S),
    "emmc": DiskDefaults(150 * US, 300 * US, 1, 250 * MB_S, 125 * MB_S, 4 * MiB, 5 * MS),
    "virtio": DiskDefaults(120 * US, 40 * US, 16, 2_000 * MB_S, 2_000 * MB_S, GiB, 2 * MS, 500 * MB_S),
    "hdd": DiskDefaults(0, 0, 32, 138 * MB_S, 138 * MB_S, 64 * MiB),
    "usb": DiskDefaults(MS, MS, 1, 20 * MB_S, 6 * MB_S, MiB, 5 * MS),
    "stripe": DiskDefaults(0, 0, 1, MB_S, MB_S),
    "nfs": DiskDefaults(0, 0, 1, MB_S, MB_S),
}


def disk_value(disk: Disk, name: str) -> int:
    """Field `name` of the disk, or its kind's default."""
    value = given(disk, name)
    return getattr(DISK_DEFAULTS[disk.kind], name) if value is None else value


def allocation_of(disk: Disk) -> str:
    """How blocks of the disk's files are allocated."""
    if disk.allocation is None:
        return disk.file_system.kind if isinstance(disk.file_system, Journalled) else "fixed"
    return disk.allocation
