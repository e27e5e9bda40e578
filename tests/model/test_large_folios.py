"""Large folios in the page cache: which readahead makes, how they are mapped, referenced, written and reclaimed."""

from dataclasses import replace

import numpy as np
import pytest

from mmrun.model.description import Cgroup, Disk, Region, Sysctl
from mmrun.model.mm.fault.tree_walk import next_miss, prev_miss
from mmrun.model.mm.lru.shadow import age_of, memcg_of, of_order, order_of, pack
from mmrun.model.mm.page import flags as state
from mmrun.model.mm.task.state import files as files_of
from mmrun.model.units import PAGE, KiB, MiB
from tests.model.cells import Run, machine, mapped_frame, one, reads, run, writes

HOST = machine(32, disks={"d": Disk(), "x": Disk(allocation="xfs"), "e": Disk(allocation="ext4")})
READ = Region(kind="file", access="read", disk="d", filesystem="xfs")
MAPPED = replace(READ, access="mmap")


def orders(done: Run) -> list[int]:
    """Orders of the folios in the page cache, in the order of their places in the file."""
    frames, entries = done.built.memory.table("frames"), done.built.memory.table("cache")
    held = entries[entries > 0] - 1
    heads = held[frames["kind"][held] == state.FILE_PAGE]
    assert (np.diff(frames["owner"][heads]) > 0).all()
    return frames["order"][heads].tolist()


def filled(kernel: str, region: Region, pages: int = 512) -> list[int]:
    """The orders after a file of `pages` was gone through once, a page at a time."""
    return orders(run(one(kernel, HOST, region), reads(range(pages))))


@pytest.mark.parametrize("kernel", ["6.9", "6.12", "6.16"])
def test_buffered_reads_ramp_up_from_windows_that_begin_misaligned(kernel: str):
    """Windows of 4, 8, 16, 32, 32 ... pages: their folios are as large as alignment and the order of the mark allow."""
    done = filled(kernel, READ)
    assert done[:9] == [2, 2, 2, 2, 3, 2, 2, 4, 3] and done[9:13] == [2, 2, 4, 3]
    assert max(done) == 4


def test_larger_windows_stop_at_order_4():
    """1 MiB of readahead: windows of 4, 16, 32, 64 pages."""
    done = filled("6.12", replace(READ, readahead=1 * MiB))
    assert done[:14] == [2, 2, 3, 2, 2, 3, 4, 2, 2, 3, 4, 4, 4, 2]


def test_mapped_files_before_6_17():
    """Read-around brings 8 folios of order 2 (128 KiB), then 2 of order 4, then order 5 for ever."""
    assert filled("6.12", MAPPED) == [2] * 8 + [4] * 2 + [5] * 14


def test_mapped_files_since_6_17():
    """Read-around brings single pages, then 8 folios of order 2, 2 of order 4, and order 5 for ever."""
    assert filled("6.17", MAPPED) == [0] * 32 + [2] * 8 + [4] * 2 + [5] * 13


def test_buffered_reads_since_6_17_end_on_boundaries():
    """The first window is of single pages; each following ends on a boundary of its order: 4, 8, 4 pages, and so on."""
    done = filled("6.18", READ)
    sizes = np.cumsum([0, *(1 << order for order in done)])
    assert all(start % (1 << order) == 0 for start, order in zip(sizes, done, strict=False))
    assert done[:4] == [0] * 4 and done[-5:] == [5] * 5


def test_order_1_exists_since_6_9():
    """A file of 6 pages is read in one window of 4 and one that ends with the file."""
    assert filled("6.12", READ, 6) == [2, 1]
    assert filled("6.8", READ, 6) == [2, 0, 0]


@pytest.mark.parametrize(
    ("kernel", "filesystem", "large"),
    [("5.17", "xfs", 0), ("5.18", "xfs", 1), ("6.15", "ext4", 0), ("6.16", "ext4", 1), ("6.18", None, 0)],
)
def test_who_has_them(kernel: str, filesystem: str | None, large: int):
    done = run(one(kernel, HOST, replace(READ, filesystem=filesystem)), reads(range(256)))
    assert (done.metrics["readahead_folios"] > 0) == large
    assert (max(orders(done)) > 0) == large


@pytest.mark.parametrize(("disk", "kernel", "large"), [("x", "5.18", 9), ("e", "6.15", 0), ("e", "6.16", 9)])
def test_the_disk_says_what_its_files_have(disk: str, kernel: str, large: int):
    done = run(one(kernel, HOST, replace(READ, filesystem=None, disk=disk)), reads(range(64)))
    assert files_of(done.m)[0].max_order == large


def test_read_counts_a_folio_once_however_many_pages_it_reads():
    """A second pass over a folio is its second use: then it becomes active, with all its pages."""
    once = run(one("6.12", HOST, MAPPED), reads([0]), footprint=512)
    assert once.metrics["pgactivate"] == 0
    passes = run(one("6.12", HOST, READ), reads([*range(64), *range(64)]), footprint=512)
    assert passes.metrics["pgactivate"] == 64
    before = run(one("5.18", HOST, READ), reads(range(16)), footprint=512)
    assert before.metrics["pgactivate"] >= 16, "to 5.18 each page marked its folio"


@pytest.mark.parametrize(("kernel", "mapped"), [("6.17", 16), ("6.18", 32)])
def test_a_fault_maps_what_is_around_it_or_the_whole_folio(kernel: str, mapped: int):
    """The folio of order 5 at page 96, once its mark is gone: 16 pages around the fault, since 6.18 all of it."""
    region = replace(MAPPED, size=512 * PAGE)
    done = run(one(kernel, HOST, region), reads([*range(0, 160, 4), 200]), footprint=512)
    frames = done.built.memory.table("frames")
    head = int(done.built.memory.table("cache")[128]) - 1
    assert frames["order"][head] == 5
    assert frames["mapcount"][head] in (mapped, 32)
    assert mapped_frame(done.built, 131) == head + 3


def test_without_fault_around_6_18_maps_whole_folios():
    region = replace(MAPPED, fault_around=4 * KiB)
    done = run(one("6.18", HOST, region), reads(range(256)), footprint=512)
    frames = done.built.memory.table("frames")
    head = int(done.built.memory.table("cache")[224]) - 1
    assert frames["order"][head] == 5 and frames["mapcount"][head] == 32
    earlier = run(one("6.17", HOST, region), reads(range(225)), footprint=512)
    frames = earlier.built.memory.table("frames")
    assert frames["mapcount"][int(earlier.built.memory.table("cache")[224]) - 1] == 1


@pytest.mark.parametrize("kernel", ["5.18", "6.12", "6.16", "6.18", "6.18+mglru"])
def test_a_store_makes_all_of_a_folio_dirty_and_it_is_written_whole(kernel: str):
    cell = one(kernel, HOST, MAPPED, vm=Sysctl(dirty_writeback_centisecs=0))
    done = run(cell, np.concatenate([reads(range(256)), writes([200])]), footprint=512)
    frames = done.built.memory.table("frames")
    pfn = mapped_frame(done.built, 200)
    assert pfn is not None
    head = int(frames["owner"][pfn]) if frames["kind"][pfn] == state.TAIL_PAGE else pfn
    assert frames["state"][head] & state.DIRTY and done.metrics["nr_dirty"] == 1 << int(frames["order"][head]) > 1


@pytest.mark.parametrize("kernel", ["6.12", "6.18"])
def test_reclaim_drops_folios_whole_and_every_page_leaves_its_shadow(kernel: str):
    """A group with room for half of a file that is read twice in order: all of it is evicted and comes back."""
    cell = one(kernel, HOST, replace(READ, disk=None), cgroups={"g": Cgroup(max=1 * MiB)})
    done = run(cell, reads([*range(512), *range(512)]))
    assert done.metrics["workingset_refault_file"] == 512
    assert done.metrics["pgsteal_file"] >= 512 + 256
    assert done.metrics["pgscan_file"] == done.metrics["pgsteal_file"], "read once each time, so none is kept"
    entries = done.built.memory.table("cache")[:512]
    assert (entries != 0).all() and 128 < (entries > 0).sum() <= 256


def test_runs_of_pages_end_where_a_walk_loses_its_place():
    """Pages 4 to 11 are two folios, behind a hole: from page 11 the walk goes on beside page 8, where the entry is."""
    done = run(one("6.12", HOST, replace(READ, size=512 * PAGE)), reads([0, 1]), footprint=512)
    assert orders(done) == [2, 2, 2]
    m, entries = done.m, done.built.memory.table("cache")
    entries[:4] = 0
    assert prev_miss(m, 0, 2, 32) == 2
    assert prev_miss(m, 0, 11, 32) == 6, "two folios of 4 pages are taken for 5 pages"
    assert next_miss(m, 0, 4, 32) == 12
    assert next_miss(m, 0, 5, 32) == 13, "from within a folio one page too far"
    entries[:4] = of_order(pack(1000, 1, 0, 0), 2)
    assert order_of(entries[0]) == 2 and age_of(entries[0]) == 1000 and memcg_of(entries[0]) == 1
    assert prev_miss(m, 0, 11, 32) == 3, "siblings of a shadow are taken for pages"
    entries[:4] = pack(1000, 1, 0, 0)
    assert prev_miss(m, 0, 11, 32) == 6
