"""Statistics of groups: updates counted on every path against the table of the kernel's, and memory.stat itself."""

from typing import Any

import numpy as np
import pytest

from mmrun.model.description import Cgroup, Disk, Region, SwapTarget
from mmrun.model.machine.state import cpus, geometry
from mmrun.model.mm.memcg.memcontrol import mod_slab_bytes, read_stat, stat_updated
from mmrun.model.mm.memcg.report import memory_stat
from mmrun.model.mm.memcg.state import memcg_settings
from mmrun.model.mm.memcg.stats import ACTIONS, STATS, UPDATES, updates
from mmrun.model.mm.page.report import zone_info
from mmrun.model.mm.page.state import zones
from mmrun.model.units import PAGE, MiB
from tests.model.cells import ANON, ZRAM, Run, machine, machine_of, one, reads, run, sampled, writes

ERAS = ("5.15", "6.1", "6.12", "6.18")
N = 465  # pages: whole batches of 15 and of 31
READ = Region(kind="file", access="read", readahead=0)
MAPPED = Region(kind="file", readahead=0, fault_around=PAGE)
DISK = {"disks": {"d": Disk()}}


def number(era: str) -> tuple[int, int]:
    major, minor = era.split(".")
    return int(major), int(minor)


def pending(built: Any) -> int:
    """Updates of the group's statistics that were counted since the last call, none of them folded ever."""
    m, g = built.memory.m, built.cgroups.index("g")
    memcg_settings(m).folds_by_group, memcg_settings(m).fold_beyond = 1, 1 << 40
    built.memory.table("xanode")[:] = 1  # nodes of the page cache's tree are another test
    waiting, row = built.memory.table("stat_pending").reshape(-1, len(built.cgroups)), built.memory.table("memcgs")[g]
    found = int(row.stat_updates) + int(waiting[:, g].sum())
    row.stat_updates = waiting[:, g] = 0
    return found


def walked(era: str, region: Region, events: np.ndarray, limit: int | None = None, **more: Any) -> tuple[Run, int]:
    """The run, and the updates after its first page; `events` begin with that, which is accessed N times before."""
    group = {"g": Cgroup(max=limit and limit * PAGE)}
    cell = one(era, machine(64, **more), region, cgroups=group, sampling=sampled(N))
    done = run(cell, np.concatenate([np.repeat(events[:1], N - 1), events]), probe=pending)
    return done, sum(done.seen[1:]) + pending(done.built)


def test_every_action_is_made_of_known_paths_and_known_items():
    paths = {update.path for update in UPDATES}
    assert {path for action in ACTIONS.values() for path in action} <= paths
    named = {update.item.lower() for update in UPDATES}
    assert {"pgpgin", "pgfault", "pgrefill"} <= named & set(STATS)
    assert [updates(each, (6, 18)) for each in ("file page read", "file page reclaimed")] == [3, 5]
    assert updates("anonymous page swapped out", (6, 1)) == 10 and updates("anonymous page swapped out", (6, 18)) == 11
    assert updates("anonymous page swapped in past the cache", (6, 12)) == 6


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize(
    ("action", "region", "event"),
    [("file page read", READ, reads), ("file page mapped", MAPPED, reads), ("anonymous page touched", ANON, writes)],
)
def test_a_page_comes(era, action, region, event):
    """Pages 1 to N; page 0 came before, and with it the page table."""
    done, found = walked(era, region, event(range(N)))
    retries = N - 1 if action == "file page mapped" and number(era) < (6, 4) else 0
    joined = N - 1 + 1  # page 0 waited in the batch
    assert int(cpus(done.m)[0].n) == 0
    assert found == (N - 1) * (updates(action, number(era)) - 1) + joined + retries


def test_read_twice_activates():
    _, found = walked("6.18", READ, reads([*range(N), *range(N), *range(N)]))
    read, used = updates("file page read", (6, 18)), updates("page activated by read()", (6, 18))
    assert found == (N - 1) * (read - 1) + N + N * used


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize(("region", "kind"), [(READ, "file page"), (MAPPED, "mapped file page")])
def test_a_limited_group_reads_a_file(era, region, kind):
    """Every page that leaves was scanned once, or kept once and then scanned again (mapped pages are, first)."""
    done, found = walked(era, region, reads([*range(1000), *range(1000)]), limit=400)
    told, version = done.metrics, number(era)
    came = told["misses"]
    kept = told["pgscan_file"] - told["pgsteal_file"] - told["rotated_file"]
    comes = updates("file page read" if region is READ else "file page mapped", version)
    comes += region is MAPPED and version < (6, 4)
    expected = came * comes - cpus(done.m)[0].n - first_access(region, version) + more_tables(done)
    expected += told["pgsteal_file"] * updates(f"{kind} reclaimed", version) + kept * updates("page kept", version)
    expected += told["rotated_file"] * (updates("page kept", version) + 1)  # PGACTIVATE
    expected += told["pgdeactivate"] * updates("page deactivated", version)
    expected += sum(told[f"workingset_{what}_file"] for what in ("refault", "activate", "restore"))
    assert told["pgsteal_file"] > 1000 and found == expected


def first_access(region: Region, version: tuple[int, int]) -> int:
    """Updates of the first access that were counted before the look at them, all but that of its list."""
    return 2 if region is READ else 5 + (version < (6, 4))


def more_tables(done: Run) -> int:
    """Updates for page tables after the first."""
    tables = int((done.built.memory.table("ptpage") != 0).sum())
    return 2 * max(tables - 1, 0)


@pytest.mark.parametrize("era", ERAS)
def test_a_limited_group_swaps_to_zram(era):
    done, found = walked(era, ANON, writes([*range(600), *range(600), *range(600)]), limit=300, swap=ZRAM)
    told, version = done.metrics, number(era)
    touched, came = 600 - 1, told["pswpin"]
    kept = told["pgscan_anon"] - told["pgsteal_anon"] - told["rotated_anon"]
    expected = touched * updates("anonymous page touched", version) + 1 - cpus(done.m)[0].n
    expected += came * updates("anonymous page swapped in past the cache", version)
    expected += told["pswpout"] * updates("anonymous page swapped out", version)
    expected += kept * updates("page kept", version) + told["rotated_anon"] * (updates("page kept", version) + 1)
    expected += told["pgdeactivate"] * updates("page deactivated", version)
    expected += sum(told[f"workingset_{what}_anon"] for what in ("refault", "activate", "restore"))
    assert told["pgsteal_anon"] == told["pswpout"] > 600 and found == expected + more_tables(done)


def test_slab_bytes_count_by_the_page_since_6_7():
    """Eight nodes of the page cache's tree are the first beyond a page: one update since 6.7, 4,672 before."""
    for era, expected in (("6.6", 4672), ("6.7", 1), ("6.18", 1)):
        built = machine_of(one(era, machine(16), cgroups={"g": Cgroup()}))
        pending(built)
        for _ in range(8):
            assert pending(built) == 0
            mod_slab_bytes(built.memory.m, 1, 584)
        assert pending(built) == expected, era


@pytest.mark.parametrize(("era", "batch", "by_group"), [("5.15", 32, 0), ("6.0", 32, 0), ("6.1", 64, 0), ("6.7", 64, 0),
                                                        ("6.8", 64, 1), ("6.18", 64, 1)])  # fmt: skip
def test_when_a_reader_folds(era, batch, by_group):
    """Until 6.7 a CPU adds whole batches once it has more than one, of all groups; since 6.8 a batch, to each group."""
    built = machine_of(one(era, machine(16), cgroups={"g": Cgroup(), "other": Cgroup()}))
    m, rows = built.memory.m, built.memory.table("memcgs")
    stat_updated(m, 1, batch)
    assert rows["stat_updates"].tolist() == ([batch, batch, 0] if by_group else [0, 0, 0])
    stat_updated(m, 2, 1 if not by_group else batch)
    assert rows["stat_updates"].tolist() == ([batch * 2, batch, batch] if by_group else [1, 0, 0])
    vec = built.memory.table("lruvecs")[1]
    vec.lists[0].n = 7
    read_stat(m, 1)
    assert vec.seen_size[0] == 0, "one CPU: more than one batch must be pending"
    stat_updated(m, 1, 2 * batch)
    read_stat(m, 1)
    assert vec.seen_size[0] == 7
    vec.lists[0].n = 0


@pytest.mark.parametrize("era", ("5.8", "5.14", "6.18"))
def test_until_5_14_reclaim_sees_sizes_a_batch_late(era):
    """Up to 32 pages of a list a CPU keeps to itself; in 6.18 nothing is seen until somebody folds."""
    cell = one(era, machine(64), READ, cgroups={"top": Cgroup(), "g": Cgroup(parent="top", max=400 * PAGE)})
    done = run(cell, reads(range(2000)))
    vecs, zones_of = done.built.memory.table("lruvecs"), int(geometry(done.m).nr_zones)
    late = [int(vecs[g * zones_of].seen_size[2]) for g in (1, 2)]
    kept = vecs[2 * zones_of].lists[2].n - late[1]
    assert late[0] == late[1]
    assert abs(kept) <= 32 < late[1] if era != "6.18" else late[1] == 0


@pytest.mark.parametrize("era", ("3.1", "3.15", "4.19", "6.18", "6.18+mglru"))
def test_memory_stat_is_what_there_is(era):
    """Against frames and lists, for a group with a child: anonymous and mapped pages, a file written, swap."""
    anon, mapped = Region(size=MiB), Region(kind="file", size=MiB, readahead=0)
    disk = Region(kind="file", access="read", disk="d", size=MiB)
    host = machine(64, disks=DISK["disks"], swap={"zram": SwapTarget(kind="zram", size=64 * MiB)})
    cell = one(era, host, anon, mapped, disk, cgroups={"top": Cgroup(), "g": Cgroup(parent="top", max=500 * PAGE)})
    done = run(cell, writes([*range(768), *range(200), *range(768)]))
    frames, told = done.built.memory.table("frames"), memory_stat(done.built, "top")
    assert told == memory_stat(done.built, "g")
    own = frames[(frames["memcg"] == done.built.cgroups.index("g")) & (frames["kind"] > 0)]
    anon, file = own["kind"] == 3, own["kind"] == 4
    assert told["anon"] == (anon & (own["mapcount"] > 0)).sum()
    assert told["file"] == file.sum() and told["file_mapped"] == (file & (own["mapcount"] > 0)).sum()
    assert told["pgpgin"] - told["pgpgout"] == anon.sum() + file.sum()
    assert told["pgfault"] == done.metrics["pgfault"] and told["pgscan_direct"] >= 0
    listed = sum(told[name] for name in ("inactive_anon", "active_anon", "inactive_file", "active_file"))
    assert listed == zones(done.m)["nr_lru"].sum() > 0
    if era not in ("3.1", "3.15", "4.19"):
        assert told["pagetables"] == (own["kind"] == 6).sum()


def test_what_a_parent_is_told_includes_its_children():
    """The group may not swap more, its parent says, and is killed at its own limit: both are told all of it."""
    swap_max = {"top": Cgroup(swap_max=20 * PAGE), "g": Cgroup(parent="top", max=MiB)}
    cell = one("6.18", machine(64, swap=ZRAM), cgroups=swap_max)
    told = run(cell, writes(range(400))).metrics
    assert told["cgroup.g.events_max"] == told["cgroup.top.events_max"] > 0
    assert told["cgroup.g.oom_kill"] == told["cgroup.top.oom_kill"] == 1
    assert told["cgroup.top.events_swap_max"] > 0 and told["cgroup.g.events_swap_max"] == 0, "it is the parent's"
    assert told["cgroup.g.events_swap_fail"] == told["cgroup.top.events_swap_fail"] > 0
    assert told["cgroup.g.kmem_pages"] == told["cgroup.top.kmem_pages"] == told["cgroup.top.pagetables"] == 1
    assert told["cgroup.top.pgfault"] == told["pgfault"]


def test_what_is_told_of_nodes_and_zones_adds_up():
    host = machine(64, 64, cpus=2, swap=ZRAM)
    done = run(one("6.18", host, Region(size=MiB), Region(kind="file", size=MiB, readahead=0)), writes(range(512)))
    told, info = done.metrics, zone_info(done.built)
    assert [row["node"] for row in info] == sorted(row["node"] for row in info) and {0, 1} == {r["node"] for r in info}
    for name in (
        "nr_free_pages",
        "nr_inactive_anon",
        "nr_active_anon",
        "nr_inactive_file",
        "nr_active_file",
        "nr_dirty",
    ):
        assert told[name] == told[f"node0.{name}"] + told[f"node1.{name}"], name
    assert told["node0.nr_file_pages"] == told["node0.nr_mapped"] == 256 and told["nr_page_table_pages"] == 1
    assert told["nr_free_pages"] == sum(row["free"] + row["free_pcp"] for row in info)
    for row in info:
        assert 0 < row["min"] < row["low"] < row["high"] < row["free"] <= row["managed"] <= row["present"]
    assert sum(row["inactive_file"] for row in info) == told["nr_inactive_file"]
