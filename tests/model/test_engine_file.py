"""The page cache: readahead, fault-around, shared mappings, writing back."""

from dataclasses import replace

import numpy as np
import pytest

from mmrun.model.block.state import disks
from mmrun.model.core.codes import KILLED
from mmrun.model.description import Cell, Cgroup, Disk, Region
from mmrun.model.mm.page import flags as state
from mmrun.model.mm.page.state import zones
from mmrun.model.mm.task.state import PTE_PRESENT, PTE_YOUNG
from mmrun.model.mm.task.state import files as files_of
from mmrun.model.mm.writeback.state import writeback_count
from mmrun.model.units import MS, PAGE, KiB, MiB
from tests.model.cells import ERAS, Run, given, machine, mapped_frame, one, reads, run, sampled, writes

HOST = machine(16, disks={"d": Disk()})
READ = Region(kind="file", access="read", disk="d")
MAPPED = Region(kind="file", disk="d")


def without(region: Region, **more) -> Region:
    return replace(region, readahead=0, **more)


def requests(done: Run) -> int:
    return int(disks(done.m)[0].reads)


@pytest.mark.parametrize("era", ERAS)
def test_without_readahead_every_page_is_a_request(era):
    done = run(one(era, HOST, without(READ)), reads(range(100)))
    assert done.metrics["misses"] == done.metrics["pgpgin"] == requests(done) == 100
    assert done.metrics["readahead"] == 0


@pytest.mark.parametrize("era", ERAS)
def test_sequential_reads_miss_once_and_windows_double(era):
    """Each window is submitted at the mark of the one before: 4, 8, 16, 32, 32, 32, and 4 that the file still has.

    6.18 ends windows on multiples of 4 << (2 * number of windows) pages: 4, 8, 4, 8, 8, 16, 16, 32, 32.
    """
    done = run(one(era, HOST, READ), reads(range(100)), footprint=128)
    windows = 9 if era == "6.18" else 7
    assert done.metrics["misses"] == 1
    assert done.metrics["pgpgin"] == 128 and requests(done) == windows
    assert done.metrics["readahead"] == 128 - windows


def test_a_second_pass_reads_what_lies_behind_a_cached_page():
    """6.18 charges a page for the place of the cached one before it notices; nothing is read twice or left out."""
    done = run(one("6.18", HOST, MAPPED, cgroups={"g": Cgroup(max=4 * MiB)}), reads([40, 90, 64]), footprint=128)
    cached = np.flatnonzero(done.built.memory.table("cache") > 0)
    assert cached.tolist() == list(range(24, 106)) and done.metrics["pgpgin"] == 82
    earlier = run(one("6.1", HOST, MAPPED, cgroups={"g": Cgroup(max=4 * MiB)}), reads([40, 90, 64]), footprint=128)
    assert done.metrics["pgalloc"] == earlier.metrics["pgalloc"] + 1


@pytest.mark.parametrize("era", ERAS)
def test_random_reads_are_not_read_ahead(era):
    pages = [50, 10, 90, 30, 70]
    done = run(one(era, HOST, READ), reads(pages), footprint=128)
    assert done.metrics["misses"] == done.metrics["pgpgin"] == 5


@pytest.mark.parametrize("era", ERAS)
def test_advice_random_turns_readahead_off(era):
    done = run(one(era, HOST, replace(READ, advice="random")), reads(range(50)))
    assert done.metrics["misses"] == done.metrics["pgpgin"] == 50


@pytest.mark.parametrize("era", ERAS)
def test_a_mapped_file_is_read_around_the_fault(era):
    """32 pages around page 40: 24 to 55."""
    done = run(one(era, HOST, MAPPED), reads([40]), footprint=128)
    assert done.metrics["pgmajfault"] == 1 and done.metrics["pgpgin"] == 32 and requests(done) == 1
    cached = np.flatnonzero(done.built.memory.table("cache") > 0)
    assert cached.tolist() == list(range(24, 56))


@pytest.mark.parametrize("era", ERAS)
def test_fault_around_maps_what_is_cached(era):
    """Windows of 16 pages since 3.15; the page that carries the readahead mark (24) faults by itself."""
    done = run(one(era, HOST, MAPPED), reads(range(32)), footprint=32)
    assert done.metrics["pgmajfault"] == 1
    retried = 2 * (era in ("5.8", "5.15"))  # counted again: the read, and the one that reads on (5.1 to 6.3)
    assert done.metrics["pgfault"] == (32 if era == "3.1" else 3 + retried)
    off = run(one(era, HOST, replace(MAPPED, fault_around=4 * KiB)), reads(range(32)), footprint=32)
    assert off.metrics["pgfault"] == 32 + retried and off.metrics["pgmajfault"] == 1


def test_pages_mapped_around_a_fault_are_young():
    """As on x86, where the hardware sets the bit anyway."""
    done = run(one("6.18", HOST, MAPPED), reads([5]), footprint=32)
    words = done.built.memory.table("pte")[:17]
    wanted = PTE_PRESENT | PTE_YOUNG
    assert [bool(word & wanted == wanted) for word in words] == [True] * 16 + [False]


def sharing(era: str, *regions: Region, **more) -> Cell:
    tasks = {f"t{i}": given(region) for i, region in enumerate(regions)}
    return Cell(kernel=era, machine=HOST, tasks=tasks, **more)


@pytest.mark.parametrize("era", ERAS)
def test_two_tasks_share_a_files_pages(era):
    region = without(MAPPED, file="shared", fault_around=4 * KiB)
    done = run(sharing(era, region, region), {"t0": reads(range(40)), "t1": reads(range(20, 60))})
    assert done.metrics["pgmajfault"] == done.metrics["pgpgin"] == 60, "each page is read once"
    assert done.metrics["minor_faults"] == 20
    counts = done.built.memory.table("frames")["mapcount"]
    both = [mapped_frame(done.built, page) for page in range(20, 40)]
    assert both == [mapped_frame(done.built, page, 1) for page in range(20, 40)]
    assert counts[both].tolist() == [2] * 20 and counts.sum() == 80
    assert int(zones(done.m)["nr_mapped"].sum()) == int(zones(done.m)["nr_file"].sum()) == 60


def test_files_without_a_name_are_private():
    region = without(MAPPED)
    done = run(sharing("6.18", region, region), {"t0": reads(range(40)), "t1": reads(range(40))})
    assert done.metrics["pgpgin"] == 80 and len(files_of(done.m)) == 2


@pytest.mark.parametrize("era", ERAS)
def test_a_killed_task_leaves_shared_pages_to_the_others(era):
    region = without(MAPPED, file="shared", size=64 * PAGE)
    tasks = {"t0": given(region), "hog": given(region, Region())}
    host = machine(16, disks={"d": Disk()})
    hog = np.concatenate([reads(range(64)), writes(range(64, 5000))])
    quiet = np.tile(reads(range(64)), 100)
    done = run(Cell(kernel=era, machine=host, tasks=tasks), {"t0": quiet, "hog": hog})
    assert done.metrics["outcome"] == "oom" and int(done.built.memory.table("tasks")[1].state) == KILLED
    assert int(done.built.memory.table("task_count")[0].accesses) == len(quiet)


def unwritten(run_: Run) -> int:
    return sum(int(file.nr_dirty) + int(file.nr_writeback) for file in run_.built.memory.table("files"))


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("region", [READ, MAPPED], ids=["write()", "store"])
def test_what_was_dirtied_is_written_or_still_dirty(era, region):
    cell = one(era, HOST, region, sampling=sampled(50))
    events = np.concatenate([writes(range(3000)), reads(range(3000, 6000)), writes(range(0, 6000, 3))])
    laws = run(cell, events, probe=lambda built: balance_of(built))
    assert all(dirtied == written + left for dirtied, written, left in laws.seen)
    assert laws.metrics["nr_dirtied"] >= 3000 and laws.metrics["nr_written"] > 0
    assert laws.metrics["nr_dirtied"] == laws.metrics["nr_written"] + unwritten(laws)


def balance_of(built) -> tuple[int, int, int]:
    m = built.memory.m
    files = built.memory.table("files")
    return (
        int(writeback_count(m).nr_dirtied),
        int(writeback_count(m).nr_written),
        int(files["nr_dirty"].sum() + files["nr_writeback"].sum()),
    )


@pytest.mark.parametrize("era", ERAS)
def test_a_page_written_often_is_dirty_once(era):
    done = run(one(era, HOST, MAPPED), writes(np.tile(np.arange(20), 10)))
    assert done.metrics["nr_dirtied"] == 20 and done.metrics["nr_written"] == 0


def test_a_store_after_a_read_is_noticed_by_a_fault():
    done = run(one("6.18", HOST, MAPPED), np.concatenate([reads([3]), writes([3, 3])]), footprint=4)
    assert done.metrics["pgfault"] == 2 and done.metrics["nr_dirtied"] == 1


@pytest.mark.parametrize("era", ERAS)
def test_a_file_without_a_disk_is_never_dirty(era):
    done = run(one(era, machine(16), Region(kind="file")), writes(range(5000)))
    assert done.metrics["nr_dirtied"] == done.metrics["nr_written"] == 0
    assert done.metrics["pgsteal_file"] > 0 and done.metrics["outcome"] == "ok"


@pytest.mark.parametrize("era", ERAS)
def test_a_write_is_a_use_of_a_page_to_4_6(era):
    """generic_perform_write, 3.1: mark_page_accessed at every write; since 4.7 at none."""
    old = era.startswith("3.")
    for times, expected in ((1, state.REFERENCED if old else 0), (2, state.ACTIVE if old else 0)):
        done = run(one(era, machine(64, disks={"d": Disk()}), READ), writes(np.tile(np.arange(100), times)))
        states = done.built.memory.table("frames")["state"][done.built.memory.table("cache")[:100] - 1]
        assert (states & (state.REFERENCED | state.ACTIVE)).tolist()[:10] == [expected] * 10


def test_who_writes_dirty_pages_under_reclaim():
    """3.1: whoever reclaims. Later: the flusher only, and reclaim marks the page for the end of its write.

    Since 6.2 a limited group waits for the flusher before it meets a dirty page a second time.
    """
    group = {"cgroups": {"g": Cgroup(max=MiB)}, "cgroup_version": "v1"}
    # A write of its own for every page: a flusher that reclaim has woken waits for the full queue, reclaim does not.
    host, pieces = machine(16, disks={"d": Disk(write_latency=MS)}), replace(READ, fragment=PAGE)
    found = {era: run(one(era, host, pieces, **group), writes(range(1500))).metrics for era in ("3.1", "6.1", "6.18")}
    assert found["3.1"]["nr_vmscan_write"] > 0 == found["3.1"]["nr_vmscan_immediate_reclaim"]
    assert found["6.1"]["nr_vmscan_immediate_reclaim"] > 0 == found["6.1"]["nr_vmscan_write"]
    assert found["6.1"]["pgrotated"] > 0 < found["6.1"]["nr_written"]
    assert found["6.18"]["nr_vmscan_immediate_reclaim"] < found["6.1"]["nr_vmscan_immediate_reclaim"]
    assert found["6.18"]["nr_vmscan_write"] == 0 < found["6.18"]["nr_written"]
