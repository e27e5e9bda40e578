"""Multi-generational LRU at work: where accesses lead, who is promoted, what refaults do, what aging costs."""

import numpy as np
import pytest

from mmrun.model.build import Built
from mmrun.model.core.events import touches
from mmrun.model.description import Cell, Cgroup, Disk, Region, Stream, Sysctl, Task, Variant
from mmrun.model.machine.state import geometry
from mmrun.model.mm.generations.state import generation_settings
from mmrun.model.mm.page import flags as state
from mmrun.model.units import MS, PAGE, MiB
from tests.model.cells import ANON, ZRAM, Run, machine, mapped_frame, one, reads, run, sampled, writes

ONE, TWO = "6.1+mglru", "6.18+mglru"
BOTH = (ONE, TWO)
HOST = machine(64, swap=ZRAM)
FILE = Region(kind="file", readahead=0, fault_around=4096)
UNAHEAD = Region(kind="file", access="read", readahead=0)


def group(pages: int) -> dict:
    return {"cgroups": {"g": Cgroup(max=pages * PAGE)}}


def below_youngest(built: Built) -> np.ndarray:
    """For every page on a list: how many generations it is below the youngest of its lruvec."""
    m, frames = built.memory.m, built.memory.table("frames")
    listed = frames[(frames["state"] & state.LRU) != 0]
    newest = built.memory.table("lrugens")["max_seq"][listed["memcg"].astype(int) * int(geometry(m).nr_zones)]
    return (newest - (((listed["state"] & state.GEN_MASK) >> state.GEN_SHIFT) - 1)) % 4


def own(done: Run):
    """The generations of the group `g`."""
    return done.built.memory.table("lrugens")[int(geometry(done.m).nr_zones)]


@pytest.mark.parametrize(("era", "fault", "read"), [(ONE, 0, 2), (TWO, 1, 3)])
def test_faults_enter_young_and_reads_old(era, fault, read):
    faulted = run(one(era, HOST, **group(4000)), writes(np.arange(200)))
    assert set(below_youngest(faulted.built)) == {fault}
    fetched = run(one(era, HOST, UNAHEAD, **group(4000)), reads(np.arange(200)))
    assert set(below_youngest(fetched.built)) == {read}
    assert fetched.metrics["nr_active_file"] == 0 and faulted.metrics["nr_active_anon"] > 150


@pytest.mark.parametrize("era", BOTH)
def test_pages_read_once_never_make_the_oldest_generation_young(era):
    done = run(one(era, HOST, UNAHEAD, **group(500)), reads(np.arange(6000)))
    g = own(done)
    assert done.metrics["pgsteal_file"] > 5000 and done.metrics["pgactivate"] == 0
    assert int(g.min_seq[1]) <= int(g.max_seq) - 1
    assert done.metrics["lru_gen_leaf_total"] == 0, "nothing is mapped, so no page table is walked"


def test_what_is_touched_all_the_time_survives_a_scan():
    """A working set that fits is touched all the time while a long scan passes by."""
    hot, scan = np.arange(300), 300 + np.arange(9600)
    mixed = np.concatenate([np.concatenate([hot, part]) for part in np.split(scan, 96)])
    events = np.concatenate([writes(hot), reads(mixed)])
    seen = {}
    for era in BOTH:
        done = run(one(era, HOST, **group(800)), events)
        frames, m = done.built.memory.table("frames"), done.m
        pages = [mapped_frame(done.built, int(page)) for page in hot]
        seen[era] = sum(pfn is not None for pfn in pages)
        flags = [int(frames["state"][pfn]) & state.WORKINGSET for pfn in pages if pfn is not None]
        assert any(flags) or era == ONE, "a second sighting makes a page part of the workingset"
        assert done.metrics["lru_gen_aged"] > 0 < done.metrics["lru_gen_leaf_young"]
        assert done.metrics["lru_gen_walk_ns"] >= done.metrics["lru_gen_leaf_total"] * generation_settings(m).walk_pte
    assert min(seen.values()) > 290


@pytest.mark.parametrize("era", BOTH)
def test_a_refault_counts_only_while_it_is_recent(era):
    """Pages come back a little after they left, or so late that generations have passed."""
    soon = np.concatenate([np.arange(600), np.arange(600)])
    late = np.concatenate([np.arange(600), 600 + np.arange(9000), np.arange(600)])
    found = {}
    for name, pages in (("soon", soon), ("late", late)):
        touched = reads(pages)
        done = run(one(era, HOST, FILE, **group(400)), touched)
        found[name] = done.metrics["workingset_refault_file"]
        if name == "late":
            refaulted, averages = own(done).refaulted[1].sum(), own(done).avg_refaulted[1].sum()
            assert refaulted + averages < 64, "they left many generations ago"
    assert found["soon"] > 0
    assert found["late"] == 0 if era == ONE else found["late"] >= 600, "6.1 does not even count an old refault"


@pytest.mark.parametrize("era", BOTH)
def test_pages_used_again_and_again_through_read_outlive_a_scan(era):
    """read() sets no young bit: the tiers and the controller must find out that the hot pages come back."""
    hot = np.arange(150)
    scan = 150 + np.arange(12_000)
    parts = [np.concatenate([hot, hot, hot, part]) for part in np.split(scan, 60)]
    done = run(one(era, HOST, UNAHEAD, **group(500)), reads(np.concatenate(parts)))
    assert done.metrics["misses"] < 12_000 + 150 * 12
    assert done.metrics["pgrefill"] >= 150, "protected pages are sorted, not scanned"


def aging(cell: Cell, events: np.ndarray, **params) -> dict:
    variant = Variant(variant="mglru", params=params)
    policy = {**cell.policy, "lru": variant}
    return run(Cell(**{**vars(cell), "policy": policy}), events).metrics


def test_walks_can_be_switched_off_and_take_the_leaf_tables_the_filter_names():
    hot = np.tile(np.arange(64), 20)
    cold = np.arange(512, 512 * 9)
    events = np.concatenate(
        [writes(np.arange(512 * 9)), *(np.concatenate([reads(hot), reads(part)]) for part in np.split(cold, 8))]
    )
    cell = one(TWO, HOST, **group(3000))
    walked, blind = aging(cell, events), aging(cell, events, mm_walk=False)
    assert blind["lru_gen_leaf_total"] == 0 < walked["lru_gen_leaf_total"]
    assert blind["lru_gen_aged"] > 0
    whole = 512 * 9 * walked["lru_gen_aged"]
    assert walked["lru_gen_leaf_total"] < whole, "not every table at every aging"


def test_a_mapping_advised_random_gives_no_hint():
    events = reads(np.tile(np.arange(700), 6))
    region = Region(kind="file", readahead=0, fault_around=4096, advice="random")
    done = run(one(TWO, HOST, region, **group(500)), events).metrics
    assert done["lru_gen_leaf_young"] == 0 and done["pgactivate"] == 0


def test_min_ttl_kills_rather_than_evict_what_is_young():
    stream = Stream(kind="loop", params={"size": 20 * MiB, "accesses": 60_000})
    cell = Cell(
        kernel=TWO, machine=machine(16, swap=ZRAM), tasks={"t": Task(stream=stream, memory=(ANON,))},
    )  # fmt: skip
    assert aging(cell, writes(np.tile(np.arange(5000), 4)))["oom_kill"] == 0
    killed = aging(cell, writes(np.tile(np.arange(5000), 4)), min_ttl_ms=10_000)
    assert killed["oom_kill"] == 1 and killed["outcome"] == "oom"


def test_sizes_follow_generations_and_nothing_is_lost():
    events = np.concatenate([writes(np.arange(900)), reads(np.random.default_rng(1).integers(0, 900, 4000))])
    done = run(one(TWO, HOST, **group(600), sampling=sampled(500)), events, probe=lambda built: below_youngest(built))
    assert all(len(below) > 100 for below in done.seen[2:])


def on_hard_disk(era: str, access: str, written: float, every: int = 500) -> Run:
    """A v1 group of 4 MiB that uses a file of 16 MiB on a disk of 8 ms at random, far below the background threshold.

    `every`: centiseconds between periodic rounds of the flusher, 0 for none.
    """
    slow = Disk(read_latency=8 * MS, write_latency=8 * MS, parallel=1)
    region = Region(kind="file", access=access, disk="d")  # type: ignore[arg-type]
    draw = np.random.default_rng(7)
    pages, dirty = draw.integers(0, 4096, 15_000), draw.random(15_000) < written
    host, vm = machine(256, disks={"d": slow}), Sysctl(dirty_writeback_centisecs=every)
    return run(one(era, host, region, vm=vm, cgroup_version="v1", **group(1024)), touches(pages, dirty))


@pytest.mark.parametrize(("access", "written"), [("read", 0.3), ("mmap", 0.3), ("mmap", 1.0)])
def test_a_group_full_of_dirty_file_pages_has_them_written(access, written):
    """Reclaim that met nothing but dirty pages wakes the flushers, who write while it goes on trying (6.13)."""
    done = on_hard_disk(TWO, access, written)
    assert done.metrics["outcome"] == "ok" and done.metrics["oom_kill"] == 0
    assert done.metrics["nr_written"] > 0.8 * done.metrics["nr_dirtied"] > 2000
    assert done.metrics["pgrotated"] > 0, "what was written is the next to go"


def test_generations_of_6_1_wake_no_flusher():
    """Too few pages are dirty for the background threshold, and the periodic round comes too late (fixed in 6.13)."""
    done = on_hard_disk(ONE, "read", 0.3, every=0)
    assert done.metrics["outcome"] == "oom" and done.metrics["nr_written"] == 0
    done = on_hard_disk(ONE, "read", 0.3)
    assert done.metrics["outcome"] == "oom" and 0 < done.metrics["nr_written"] < done.metrics["nr_dirtied"]


def test_a_task_that_only_writes_is_killed_before_its_pages_are_clean():
    """As was reported of groups without dirty throttling (cgroup v1): reclaim does not wait for the flushers (7.0)."""
    done = on_hard_disk(TWO, "read", 1.0)
    assert done.metrics["outcome"] == "oom" and done.metrics["nr_written"] < done.metrics["nr_dirtied"]
    assert on_hard_disk("6.18", "read", 1.0).metrics["outcome"] == "ok"
