"""Versions 4.0 to 4.18: what their dates say, in integers where behaviour changed, and what follows from it."""

from typing import Any

import numpy as np
import pytest

from mmrun.model.build import Built
from mmrun.model.core.timeline import VERSIONS, before
from mmrun.model.description import Cgroup, Disk, Region, Variant
from mmrun.model.eras import era
from mmrun.model.machine.state import nodes
from mmrun.model.mm.lru.state import DEF_PRIORITY, lruvecs
from mmrun.model.mm.memcg.state import memcgs
from mmrun.model.mm.page import watermarks
from mmrun.model.mm.page.gfp import GFP_HIGHUSER_MOVABLE, HIGHEST
from mmrun.model.mm.page.state import zones
from mmrun.model.mm.page.zones import lruvec_of
from mmrun.model.mm.reclaim.state import reclaim_count, scans
from mmrun.model.registry import load
from tests.model.actors import Entered, begin_anew, kswapd_of
from tests.model.cells import ZRAM, machine, one, reads, run, writes

READ = Region(kind="file", access="read", disk="d")
GIB = 1 << 18  # pages
CHOSEN = ("lru", "kswapd", "direct_reclaim", "pcp", "swap_readahead", "watermarks", "shrinker", "dirty_limits")
BY_ZONE = ("zone-workingset", "all-zones", "per-zone", "batch-31", "adaptive-cluster")
BY_NODE = ("workingset", "any-zone", "per-node", "batch-31", "adaptive-cluster", "scale-factor", "count-scan")


@pytest.mark.parametrize(
    ("version", "chosen"),
    [
        ("4.4", (*BY_ZONE, "quarters", "count-scan", "per-zone")),
        ("4.6", (*BY_ZONE, "scale-factor", "count-scan", "per-zone")),
        ("4.7", (*BY_ZONE, "scale-factor", "count-scan", "per-zone")),
        ("4.9", (*BY_NODE, "per-node")),
        ("4.11", (*BY_NODE, "per-node")),
        ("4.12", (*BY_NODE, "per-node")),
        ("4.14", (*BY_NODE[:4], "adaptive", "scale-factor", "count-scan", "per-node")),
        ("4.15", (*BY_NODE[:4], "adaptive", "scale-factor", "count-scan", "per-node")),
        ("4.18", (*BY_NODE[:3], "batch-31-vectors-15", "adaptive", "scale-factor", "priority-min", "per-node")),
    ],
)
def test_the_variants_of_a_version(version, chosen):
    assert tuple(era(version).policy[axis] for axis in CHOSEN) == chosen


@pytest.mark.parametrize(
    ("name", "until"),
    [("lru/workingset.forced", "4.12"), ("direct_reclaim/per-node.to_4_11", "4.12")],
)
def test_parameters_that_end(name, until):
    (axis, variant), param = name.partition(".")[0].split("/"), name.partition(".")[2]
    held = [version for version in VERSIONS if era(version).policy[axis] == variant]
    assert {version for version in held if era(version).params[axis][param]} == {v for v in held if before(v, until)}


def test_flags_that_end_or_begin():
    fair = {version for version in VERSIONS if era(version).flags["fair_zones"]}
    assert fair == {version for version in VERSIONS if not before(version, "3.12") and before(version, "4.8")}
    assert [era(version).flags["low_in_shares"] for version in ("4.17", "4.18")] == [False, True]


@pytest.mark.parametrize(
    ("version", "size"),
    [("4.15", (31, 186, 14)), ("4.16", (31, 186, 15)), ("4.18", (31, 186, 15)), ("4.19", (63, 378, 15)),
     ("5.13", (63, 378, 15)), ("5.14", (63, 774, 15)), ("6.8", (63, 774, 15)), ("6.9", (63, 774, 31))],
)  # fmt: skip
def test_per_cpu_lists(version, size):
    """(refilled by, drained at, page vector) of a zone of 4 GiB with a low watermark of 3096 pages and four CPUs."""
    pcp: Any = load("pcp", Variant(variant=era(version).policy["pcp"]))
    assert (*pcp.sizes(4 * GIB, 3096, 4), pcp.LRU_BATCH) == size


@pytest.mark.parametrize(
    ("version", "kib"), [("4.4", 65536), ("4.6", 65536), ("5.7", 65536), ("5.8", 131072), ("6.18", 131072)]
)
def test_min_free_kbytes_of_a_terabyte(version, kib):
    of = era(version)
    variant: Any = load("watermarks", Variant(variant=of.policy["watermarks"]))
    ceiling = of.params.get("watermarks", {}).get("ceiling_kb", variant.MIN_FREE_CEILING_KB)
    assert watermarks.min_free_kbytes([1024 * GIB], ceiling) == kib


def small(version: str, pages: int = 200, **more: Any) -> tuple[Built, int, int]:
    """A machine with clean pages of a file, kswapd at rest: (machine, lruvec of the pages, their zone)."""
    groups = {"cgroups": {"g": Cgroup()}} if more.pop("group", False) else {}
    cell = one(version, machine(64, disks={"d": Disk()}, **more), READ, **groups)
    built = run(cell, reads(range(pages))).built
    m, frames = built.memory.m, built.memory.table("frames")
    first = frames[built.memory.table("cache")[0] - 1]
    return built, int(lruvec_of(m, int(first["memcg"]), int(first["node"]), int(first["zone"]))), int(first["zone"])


def sizes(built: Built, lv: int, lists: tuple[int, int, int, int]) -> None:
    """Let a lruvec seem to have lists so long."""
    lruvecs(built.memory.m)[lv].lists["n"][:4] = lists


@pytest.mark.parametrize(
    ("inactive", "active", "low"),
    [
        (1000, 1001, {"4.4": 1, "4.6": 1, "4.7": 1, "4.9": 1, "4.18": 1}),
        (1000, 1000, {"4.4": 0, "4.7": 0, "4.9": 0}),
        (200_000, 400_000, {"4.4": 1, "4.6": 1, "4.7": 0, "4.9": 0, "4.11": 0, "4.12": 0}),
        (100_000, 262_144 + 150_000, {"4.7": 1, "4.11": 1}),
    ],
)
def test_when_an_inactive_file_list_is_too_short(inactive, active, low):
    """inactive_file_is_low: the longer one, since 4.7 the square-root rule."""
    gb = (inactive + active) >> 18
    ratio = int(np.sqrt(10 * gb)) if gb else 1
    for version, wanted in low.items():
        assert wanted == (active > inactive if before(version, "4.7") else inactive * ratio < active), "the vector"
        built, lv, _ = small(version, 40)
        scans(built.memory.m)[0].lruvec = lv
        sizes(built, lv, (0, 0, inactive, active))
        assert Entered(built, 0, "may_shrink_active", 0, 1).to_the_end() == wanted, version
        sizes(built, lv, (0, 0, 0, 0))


@pytest.mark.parametrize(("version", "opened"), [("4.9", 0), ("4.11", 0), ("4.12", 1), ("4.18", 1)])
def test_activated_refaults_open_the_active_file_list_since_4_12(version, opened):
    built, lv, _ = small(version)
    scans(built.memory.m)[0].lruvec = lv
    sizes(built, lv, (0, 0, 1000, 500))
    lruvecs(built.memory.m)[lv].activated[1] += 1
    assert Entered(built, 0, "may_shrink_active", 0, 1).to_the_end() == opened


def targets(version: str, lists: tuple[int, int, int, int], memcg: int, priority: int) -> list[int]:
    """What get_scan_count makes of lists, without swap."""
    built, lv, zone = small(version, group=True)
    sc = scans(built.memory.m)[0]
    sc.lruvec, sc.memcg, sc.priority, sc.node, sc.zone = lv, memcg, priority, 0, zone
    sc.kswapd, sc.may_swap, sc.swappiness = int(memcg == 0), 0, 60
    sizes(built, lv, lists)
    Entered(built, 0, "scan_count", 0).to_the_end()
    return [int(n) for n in sc.nr]


@pytest.mark.parametrize(
    ("lists", "wanted"),
    [
        ((0, 0, 100, 20), {"3.15": [32, 20], "4.4": [32, 20], "4.11": [32, 20], "4.12": [0, 0], "4.18": [0, 0]}),
        ((0, 0, 5000, 20), {"3.15": [1, 20], "4.4": [1, 0], "4.7": [1, 0], "4.11": [1, 0], "4.12": [1, 0]}),
    ],
)
def test_limit_reclaim_of_short_lists(lists, wanted):
    """At priority 12 a list of fewer than 4096 pages gives nothing; to 4.11 a batch then, since 3.16 only for want of
    anything else."""
    for version, files in wanted.items():
        assert targets(version, lists, 1, DEF_PRIORITY)[2:] == files, version
        assert targets(version, (0, 0, 5000, 20), 0, DEF_PRIORITY)[2:] == [1, 0], "kswapd, on a node not given up"


@pytest.mark.parametrize(("version", "anon_only"), [("4.9", True), ("4.12", True), ("4.13", False), ("4.18", False)])
def test_few_file_pages_leave_short_anonymous_lists_alone_since_4_13(version, anon_only):
    built = run(one(version, machine(64, swap=ZRAM)), writes(range(200))).built
    m = built.memory.m
    lv = int(lruvec_of(m, 0, 0, int(nodes(m)[0].first_zone)))
    sc = scans(m)[0]
    sc.lruvec, sc.memcg, sc.priority, sc.node, sc.may_swap, sc.swappiness = lv, 0, 2, 0, 1, 60
    zones(m)["nr_free"] = 0
    zones(m)["nr_lru"][:, 2:] = 0
    sizes(built, lv, (100, 1000, 400, 0))
    Entered(built, 0, "scan_count", 0).to_the_end()
    assert (sc.nr[2] == 0) == anon_only and sc.nr[0] == (25 if anon_only else 0)


@pytest.mark.parametrize(
    ("version", "at_most"), [("4.6", 0), ("4.7", 9), ("4.9", 9), ("4.11", 9), ("4.12", 16), ("4.18", 16)]
)
def test_how_often_an_allocation_tries_again(version, at_most):
    """1600 pages could be reclaimed, 600 are to stay free: a sixteenth of them counts less after each fruitless round
    (4.7 to 4.11); sixteen rounds (4.12); none (to 4.6)."""
    built, _, z = small(version)
    m = built.memory.m
    zones(m)["nr_lru"] = zones(m)["nr_free"] = 0
    zones(m)[z].nr_lru[2] = 1600
    zones(m)[z].wmark_min = 600 - zones(m)[z].reserve[HIGHEST]
    zones(m)["wmark_min"][np.arange(len(zones(m))) != z] = 1 << 40
    answers = [Entered(built, 0, "retry_zone", 0, 0, fruitless, 1, 0).to_the_end() for fruitless in range(20)]
    assert answers[0] == (answers[0] if before(version, "4.7") else z + 1)
    assert max(n for n, again in enumerate(answers) if again) == at_most


def naps_after(version: str, asked: bool) -> int:
    """Runs of kswapd before it naps on a node of pinned pages with few free; `asked`: somebody wants one."""
    built, _, _ = small(version)
    m, who = built.memory.m, kswapd_of(built)
    built.memory.table("frames")["pins"][built.memory.table("cache")[:200] - 1] = 1
    begin_anew(built, who, nodes(m)[0].kswapd_wait)
    zones(m)["nr_free"] = zones(m)["wmark_low"]
    zones(m)[nodes(m)[0].first_zone].nr_free = zones(m)[nodes(m)[0].first_zone].wmark_high + 1
    nodes(m)[0].highest_zoneidx = HIGHEST
    for runs in range(1, 51):
        Entered(built, who, "balance_pgdat", 0).to_the_end()
        if asked:
            nodes(m)[0].highest_zoneidx = HIGHEST
        if Entered(built, who, "kswapd_try_to_sleep", 0).until:
            return runs
    return 0


@pytest.mark.parametrize("version", ["4.8", "4.9", "4.11"])
def test_kswapd_never_gives_up_while_somebody_asks(version):
    assert naps_after(version, asked=True) == 0
    assert naps_after(version, asked=False) == 1, "the lowest zone is above high, and nobody asked for another"


@pytest.mark.parametrize("version", ["4.12", "4.14", "4.18", "6.1"])
def test_kswapd_gives_up_after_sixteen_runs_since_4_12(version):
    assert naps_after(version, asked=True) == naps_after(version, asked=False) == 16


@pytest.mark.parametrize("version", ["3.1", "3.15", "4.4", "4.7"])
def test_kswapd_gives_zones_up_that_were_scanned_six_times_to_4_7(version):
    assert 0 < naps_after(version, asked=True) <= 8


@pytest.mark.parametrize(("version", "skipped"), [("4.8", True), ("4.11", True), ("4.12", False)])
def test_direct_reclaim_looks_at_a_node_that_gave_nothing_once_to_4_11(version, skipped):
    built, lv, _ = small(version)
    m = built.memory.m
    built.memory.table("frames")["pins"][built.memory.table("cache")[:200] - 1] = 1
    zones(m)[lruvecs(m)[lv].zone].pages_scanned = 1 << 30
    assert Entered(built, 0, "direct_reclaim", 0, GFP_HIGHUSER_MOVABLE, 1).to_the_end() == 0
    assert (reclaim_count(m).pgscan_direct == 0) == skipped


@pytest.mark.parametrize(("version", "own"), [("3.15", False), ("4.4", False), ("4.6", True), ("4.7", True)])
def test_time_passes_for_each_group_since_4_6(version, own):
    built, lv, zone = small(version, group=True)
    m = built.memory.m
    root, before_it = int(lruvec_of(m, 0, 0, zone)), int(lruvecs(m)[lv].nonresident_age)
    assert lruvecs(m)[lv].memcg == 1
    Entered(built, 0, "age_nonresident", lv).to_the_end()
    assert lruvecs(m)[lv].nonresident_age == before_it + own and lruvecs(m)[root].nonresident_age == 1 - own


@pytest.mark.parametrize(("version", "activated"), [("4.4", 0), ("4.6", 1), ("4.18", 1)])
def test_a_refault_is_measured_by_its_group_s_time_since_4_6(version, activated):
    """A page of g is evicted, then 300 of h; g's active list has 100 pages, its zone's lists no more."""
    cell = one(version, machine(64, disks={"d": Disk()}), READ, cgroups={"g": Cgroup(), "h": Cgroup()})
    built = run(cell, reads(range(200))).built
    m, frames = built.memory.m, built.memory.table("frames")
    pfn = int(built.memory.table("cache")[0] - 1)
    page = frames[pfn]
    lv, other = (int(lruvec_of(m, memcg, int(page["node"]), int(page["zone"]))) for memcg in (1, 2))
    shadow = Entered(built, 0, "evict", pfn, 0).to_the_end()
    for _ in range(300):
        Entered(built, 0, "age_nonresident", other).to_the_end()
    lruvecs(m)[lv].lists[3].n, zones(m)["nr_lru"][:, 3] = 100, 100
    was = int(lruvecs(m)["activated"][:, 1].sum())
    Entered(built, 0, "refault", pfn, shadow).to_the_end()
    assert lruvecs(m)["activated"][:, 1].sum() - was == activated


@pytest.mark.parametrize(("version", "dma"), [("3.11", 0), ("3.12", 160), ("4.7", 160), ("4.8", 0)])
def test_zones_of_a_node_give_in_turn_from_3_12_to_4_7(version, dma):
    """64 MiB: 192 and 64 pages of min, so 48 and 16 between low and high; a round is 64 pages, a quarter from DMA."""
    built = run(one(version, machine(64, 64)), writes(range(640))).built
    mapped = built.memory.table("frames")[built.memory.table("frames")["mapcount"] > 0]
    found = np.bincount(mapped["zone"], minlength=3)
    assert abs(int(found[0]) - dma) <= (16 if dma else 0) and found.tolist() == [found[0], 640 - found[0], 0]


LOWS = {"p": Cgroup(low=4 << 20), "a": Cgroup(low=2 << 20, parent="p"), "b": Cgroup(parent="p")}


def passed_over(version: str, root: int, usage: tuple[int, int, int], again: bool = False) -> list[int]:
    """Which of p, a, b reclaim from `root` passes over when they use so many pages."""
    built = run(one(version, machine(64), cgroups={**LOWS, "g": Cgroup()}), writes(range(10))).built
    m, sc = built.memory.m, scans(built.memory.m)[0]
    memcgs(m)["usage"][1:4] = usage
    sc.memcg, sc.low_reclaim = root, int(again)
    return [1 - Entered(built, 0, "may_shrink", 0, memcg).to_the_end() for memcg in (1, 2, 3)]


@pytest.mark.parametrize("version", ["4.4", "4.11", "4.17"])
def test_memory_low_holds_where_all_above_are_below_theirs_to_4_17(version):
    assert passed_over(version, 0, (1000, 500, 500)) == [1, 1, 0], "b has no low of its own"
    assert passed_over(version, 0, (1024, 500, 500)) == [0, 0, 0], "p is not below its low"
    assert passed_over(version, 0, (1000, 512, 400)) == [1, 0, 0]
    assert passed_over(version, 0, (1000, 500, 500), again=True) == [0, 0, 0]


@pytest.mark.parametrize(("version", "spared"), [("4.4", 0), ("4.12", 0), ("4.13", 1), ("4.17", 1)])
def test_the_group_that_is_reclaimed_from_counts_to_4_12(version, spared):
    assert passed_over(version, 1, (2000, 500, 1500)) == [0, spared, 0]


@pytest.mark.parametrize(("version", "out_of_memory"), [("3.11", False), ("3.12", True), ("4.4", True), ("4.6", True)])
def test_zones_scanned_six_times_are_given_up_without_kswapd_since_3_12(version, out_of_memory):
    """All pages are pinned, and kswapd has noted nothing: a direct reclaimer says 1 while a zone is left to try."""
    built, _, _ = small(version)
    m = built.memory.m
    built.memory.table("frames")["pins"][built.memory.table("cache")[:200] - 1] = 1
    zones(m)["pages_scanned"], zones(m)["all_unreclaimable"] = 1 << 30, 0
    assert Entered(built, 0, "direct_reclaim", 0, GFP_HIGHUSER_MOVABLE, 1).to_the_end() == (not out_of_memory)


def test_swap_without_a_disk_skips_readahead_since_4_15():
    assert [era(version).flags["swapin_synchronous"] for version in ("4.14", "4.15", "6.18")] == [False, True, True]


@pytest.mark.parametrize(("version", "tested"), [("3.15", True), ("4.6", True), ("4.7", False), ("6.18", False)])
def test_what_write_brings_back_is_no_refault_since_4_7(version, tested):
    """A file of 600 pages is written through a group of 400, each page three times: what comes back was evicted."""
    cell = one(version, machine(64, disks={"d": Disk()}), READ, cgroups={"g": Cgroup(max=400 * 4096)})
    run_twice = run(cell, writes(list(range(600)) * 3))
    assert (run_twice.metrics["workingset_refault_file"] > 300) == tested
