"""The vocabulary of file systems, and the calls that one answers (part of `mmrun.model.description`)."""

from typing import Annotated, ClassVar, Literal

from mmrun.model.core.mechanism import CORE, Case, Subject, Told, counters, hooks
from mmrun.model.rules.bounds import Range, Why
from mmrun.model.rules.record import Family, abstract, record
from mmrun.model.units import MS, Bytes, GiB, KiB, MiB, Nanoseconds, S

JOURNALLED = ("ext3", "ext4")

HOOKS = {
    **hooks(
        CORE,
        136,
        ("write_begin", "file slot", "0; write() is about to look for the page at `slot` (a_ops->write_begin)"),
        ("write_end", "file slot copied", "0; it has the page, dirty if `copied` (a_ops->write_end)"),
        ("fs_page_mkwrite", "file slot", "0; a store through a mapping will dirty the page (vm_ops->page_mkwrite)"),
        ("map_blocks", "file slot most",
         "pages from `slot` on, at most `most`, that have blocks now and may be sent (a_ops->writepages)"),
    ),
    **hooks(
        CORE,
        142,
        ("end_of_pages", "file", "0; who wrote pages of the file is done with it for now"),
        ("sync_file", "task file", "0; data is written, the rest of fsync() (f_op->fsync)"),
    ),
    **hooks(
        CORE,
        150,
        ("fs_writepage", "frame kswapd", "1 = reclaim may write the page, 0 = it stays dirty (a_ops->writepage)"),
    ),
}  # fmt: skip


TASK_COUNTERS = counters("""
stall_journal_ns | lower | time waiting for a file system: its journal, its metadata, pages that must hold still | ns
""")

VFS_COUNTERS = counters("""
writepage_mapped | none | pages that reclaim asked a file system with delayed allocation to write, and that it might
writepage_refused_delalloc | lower | pages that a file system left dirty, as they have no blocks yet
stable_page_waits | lower | sleeps of writers until the page they write to has been written | events
""")


def has_file_system(case: Case) -> bool:
    """Whether a disk says what file system it has."""
    return any(disk.file_system is not None for disk in case.cell.machine.disks.values())


TOLD = (Told("machine", VFS_COUNTERS, when=has_file_system),)


@abstract
class FileSystem(Family):
    """What files of a disk lie in; which fields it has depends on its kind."""

    usual: ClassVar[str] = "none"
    kind: str = "none"
    """`none`: no metadata, no journal, blocks as the disk's `allocation` says. `ext3`: a journal, no delayed
    allocation; in `ordered` mode a commit writes all data written since the last one. `ext4`: a journal, delayed
    allocation."""
    stable_writes: bool = False
    """The device sums what it is given (DIF, digests, RAID5), so pages hold still while they are written: who writes to
    one waits. To 3.8 every file system does so for every device."""


@record
class NoFileSystem(FileSystem):
    """Files without metadata."""

    kind: Literal["none"] = "none"


@record
class Journalled(FileSystem):
    """A file system with a journal of blocks."""

    kind: Literal["ext3", "ext4"]
    journal: Annotated[Bytes, Range(ge=4 * MiB, le=GiB, multiple_of=4 * KiB), Why("mke2fs makes 4MiB to 1GiB")] = (
        128 * MiB
    )
    """Size of the journal, inside the file system."""
    data: Literal["ordered", "writeback"] = "ordered"
    """`ordered`: data of new blocks is on the disk before a commit that tells of them. `writeback`: it need not be."""
    commit: Annotated[Nanoseconds, Range(ge=100 * MS)] = 5 * S
    """A transaction commits at this age at the latest, rounded up to whole seconds."""
    barrier: bool | None = None
    """Commits and fsync flush the device's write cache. Default: yes; ext3 to 3.5 not."""
    delalloc: bool | None = None
    """Blocks are allocated when pages are written to the disk. Default: ext4 yes, ext3 never."""


SUBJECTS = (
    Subject(
        "journal",
        "A disk's `file_system` has one: `ext3` and `ext4` commit transactions, order data before them, make fsync and "
        "writers wait. data=journal, fast commits and external journals are not modelled.",
        ("machine.disks.file_system", "jbd2_commits", "stall_journal_ns"),
        ("jbd2", "jbd", "kjournald", "barrier", "commit interval", "data=ordered"),
    ),
)
