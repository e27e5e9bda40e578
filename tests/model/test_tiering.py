"""Memory tiers: which nodes demote where, what is promoted how fast, what each costs whom; the law that holds it."""

import numpy as np
import pytest

from mmrun.model.core.events import compute
from mmrun.model.description import Cell, Cgroup, Machine, Node, Region, Sampling, Sysctl, Variant
from mmrun.model.mm.numa_balancing.policy import policies
from mmrun.model.mm.tiering.place import targets_of, tiers_of
from mmrun.model.mm.tiering.promotion import adjusted
from mmrun.model.mm.tiering.state import tiers
from mmrun.model.units import GB_S, MS, MiB
from tests.model.cells import Run, machine_of, one, reads, run, with_swap, writes

FAST_MIB, SLOW_MIB = 16, 48
QUICK = {"numa_balancing_scan_delay_ms": 2, "numa_balancing_scan_period_min_ms": 2, "numa_balancing_scan_size_mb": 4}
PROMOTES = {"numa_balancing": 2, **QUICK}


def tiered(*more: Node, **parts) -> Machine:
    """A fast node with a CPU and a slow one without; more nodes behind them."""
    slow = Node(cpus=0, memory=SLOW_MIB * MiB, latency=190, bandwidth=30 * GB_S)
    return Machine(nodes=(Node(cpus=1, memory=FAST_MIB * MiB), slow, *more), **parts)


def test_tiers_follow_from_cpus_latency_and_bandwidth() -> None:
    far = Node(cpus=0, memory=32 * MiB, latency=300, bandwidth=10 * GB_S)
    found = tiers_of(tiered(far))
    assert found[0] == 0 and 0 < found[1] < found[2]
    assert [targets_of(tiered(far), node) for node in range(3)] == [0b010, 0b100, 0]


def test_a_tier_can_be_given() -> None:
    nodes = (Node(memory=16 * MiB), Node(memory=16 * MiB, tier=1), Node(cpus=0, memory=16 * MiB, tier=1))
    host = Machine(nodes=nodes, distance=((10, 20, 30), (20, 10, 20), (30, 20, 10)))
    assert tiers_of(host) == [0, 1, 1]
    assert targets_of(host, 0) == 0b010  # the nearest of that tier


def test_among_equals_chance_decides() -> None:
    same = Node(cpus=0, memory=SLOW_MIB * MiB, latency=190, bandwidth=30 * GB_S)
    host = Machine(nodes=(Node(cpus=1, memory=FAST_MIB * MiB), same, same))
    assert targets_of(host, 0) == 0b110
    done = filled(cell_of(host, demotion_enabled=1), 8000)
    assert min(done.metrics["node1.nr_free_pages"], done.metrics["node2.nr_free_pages"]) < SLOW_MIB * 256 - 500


@pytest.mark.parametrize(
    ("threshold", "candidates", "following"),
    [(1000, 270_337, 875), (1000, 270_336, 1000), (1000, 221_184, 1000), (1000, 221_183, 1125), (125, 10**9, 125),
     (2000, 0, 2000), (1999, 0, 2000)],
)  # fmt: skip
def test_the_threshold_goes_by_candidates_a_minute(threshold: int, candidates: int, following: int) -> None:
    """Limit 16 MiB/s: 4096 pages a second, 245,760 a minute; steps of an eighth of the base."""
    assert adjusted(threshold, candidates, 4096 * 60, 1000) == following


def test_with_the_default_limit_the_threshold_drifts_up_in_eight_minutes() -> None:
    threshold, minutes = 1000, 0
    while threshold < 2000:
        threshold, minutes = adjusted(threshold, 100_000, (65_536 << 8) * 60, 1000), minutes + 1
    assert minutes == 8


def cell_of(host: Machine, kernel: str = "6.12", policy: str | None = None, **vm: int) -> Cell:
    """A cell with one task."""
    chosen = {"tiering": Variant(variant=policy)} if policy else {}
    return one(kernel, host, vm=Sysctl(**vm), policy=chosen)


def filled(cell: Cell, pages: int, *events: np.ndarray) -> Run:
    """The task touches pages in order, then does what else it is told."""
    return run(cell, np.concatenate([writes(range(pages)), *events]), footprint=pages)


def promoted(
    policy: str | None = None, slow_pages: int = 400, number: int = 30, kernel: str = "6.12", **vm: int
) -> Run:
    """Pages put on the slow node are used round after round."""
    first = [policies("bind", (1,)), writes(range(slow_pages)), policies("local")]
    rounds = [each for _ in range(number) for each in (writes(range(slow_pages)), compute(MS))]
    cell = cell_of(tiered(), kernel, policy, **{**PROMOTES, **vm})
    return run(cell, np.concatenate([*first, *rounds]), footprint=slow_pages)


def test_initial_placement_demotes_nothing() -> None:
    done = filled(cell_of(tiered(), demotion_enabled=1), 6000)
    assert done.metrics["pgdemote_kswapd"] == done.metrics["pgdemote_direct"] == 0
    assert done.metrics["lower_tier_pages"] > 1000


@pytest.mark.parametrize("kernel", ["5.15", "6.12", "6.18", "6.18+mglru"])
def test_reclaim_on_the_fast_node_moves_pages_down(kernel: str) -> None:
    """Bound to the fast node the task does not fit; without swap nothing else could make room."""
    cell = cell_of(tiered(), kernel, demotion_enabled=1)
    pages = 6000
    events = np.concatenate([policies("bind", (0,)), writes(range(pages))])
    done = run(cell, events, footprint=pages)
    demoted = done.metrics["pgdemote_kswapd"] + done.metrics["pgdemote_direct"]
    assert demoted > 1500
    assert demoted == done.metrics["migrated_demotion"]
    assert done.metrics["node0.demotion_ns"] + done.metrics["stall_demotion_ns"] > 0
    assert {done.node_of(page) for page in range(pages)} == {0, 1}


def test_without_demotion_such_a_task_is_killed() -> None:
    events = np.concatenate([policies("bind", (0,)), writes(range(6000))])
    assert run(cell_of(tiered()), events, footprint=6000).metrics["oom_kill"] == 1


def test_what_cannot_be_demoted_is_swapped() -> None:
    """The slow node is full, too: the left-over pages are reclaimed in the same pass."""
    host = tiered(**with_swap("zram", 64 * MiB))
    done = filled(cell_of(host, demotion_enabled=1), 17_500, reads(range(17_500)))
    assert done.metrics["pswpout"] > 0


@pytest.mark.parametrize(("kernel", "policy"), [("5.18", None), ("6.12", None), ("6.12", "every-fault")])
def test_hot_pages_come_up(kernel: str, policy: str | None) -> None:
    done = promoted(policy, kernel=kernel)
    assert {done.node_of(page) for page in range(400)} == {0}
    assert done.metrics["pgpromote_success"] == 400
    assert done.metrics["top_tier_ratio"] > 0.8


def test_pages_used_late_stay_down() -> None:
    """The threshold is 1 ms; the pages are used up to 28 ms after they were marked."""
    first = [policies("bind", (1,)), writes(range(400)), policies("local")]
    rounds = [each for _ in range(20) for each in (writes(range(400)), *[compute(4 * MS)] * 8)]
    cell = cell_of(tiered(), numa_balancing_hot_threshold_ms=1, **PROMOTES)
    done = run(cell, np.concatenate([*first, *rounds]), footprint=400)
    assert done.metrics["numa_hint_faults"] > 400
    assert done.metrics["pgpromote_candidate"] < 400


def test_no_more_pages_a_second_than_the_limit() -> None:
    done = promoted(numa_balancing_promote_rate_limit_MBps=1)
    assert done.metrics["pgpromote_success"] == 255  # the 256th candidate reaches the limit of 256 pages
    assert done.metrics["pgpromote_candidate"] > 256


def test_a_roomy_node_takes_all() -> None:
    """Free beyond the promo mark more than 1 GiB: nobody asks how hot a page is."""
    host = Machine(nodes=(Node(cpus=1, memory=1300 * MiB), Node(cpus=0, memory=64 * MiB, latency=190)))
    first = [policies("bind", (1,)), writes(range(100)), policies("local")]
    rounds = [each for _ in range(10) for each in (writes(range(100)), compute(MS))]
    done = run(cell_of(host, **PROMOTES), np.concatenate([*first, *rounds]), footprint=100)
    assert done.metrics["pgpromote_candidate_nrl"] == done.metrics["pgpromote_success"] == 100
    assert done.metrics["pgpromote_candidate"] == 0


def test_a_full_node_refuses_and_wakes_its_kswapd() -> None:
    pages = 6000
    hot = range(5000, 5400)
    rounds = [each for _ in range(200) for each in (writes(hot), compute(MS))]
    alone = filled(cell_of(tiered(), **PROMOTES), pages, *rounds)
    both = filled(cell_of(tiered(), demotion_enabled=1, **PROMOTES), pages, *rounds)
    assert alone.metrics["node0.promotion_refused"] > 0 and alone.metrics["pgpromote_success"] < 400
    assert both.metrics["pgpromote_success"] > alone.metrics["pgpromote_success"] + 100
    assert both.metrics["pgdemote_kswapd"] > 0
    assert both.metrics["node0.kswapd_ns"] >= both.metrics["node0.demotion_ns"] > 0


def test_tpp_promotes_at_the_second_fault_and_keeps_more_room() -> None:
    done = promoted("tpp", number=40, demotion_enabled=1)
    assert done.metrics["pgpromote_success"] > 0
    assert done.metrics["numa_hint_faults"] > done.metrics["pgpromote_success"]
    plain = machine_of(cell_of(tiered(), demotion_enabled=1, **PROMOTES))
    ahead = machine_of(cell_of(tiered(), policy="tpp", demotion_enabled=1, **PROMOTES))
    assert tiers(ahead.memory.m)[0].promo.sum() > tiers(plain.memory.m)[0].promo.sum() > 0


def test_pages_to_and_fro_are_counted() -> None:
    """Two halves of more than the fast node, used in turn: what came up goes down again."""
    pages, half = 7000, 3500
    parts = []
    for turn in range(4):
        hot = range(half * (turn % 2), half * (turn % 2) + half)
        parts += [each for _ in range(12) for each in (writes(hot), compute(2 * MS))]
    cell = cell_of(tiered(), demotion_enabled=1, **PROMOTES)
    done = filled(cell, pages, *parts)
    assert done.metrics["node0.demoted_again"] + done.metrics["node0.promoted_again"] > 0
    never = Cell(**{**vars(cell), "sampling": Sampling(ping_pong=1)})
    assert filled(never, pages, *parts).metrics["node0.demoted_again"] == 0


@pytest.mark.parametrize(
    ("kernel", "setting"), [("5.14", "demotion_enabled"), ("6.0", "numa_balancing_hot_threshold_ms")]
)
def test_versions_without_it_refuse_it(kernel: str, setting: str) -> None:
    with pytest.raises(ValueError):
        filled(cell_of(tiered(), kernel, **{setting: 1}), 10)


def test_limits_of_groups_demote_since_5_19() -> None:
    for kernel, some in (("5.18", False), ("6.1", True)):
        cell = one(kernel, tiered(**with_swap("zram", 32 * MiB)), Region(), vm=Sysctl(demotion_enabled=1),
                   cgroups={"g": Cgroup(max=4 * MiB)})  # fmt: skip
        done = filled(cell, 2000)
        assert (done.metrics["pgdemote_direct"] > 0) == some
