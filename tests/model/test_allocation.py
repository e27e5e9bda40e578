"""Where file systems of 2011 put the blocks of growing files."""

import numpy as np
import pytest

from mmrun.model.block.state import disks
from mmrun.model.build import Built
from mmrun.model.description import Cell, Disk, Region
from mmrun.model.mm.writeback.allocation import allocate, bumped, normalized
from mmrun.model.mm.writeback.dirty import set_dirty
from mmrun.model.mm.writeback.extents import block_of, pages_in_place, speculative
from mmrun.model.units import PAGE, MiB, S
from tests.model.cells import given, machine, machine_of, one, run, writes

PAGES = 6144  # of each file: 24 MiB


def growing(system: str, era: str = "3.1", files: int = 2) -> Built:
    """A machine with files that are empty so far, on a disk with that file system."""
    disk = Disk(kind="hdd", allocation=system)  # type: ignore[arg-type]
    region = Region(kind="file", access="read", disk="d", size=PAGES * PAGE)
    tasks = {f"t{i}": given(region) for i in range(files)}
    return machine_of(Cell(kernel=era, machine=machine(256, disks={"d": disk}), tasks=tasks), 1)


def write(built: Built, file: int, first: int, end: int) -> None:
    """Dirty pages `first` to `end` - 1 of a file."""
    m, frames = built.memory.m, built.memory.table("frames")
    start = int(built.memory.table("files")[file].start)
    for slot in range(start + first, start + end):
        pfn = file * PAGES + slot - start
        frames[pfn].owner, frames[pfn].slot, frames[pfn].order = slot, file, 0
        built.memory.table("cache")[slot] = pfn + 1
        set_dirty(m, pfn, file)


def write_back(built: Built, file: int, page: int) -> None:
    """See to it that a page has a block."""
    allocate(built.memory.m, file, int(built.memory.table("files")[file].start) + page)


def extents_of(built: Built, file: int) -> list[tuple[int, int, int]]:
    """(first page, pages, first block) of each piece of a file."""
    start = int(built.memory.table("files")[file].start)
    found: list[tuple[int, int, int]] = []
    for unit, at in enumerate(built.memory.table("extents")[start // 16 : (start + PAGES) // 16]):
        if at == 0:
            continue
        page, block = unit * 16, int(at) - 1
        if found and found[-1][0] + found[-1][1] == page and found[-1][2] + found[-1][1] == block:
            found[-1] = (found[-1][0], found[-1][1] + 16, found[-1][2])
        else:
            found.append((page, 16, block))
    return found


@pytest.mark.parametrize(
    ("size", "pages"), [(0, 16), (15, 16), (16, 16), (31, 32), (32, 32), (1000, 512), (1023, 1024), (1 << 22, 2097151)]
)
def test_xfs_reserves_as_much_as_the_file_is_long(size, pages):
    """xfs_iomap_prealloc_size: blocks + 1, down to a power of two; 64 KiB at least, an extent at most."""
    assert speculative(size) == pages


@pytest.mark.parametrize(
    ("size", "page", "piece"),
    [(1, 0, (0, 4)), (17, 16, (0, 32)), (256, 255, (0, 256)), (257, 256, (0, 512)), (1024, 600, (512, 512)),
     (1025, 1024, (1024, 1024)), (2049, 2048, (2048, 2048)), (100_000, 99_999, (98_304, 2048))],
)  # fmt: skip
def test_ext4_takes_aligned_pieces_by_the_size_of_the_file(size, page, piece):
    """ext4_mb_normalize_request: a power of two to 1 MiB; 2, 4, 8 MiB for files up to 4 MiB, 8 MiB, and larger."""
    assert normalized(size * PAGE, 1, page) == piece


def test_delayed_extents_lie_in_the_order_of_writing_back():
    """Two files that grew at the same time: XFS allocates what was dirty and what it reserved, one then the other."""
    built = growing("xfs")
    write(built, 0, 0, 100)
    write(built, 1, 0, 40)
    assert extents_of(built, 0) == extents_of(built, 1) == []
    write_back(built, 1, 0)
    write_back(built, 0, 0)
    # 16 + 16, then 32 + 32, 64 more beyond page 64: reserved to 128 + ... by xfs_iomap_prealloc_size each time
    assert [(first, block) for first, _, block in extents_of(built, 1)] == [(0, 0)]
    length = extents_of(built, 1)[0][1]
    assert extents_of(built, 0)[0][2] == length and extents_of(built, 0)[0][1] >= 100 and length >= 40
    whole = extents_of(built, 0)[0][1]
    write_back(built, 0, 99)
    assert extents_of(built, 0)[0][1] == whole, "it has a block already"
    write(built, 0, 100, whole + 1)
    write_back(built, 0, whole)
    assert extents_of(built, 0)[0][1] > 2 * whole - 64, "next to the last extent, and about as long as the file"


def test_what_a_closed_file_reserved_is_given_back():
    built = growing("xfs", files=1)
    write(built, 0, 0, PAGES)
    write_back(built, 0, 0)
    assert extents_of(built, 0) == [(0, PAGES, 0)] and int(disks(built.memory.m)[0].free_block) == PAGES


def test_btrfs_takes_what_is_dirty_in_one_piece_and_ext4_its_piece():
    built = growing("btrfs")
    write(built, 0, 0, 700)
    write(built, 1, 0, 20)
    write_back(built, 0, 0)
    write_back(built, 1, 0)
    assert extents_of(built, 0) == [(0, 704, 0)] and extents_of(built, 1) == [(0, 32, 704)]
    built = growing("ext4")
    write(built, 0, 0, 700)
    write_back(built, 0, 0)
    write_back(built, 0, 699)
    assert extents_of(built, 0) == [(0, 1024, 0)], "2 MiB, and 2 MiB behind them"


def test_ext3_allocates_windows_that_double_when_pages_become_dirty():
    built = growing("ext3")
    write(built, 0, 0, 16)
    write(built, 1, 0, 1)
    write(built, 0, 16, 100)
    assert extents_of(built, 1) == [(0, 16, 16)]
    assert extents_of(built, 0) == [(0, 16, 0), (16, 96, 32)], "32 and 64 pages behind the other file's 16"
    write(built, 1, 1, 5000)
    windows = [16 << i for i in range(6)] + [1024] * 4
    assert sum(pages for _, pages, _ in extents_of(built, 1)) == sum(windows) == 5104


def test_places_of_pages():
    built = growing("ext3")
    write(built, 0, 0, 20)
    write(built, 1, 0, 1)
    m, start = built.memory.m, int(built.memory.table("files")[0].start)
    assert [block_of(m, 0, start + page) for page in (0, 17)] == [0, 17]
    assert pages_in_place(m, 0, start + 3) == 45 and pages_in_place(m, 0, start + 47) == 1


@pytest.mark.parametrize(
    ("era", "system", "pages"), [("3.1", "ext4", 3000), ("3.15", "ext4", 1024), ("3.1", "xfs", 1024)]
)
def test_ext4_goes_on_to_the_end_of_the_dirty_run(era, system, pages):
    """To 3.10 a visit of 4 MiB becomes one of everything dirty at hand, 128 MiB at most."""
    built = growing(system, era)
    write(built, 0, 0, 3000)
    start = int(built.memory.table("files")[0].start)
    assert bumped(built.memory.m, 0, start, 1024) == pages
    assert bumped(built.memory.m, 0, start + 2900, 1024) == 1024


@pytest.mark.parametrize("system", ["xfs", "ext4", "btrfs", "ext3"])
def test_writers_side_by_side_seek_less_than_writers_far_apart(system):
    seeks = {}
    for allocation in ("fixed", system):
        disk = Disk(kind="hdd", allocation=allocation)  # type: ignore[arg-type]
        cell = one("3.1", machine(64, disks={"d": disk}), Region(kind="file", access="read", disk="d", size=40 * MiB))
        metrics = run(cell, np.concatenate([writes(range(10_000))])).metrics
        assert metrics["nr_written"] > 4000 and metrics["elapsed_ns"] < 60 * S
        seeks[allocation] = metrics["disk.d.seeks"]
    assert seeks[system] <= seeks["fixed"] + 3, "one writer alone is sequential in every layout"
