"""Flushers at work, request by request, on a machine with dirty files."""

from mmrun.model.build import Built
from mmrun.model.description import Cell, Disk, Machine, Region
from mmrun.model.machine.state import run_settings
from mmrun.model.mm.writeback.dirty import set_dirty
from mmrun.model.mm.writeback.state import writeback_count
from mmrun.model.mm.writeback.writeback import wakeup_flushers
from mmrun.model.units import MS, PAGE
from tests.model.actors import flusher_of, go_on, waiting
from tests.model.cells import call, given, machine, machine_of


def host(*disks: Disk, memory: int = 32) -> Machine:
    """A machine with disks d, e, f, ..."""
    return machine(memory, disks=dict(zip("defgh", disks or (Disk(kind="hdd"),), strict=False)))


def dirty_files(era: str, *pages: int, disk: Disk | None = None) -> Built:
    """A machine with a file of so many pages each, all dirty."""
    tasks = {f"t{i}": given(Region(kind="file", access="read", disk="d", size=n * PAGE)) for i, n in enumerate(pages)}
    built = machine_of(Cell(kernel=era, machine=host(disk or Disk(), memory=128), tasks=tasks), 1)
    m, frames, pfn = built.memory.m, built.memory.table("frames"), 0
    run_settings(m).quantum = 0
    for file, n in enumerate(pages):
        start = int(built.memory.table("files")[file].start)
        for i in range(n):
            frames[pfn].owner, frames[pfn].slot, frames[pfn].order = start + i, file, 0
            built.memory.table("cache")[start + i] = pfn + 1
            set_dirty(m, pfn, file)
            pfn += 1
    return built


def woken_flusher(built: Built) -> int:
    """The actor that is the flusher of the first wb, asked to write everything."""
    who = flusher_of(built)
    if not built.memory.table("actors")[who].stack:
        go_on(built, who)  # it rests
    wakeup_flushers(built.memory.m, 0)
    return who


def written(built: Built, who: int) -> tuple[int, int]:
    """(file, pages) of the next request that the flusher makes, 0 pages when it rests or waits."""
    before = int(writeback_count(built.memory.m).nr_dirty)
    go_on(built, who)
    return int(built.memory.table("jobs")[who].inode), before - int(writeback_count(built.memory.m).nr_dirty)


def visits(built: Built) -> list[tuple[int, int]]:
    """(file, pages) of each visit of the flusher until it rests."""
    m, found, left = built.memory.m, [], -1
    who = woken_flusher(built)
    job = built.memory.table("jobs")[who]
    while True:
        file, pages = written(built, who)
        if pages == 0:
            assert waiting(built, built.memory.table("wbs")[0].dwork) == [who]
            return found
        if found and found[-1][0] == file and left - pages == job.nr_to_write:
            found[-1] = (file, found[-1][1] + pages)
        else:
            found.append((file, pages))
        left = int(job.nr_to_write)
        m.now += 2 * MS
        call(built, "finish_writes")
