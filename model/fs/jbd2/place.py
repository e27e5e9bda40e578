"""Journals of a machine record: where their logs and metadata lie, how large a transaction may get."""

from mmrun.model.core.jit import Hook
from mmrun.model.core.record import NONE
from mmrun.model.eras import era
from mmrun.model.fs.jbd2.commit import kjournald
from mmrun.model.fs.jbd2.formulas import max_transaction, overhead
from mmrun.model.fs.jbd2.state import handles, jbd2_settings, journals
from mmrun.model.fs.vfs.layout import Layout, journalled, layout, maps_of, metadata_name
from mmrun.model.fs.vfs.settings import Journalled
from mmrun.model.fs.vfs.state import HOLE
from mmrun.model.machine.built import Built, Plan
from mmrun.model.mm.writeback.extents import EXTENT_PAGES
from mmrun.model.units import MS, PAGE

MAX_BATCH = 15 * MS  # EXT4_DEF_MAX_BATCH_TIME


def files_on(plan: Plan, disk: str) -> list[int]:
    """Pages of each file of a disk, its metadata left out, in the order of their numbers."""
    found = []
    for name, file in plan.files.items():
        if file.disk == disk and name != metadata_name(disk):
            found += [min(file.each or file.pages, file.pages - i * (file.each or 0)) for i in range(file.count)]
    return found


def layouts(plan: Plan) -> dict[str, Layout]:
    """The metadata of each disk with a journal."""
    disks = plan.cell.machine.disks
    return {name: layout(each.kind, disks[name].size, files_on(plan, name)) for name, each in journalled(disks).items()}


def _transactions(of: Layout, file_system: Journalled) -> int:
    """Transactions that there can be at a time: running, committing, and finished ones with something in the log."""
    return min(of.blocks, file_system.journal // PAGE) + 4


def rows(plan: Plan) -> dict[str, int]:
    """How many rows each table has."""
    found, systems = layouts(plan), journalled(plan.cell.machine.disks)
    return {
        "journals": len(found), "transactions": sum(_transactions(found[name], systems[name]) for name in found),
        "journal_heads": sum(each.blocks for each in found.values()),
        "handles": sum(plan.actors.values()) if found else 0,
    }  # fmt: skip


def actors(plan: Plan) -> dict[str, int]:
    """A kjournald a journal."""
    return {"journal": len(journalled(plan.cell.machine.disks))}


def hooks(plan: Plan) -> tuple[Hook, ...]:
    """The daemon."""
    return (kjournald,)


def place(built: Built) -> None:
    """Fill the rows of journals, behind disks and files."""
    first_row = first_buffer = 0
    systems = journalled(built.cell.machine.disks)
    for j, (name, of) in enumerate(layouts(built.plan).items()):
        row, count = journals(built.memory.m)[j], _transactions(of, systems[name])
        row.disk, row.meta = built.disks.index(name), built.plan.files[metadata_name(name)].number
        row.descriptors, row.bitmaps, row.inodes, row.maps, row.nr_meta = of
        row.buffers, row.running, row.committing, row.next_tid = first_buffer, NONE, NONE, 1
        row.checkpoints.head = row.checkpoints.tail = row.last_sync_writer = NONE
        _sizes(built, row, systems[name])
        _rows(built, j, first_row, count)
        _blocks(built, j, row)
        _inodes(built, j, row, systems[name].kind)
        first_row, first_buffer = first_row + count, first_buffer + of.blocks


def _sizes(built: Built, row, file_system: Journalled) -> None:
    flags, old = era(built.cell.kernel).flags, jbd2_settings(built.memory.m)
    row.blocks = file_system.journal // PAGE
    row.most = max_transaction(row.blocks, int(old.journal_parts))
    row.overhead = overhead(int(row.most)) if old.log_overhead else 0
    row.commit_interval, row.max_batch = file_system.commit, MAX_BATCH
    default = file_system.kind != "ext3" or flags["ext3_barrier"]
    row.barrier = default if file_system.barrier is None else file_system.barrier
    row.ordered = file_system.data == "ordered"
    row.jbd = file_system.kind == "ext3" and flags["jbd"]
    row.delalloc = file_system.kind == "ext4" and file_system.delalloc is not False


def _rows(built: Built, j: int, first: int, count: int) -> None:
    """All of its rows of transactions are free."""
    rows = built.memory.table("transactions")[first : first + count]
    rows["journal"], rows["next"] = j, range(first + 1, first + count + 1)
    journals(built.memory.m)[j].free_row = first


def _blocks(built: Built, j: int, row) -> None:
    """The log lies before the middle of the disk, where mke2fs puts it, metadata before that; all but maps exist."""
    disk, meta = built.memory.table("disks")[int(row.disk)], built.memory.table("files")[int(row.meta)]
    row.first_block = int(disk.nr_blocks) // 2 - int(row.blocks)
    meta.first_block = int(row.first_block) - -(-int(row.nr_meta) // EXTENT_PAGES) * EXTENT_PAGES
    heads = built.memory.table("journal_heads")[int(row.buffers) : int(row.buffers + row.nr_meta)]
    heads["made"][: int(row.maps)] = 1
    if disk.allocation:
        units = range(int(meta.start) // EXTENT_PAGES, (int(meta.start) + int(meta.npages)) // EXTENT_PAGES + 1)
        for i, unit in enumerate(units):
            built.memory.table("extents")[unit] = int(meta.first_block) + i * EXTENT_PAGES + 1
    disk.journal = j + 1
    meta.wb = built.memory.table("bdis")[int(row.disk)].first_wb


def _inodes(built: Built, j: int, row, kind: str) -> None:
    """Files of the disk, in the order of their numbers; those of a disk that allocates have no blocks yet."""
    files, inodes = built.memory.table("files"), built.memory.table("inodes")
    tids, number, first_map = built.memory.table("block_tids"), 0, int(row.maps)
    grows = built.memory.table("disks")[int(row.disk)].allocation > 0
    for file in range(len(files)):
        if files[file].disk != row.disk or file == row.meta:
            continue
        pages = int(files[file].npages)
        inodes[file].number, inodes[file].first_map = number, first_map
        inodes[file].isize = 0 if grows else pages
        if grows:
            tids[int(files[file].start) : int(files[file].start) + pages] = HOLE
        number, first_map = number + 1, first_map + maps_of(kind, pages)
    handles(built.memory.m)  # one an actor, all closed
