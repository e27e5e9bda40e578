"""Placement, fallback, reclaim on the node, and the daemon that keeps a node's free pages between its watermarks."""

from dataclasses import replace

import numpy as np
import pytest

from mmrun.model.core.sleep import FOREVER
from mmrun.model.core.timeline import before
from mmrun.model.description import Cell, Mempolicy, Node, Region, Sysctl
from mmrun.model.machine.state import geometry
from mmrun.model.machine.state import nodes as nodes_of
from mmrun.model.mm.page.flags import PAGE_TABLE
from mmrun.model.mm.page.state import pcps, zones
from mmrun.model.units import GB_S, MS, MiB
from tests.model.actors import due, kswapd_of, waiting
from tests.model.cells import ERAS, READ, ZRAM, given, machine, one, reads, run, sampled, writes

TWO = machine(16, 16)
PAGEWISE = Region(kind="file", access="read", readahead=0)


def policy(mode: str, nodes=(), **more) -> Mempolicy:
    return Mempolicy(mode=mode, nodes=nodes, **more)  # type: ignore[arg-type]


def placed(era: str, mempolicy: Mempolicy, pages: int = 512, host=TWO):
    done = run(one(era, host, mempolicy=mempolicy), writes(range(pages)))
    return done, [done.node_of(page) for page in range(pages)]


@pytest.mark.parametrize("era", ERAS)
def test_local_pages_come_from_the_tasks_node(era):
    done, nodes = placed(era, policy("local"))
    assert set(nodes) == {0}
    assert done.metrics["node0.numa_hit"] == done.metrics["node0.local_node"] == 512 + 1, "and a page table"
    assert done.metrics["numa_miss"] == done.metrics["numa_foreign"] == done.metrics["other_node"] == 0


@pytest.mark.parametrize("era", ERAS)
def test_interleave_alternates_page_by_page(era):
    done, nodes = placed(era, policy("interleave", (0, 1)))
    assert nodes == [page % 2 for page in range(512)]
    hits = [done.metrics[f"node{nid}.interleave_hit"] for nid in (0, 1)]
    assert sorted(hits) == [256, 257], "the page table goes by the task's counter, pages by their address"
    assert done.metrics["node1.other_node"] == hits[1]


def test_interleave_over_a_mask_skips_the_others():
    _, nodes = placed("6.18", policy("interleave", (3, 1)), host=machine(16, 16, 16, 16))
    assert nodes == [1, 3] * 256


@pytest.mark.parametrize(("weights", "round_"), [((3, 1), [0, 0, 0, 1]), ((1, 2), [0, 1, 1]), ((1, 1), [0, 1])])
def test_weighted_interleave_gives_each_node_its_weight(weights, round_):
    _, nodes = placed("6.18", policy("weighted-interleave", (0, 1), weights=weights), pages=480)
    assert nodes == round_ * (480 // len(round_))


def test_automatic_weights_follow_bandwidth():
    host = replace(TWO, nodes=(Node(memory=16 * MiB, bandwidth=90 * GB_S), Node(memory=16 * MiB, bandwidth=30 * GB_S)))
    _, nodes = placed("6.18", policy("weighted-interleave", (0, 1)), host=host)
    assert nodes == [0, 0, 0, 1] * 128


@pytest.mark.parametrize("era", ERAS)
def test_preferred_falls_back_and_both_nodes_count_it(era):
    done = run(one(era, TWO, mempolicy=policy("preferred", (1,))), writes(range(6000)))
    found = done.metrics
    assert found["outcome"] == "ok"
    assert found["node1.numa_hit"] > 3000
    assert found["node0.numa_miss"] == found["node1.numa_foreign"] == 6000 + 12 - found["node1.numa_hit"] > 1000
    assert found["node0.numa_hit"] == found["node1.numa_miss"] == 0


@pytest.mark.parametrize("era", ERAS)
def test_bind_never_leaves_its_nodes(era):
    done = run(one(era, TWO, mempolicy=policy("bind", (1,))), writes(range(6000)))
    found = done.metrics
    assert found["outcome"] == "oom", "node 0 is free, but not allowed"
    assert found["node1.numa_hit"] > 3000 and found["node0.numa_hit"] == found["numa_miss"] == 0
    tables = int((done.built.memory.table("ptpage") != 0).sum())
    assert found["accesses"] == found["node1.numa_hit"] - tables
    kernel = done.built.memory.table("frames")
    assert set(kernel["node"][kernel["kind"] == PAGE_TABLE].tolist()) == {1}


@pytest.mark.parametrize("era", ERAS)
def test_bind_swaps_rather_than_leave(era):
    done = run(one(era, replace(TWO, swap=ZRAM), mempolicy=policy("bind", (1,))), writes(range(6000)))
    assert done.metrics["outcome"] == "ok" and done.metrics["pswpout"] > 0
    assert {done.node_of(page) for page in range(6000)} == {1, None}


@pytest.mark.parametrize("era", ["5.15", "6.18"])
def test_preferred_many_tries_all_its_nodes_before_any_other(era):
    host = machine(16, 16, 16)
    done = run(one(era, host, mempolicy=policy("preferred-many", (1, 2))), writes(range(10_000)))
    found = done.metrics
    assert found["outcome"] == "ok"
    nodes = [done.node_of(page) for page in range(10_000)]
    first_away = nodes.index(0)
    assert first_away > 7000 and set(nodes[:first_away]) == {1, 2}


@pytest.mark.parametrize("era", ERAS)
def test_allocations_are_hits_or_misses(era):
    host = machine(16, 16, 16, swap=ZRAM)
    for mempolicy in (policy("local"), policy("interleave", "all"), policy("preferred", "remote")):
        found = run(one(era, host, mempolicy=mempolicy), writes(range(13_000))).metrics
        assert found["numa_hit"] + found["numa_miss"] == found["local_node"] + found["other_node"] >= 13_000
        assert found["numa_miss"] == found["numa_foreign"]
        assert found["interleave_hit"] <= found["numa_hit"]


@pytest.mark.parametrize("era", ERAS)
def test_a_page_far_away_costs_its_distance(era):
    host = machine(16, 16, distance=((10, 21), (21, 10)))
    far = run(one(era, host, mempolicy=policy("bind", (1,))), np.tile(writes(range(64)), 101)).metrics
    near = run(one(era, host, mempolicy=policy("bind", (0,))), np.tile(writes(range(64)), 101)).metrics
    assert near["hit_ns"] == 6400 * 90 and far["hit_ns"] == 6400 * (90 + 11 * 5)
    assert far["remote_touches"] >= 6400 and near["remote_touches"] == 0


def unboosted(era: str) -> Sysctl:
    """Marks that fallbacks do not raise, which wakes kswapd long before memory is short (5.0)."""
    return Sysctl() if before(era, "5.0") else Sysctl(watermark_boost_factor=0)


def cached(era: str, mode: int, region: Region = READ, **more):
    vm = replace(unboosted(era), zone_reclaim_mode=mode)
    return run(one(era, machine(16, 16, **more), region, vm=vm), reads(range(6000))).metrics


@pytest.mark.parametrize("era", ERAS)
def test_node_reclaim_frees_local_cache_before_going_elsewhere(era):
    off, on = cached(era, 0), cached(era, 1)
    assert off["node1.numa_miss"] > 1000 and off["zone_reclaim_success"] == off["zone_reclaim_failed"] == 0
    assert on["zone_reclaim_success"] > 0 and on["node1.numa_miss"] * 10 < off["node1.numa_miss"]
    assert on["pgsteal_direct"] >= on["zone_reclaim_success"]


@pytest.mark.parametrize("era", ERAS)
def test_node_reclaim_leaves_mapped_pages_to_mode_4(era):
    mapped = Region(kind="file")
    only_unmapped, all_cache = cached(era, 1, mapped), cached(era, 5, mapped)
    assert only_unmapped["zone_reclaim_success"] * 10 < all_cache["zone_reclaim_success"], "but what was read ahead"


@pytest.mark.parametrize("era", ERAS)
def test_node_reclaim_needs_page_cache(era):
    vm = Sysctl(zone_reclaim_mode=1)
    found = run(one(era, machine(16, 16, swap=ZRAM), vm=vm), writes(range(5000))).metrics
    assert found["zone_reclaim_success"] == found["zone_reclaim_failed"] == 0


def test_node_reclaim_is_not_for_the_nodes_of_others():
    """A task bound to the other CPUs' node gets no reclaim there by zone_reclaim_mode."""
    cell = one("6.18", machine(16, 16), READ, vm=Sysctl(zone_reclaim_mode=1), mempolicy=policy("bind", (1,)))
    found = run(cell, reads(range(6000))).metrics
    assert found["zone_reclaim_success"] == 0 and found["outcome"] == "ok"


def watch(built) -> tuple[int, int, int, int]:
    """(0 while kswapd sleeps, 1 while it works, 2 while it naps; free pages, low, high)."""
    m = built.memory.m
    zone = zones(m)[int(geometry(m).nr_zones) - 1]
    daemon = kswapd_of(built)
    doing = 1 if not waiting(built, nodes_of(m)[0].kswapd_wait) else 0 if due(built, daemon) == FOREVER else 2
    return doing, int(zone.nr_free), int(zone.wmark_low), int(zone.wmark_high)


@pytest.mark.parametrize("era", ERAS)
def test_kswapd_wakes_below_low_and_stops_above_high(era):
    """Free pages as the buddy lists know them; a refill of a per-CPU list takes a batch at once."""
    cell = Cell(
        kernel=era, machine=machine(16), tasks={"t": given(PAGEWISE, think=2_000)}, sampling=sampled(2),
        vm=unboosted(era),
    )  # fmt: skip
    done = run(cell, reads(range(8_000)), probe=watch, check=False)
    _, _, low, high = done.seen[0]
    batch = int(pcps(done.m)[0, int(geometry(done.m).nr_zones) - 1].batch)
    assert done.metrics["node0.kswapd_wake"] > 3 and done.metrics["pgscan_kswapd"] > 0
    asleep = [free for state, free, _, _ in done.seen if state == 0]
    assert min(asleep) > low - 2 * max(batch, 32)
    wakes = [a for a, b in zip(done.seen, done.seen[1:], strict=False) if a[0] == 0 and b[0] == 1]
    assert wakes and all(free <= low + max(batch, 8) for _, free, _, _ in wakes)
    stops = [b for a, b in zip(done.seen, done.seen[1:], strict=False) if a[0] == 1 and b[0] != 1]
    assert stops and all(free > high - max(batch, 64) for _, free, _, _ in stops)
    overshoot = max(free for state, free, _, _ in done.seen[2000:])
    assert overshoot < high + 1024, "it does not free the whole node"


def unhurried(era: str, think: int) -> int:
    """Time between a task's accesses that kswapd keeps up with.

    On lists of less than 512 MiB a run of 3.1's comes to 32 pages at priority 9 only, where it first naps for 100 ms.
    """
    return 5 * MS if era == "3.1" else think


@pytest.mark.parametrize("era", ["3.1", "3.15"])
def test_kswapd_leaves_a_zone_that_is_above_high_and_its_gap_alone(era):
    """The small zone of a node is not reclaimed along with the large one once it has enough."""
    cell = Cell(
        kernel=era, machine=machine(64), tasks={"t": given(PAGEWISE, think=unhurried(era, 2_000))}, sampling=sampled(8)
    )
    done = run(cell, reads(range(40_000)), probe=lambda built: int(zones(built.memory.m)[0].nr_free), check=False)
    zone = zones(done.m)[0]
    enough = int(zone.wmark_high + min(zone.wmark_low, -(-zone.managed // 100)) + zone.reserve[1])
    first = next(i for i, free in enumerate(done.seen) if free <= enough)
    assert max(done.seen[first:]) <= enough + 64, "a round of each list more at most"
    assert done.metrics["pgsteal_kswapd"] > 10_000


@pytest.mark.parametrize("era", ERAS)
def test_a_task_faster_than_kswapd_reclaims_itself(era):
    slow = Cell(kernel=era, machine=machine(64), tasks={"t": given(READ, think=unhurried(era, 50_000))})
    fast = Cell(kernel=era, machine=machine(64), tasks={f"t{i}": given(READ) for i in range(4)})
    # A refill of 6.7 takes 32 batches at once if nothing is freed: three times what lies between the marks here.
    most = 0 if before(era, "6.7") else 20
    assert run(slow, {"t": reads(range(20_000))}).metrics["allocstall"] <= most
    crowd = run(fast, {f"t{i}": reads(range(10_000)) for i in range(4)}).metrics
    assert crowd["pgscan_direct"] + crowd["pgscan_kswapd"] > 0


def test_a_memory_only_node_has_a_daemon_too():
    host = replace(TWO, nodes=(Node(memory=16 * MiB), Node(memory=16 * MiB, cpus=0)), swap=ZRAM)
    found = run(one("6.18", host, mempolicy=policy("bind", (1,))), writes(range(6000))).metrics
    assert found["node1.kswapd_wake"] > 0 and found["node1.kswapd_ns"] > 0 and found["node0.kswapd_ns"] == 0


@pytest.mark.parametrize(
    ("mempolicy", "hits", "local", "interleaved"),
    [
        (policy("local"), (76_954, 0), 76_954, 0),
        (policy("interleave", (0, 1)), (38_478, 38_476), 38_479, 76_953),
        (policy("bind", (1,)), (1, 76_954), 3, 0),
        (policy("preferred", (1,)), (1, 76_954), 3, 0),
    ],
)
def test_placement_of_300_mib_as_linux_6_1_counted_it(mempolicy, hits, local, interleaved):
    """Recorded on two nodes of 1 GiB, from a CPU of node 0; page tables are placed as their pages are."""
    told = run(one("6.1", machine(1024, 1024), mempolicy=mempolicy), writes(range(76_800))).metrics
    near = 76_800 * 0.0005
    assert [told[f"node{nid}.numa_hit"] for nid in (0, 1)] == pytest.approx(hits, abs=near)
    assert told["local_node"] == pytest.approx(local, abs=near)
    assert told["interleave_hit"] == pytest.approx(interleaved, abs=near)
    assert told["numa_miss"] == told["numa_foreign"] == 0
