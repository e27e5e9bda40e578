"""PG_reclaim and PG_readahead are one bit: who finds a page marked for reclaim takes it for one read ahead."""

import numpy as np
import pytest

from mmrun.model.build import Built
from mmrun.model.description import Disk, Region, SwapTarget, Sysctl
from mmrun.model.mm.lru.rmap import mark_dirty
from mmrun.model.mm.page.flags import DIRTY, READAHEAD, RECLAIM, WRITEBACK
from mmrun.model.units import MS, KiB, MiB
from tests.model.actors import Entered, life
from tests.model.cells import machine, one, reads, run, writes

TASK, PAGE = 0, 18
DISK = {"d": Disk()}


@life
def dirtied(m, pfn):
    """Stores through a mapping made a page dirty."""
    mark_dirty(m, pfn)
    return 0


def cached(access: str, read: int, readahead: int = 0) -> tuple[Built, np.ndarray]:
    """A machine whose task has read so many pages of a file, and the frame of page `PAGE`, as a row."""
    region = Region(kind="file", access=access, disk="d", readahead=readahead, size=64 * 4096)
    built = run(one("6.18", machine(16, disks=DISK), region), reads(range(read)), footprint=64).built
    pfn = int(built.memory.table("cache")[PAGE]) - 1
    return built, built.memory.table("frames")[pfn : pfn + 1]


def test_they_are_one_bit():
    assert READAHEAD == RECLAIM


def test_a_store_through_a_mapping_takes_the_mark_away():
    built, page = cached("mmap", 20)
    page["state"] |= RECLAIM
    Entered(built, TASK, dirtied, int(built.memory.table("cache")[PAGE]) - 1)
    assert page["state"][0] & (RECLAIM | DIRTY) == DIRTY


@pytest.mark.parametrize(("being_written", "read_on"), [(0, True), (WRITEBACK, False)])
def test_a_read_of_a_marked_page_reads_on_unless_it_is_being_written(being_written, read_on):
    """page_cache_async_readahead: a page under writeback keeps its mark, which is reclaim's."""
    built, page = cached("read", 12, 32 * KiB)
    page["state"] |= RECLAIM | being_written
    before = int((built.memory.table("cache")[:64] > 0).sum())
    Entered(built, TASK, "access", TASK, 0, PAGE, 0)
    after = int((built.memory.table("cache")[:64] > 0).sum())
    assert (after > before) is read_on and bool(page["state"][0] & RECLAIM) is not read_on


@pytest.mark.parametrize(("era", "hits"), [("3.10", False), ("6.1", True), ("6.18", True)])
def test_a_page_that_comes_back_while_it_is_written_to_swap_is_a_hit_and_stays(era, hits):
    """lookup_swap_cache clears the bit since 3.14, so the end of the write does not send the page to the tail."""
    pages = np.random.default_rng(1).integers(0, 6000, 40_000)
    slow = {"d": Disk(write_latency=5 * MS, parallel=1)}
    host = machine(16, disks=slow, swap={"s": SwapTarget(kind="partition", disk="d", size=64 * MiB)})
    found = run(one(era, host, vm=Sysctl(page_cluster=0)), writes(pages)).metrics
    assert found["swap_ra"] == 0 and (found["swap_ra_hit"] > 0) is hits
    assert found["pgrotated"] <= found["pswpout"] - found["swap_ra_hit"]
