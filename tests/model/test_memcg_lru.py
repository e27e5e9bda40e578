"""The LRU of groups: exact moves, whom a walk meets, what a visit leads to, fairness under global pressure."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given as over
from hypothesis import settings
from hypothesis import strategies as st

from mmrun.model import check, registry
from mmrun.model.build import Built
from mmrun.model.core.record import NONE
from mmrun.model.description import Cell, Cgroup, Region, Variant
from mmrun.model.machine.state import MEMCG_BINS, MEMCG_GENS, geometry, nodes
from mmrun.model.mm.limits.variants.memcg.memcg_lru import SHRINK, outcome
from mmrun.model.mm.lru.state import DEF_PRIORITY
from mmrun.model.mm.memcg.memcg_lru import HEAD, NOP, OLD, TAIL, YOUNG, begin_walk, go_on, rotate, soft_reclaim
from mmrun.model.mm.memcg.state import memcg_count, memcg_state
from mmrun.model.mm.page.gfp import GFP_HIGHUSER_MOVABLE, HIGHEST
from mmrun.model.mm.reclaim.vmscan import begin
from mmrun.model.units import PAGE, MiB
from tests.model.actors import Entered, own_scan_of
from tests.model.cells import ANON, OWN_CPUS, ZRAM, call, given, machine, machine_of, one, reads, run, sampled, writes

ERA = "6.18+mglru"
TASK = 0
DIRECT = own_scan_of(TASK)
UNAHEAD = Region(kind="file", access="read", readahead=0)


def groups(count: int = 5, host=None, **more: Cgroup) -> Built:
    """A machine with `count` groups and these, before its first event."""
    described = {f"g{i}": Cgroup() for i in range(count)} | more | {"g": Cgroup()}
    return machine_of(one(ERA, host or machine(16), cgroups=described))


def lv_of(built: Built, name: str, nid: int = 0) -> int:
    m = built.memory.m
    return built.cgroups.index(name) * int(geometry(m).nr_zones) + int(nodes(m)[nid].first_zone)


def place(built: Built, lv: int) -> tuple[int, int, list[int]]:
    """Generation and bin a lruvec stands in, and everybody in that bin, first to last."""
    g, node = built.memory.table("lrugens"), nodes(built.memory.m)[int(built.memory.table("lruvecs")[lv].node)]
    at, found = int(node.memcg_lists[g[lv].memcg_gen, g[lv].memcg_bin].head), []
    while at != NONE:
        found.append(at)
        at = int(g[at].next)
    return int(g[lv].memcg_gen), int(g[lv].memcg_bin), found


def to_bin(built: Built, wanted: int) -> None:
    """Let the next random bin be this one."""
    m = built.memory.m
    memcg_state(m).memcg_rng = next(n for n in range(1, 10_000) if n * 48271 % (2**31 - 1) % MEMCG_BINS == wanted)


def test_groups_begin_old_and_each_in_the_same_bin_of_every_node():
    built = groups(30, machine(16, 16))
    check.verify(built)
    m, places = built.memory.m, set()
    for name in built.cgroups:
        gen, place_0, _ = place(built, lv_of(built, name))
        assert (gen, place_0) == place(built, lv_of(built, name, 1))[:2] and gen == 0
        places.add(place_0)
    assert len(places) == MEMCG_BINS and nodes(m)[0].memcg_nr.tolist() == [32, 0, 0]


@pytest.mark.parametrize(
    ("event", "generation", "first", "segment"),
    [(HEAD, 1, True, HEAD), (TAIL, 1, False, TAIL), (OLD, 0, True, NOP), (YOUNG, 1, False, NOP)],
)
def test_where_a_group_goes(event, generation, first, segment):
    """A group that is young already, sent to a bin of its generation, or of the old one, in which others stand."""
    built = groups()
    m, moved, others = built.memory.m, lv_of(built, "g0"), [lv_of(built, "g1"), lv_of(built, "g2")]
    for lv in (moved, *others):
        to_bin(built, 4)
        rotate(m, lv, YOUNG)
    if event == OLD:
        for lv in others:
            to_bin(built, 4)
            rotate(m, lv, OLD)
    before = nodes(m)[0].memcg_nr.copy()
    to_bin(built, 4)
    rotate(m, moved, event)
    gen, at, standing = place(built, moved)
    assert (gen, at) == (generation, 4) and set(others) < set(standing)
    assert standing.index(moved) == (0 if first else len(standing) - 1)
    assert built.memory.table("lrugens")[moved].memcg_seg == segment
    assert (nodes(m)[0].memcg_nr - before).tolist() == ([1, -1, 0] if event == OLD else [0, 0, 0])
    check.verify(built)


def test_when_the_old_generation_is_empty_the_young_one_is_old():
    built = groups(3)
    m = built.memory.m
    for turn in range(1, 5):
        for i, name in enumerate(built.cgroups):
            assert nodes(m)[0].memcg_seq == turn - 1
            rotate(m, lv_of(built, name), YOUNG)
            assert nodes(m)[0].memcg_nr[turn % MEMCG_GENS] == i + 1
        assert nodes(m)[0].memcg_seq == turn
        check.verify(built)


@over(st.lists(st.tuples(st.integers(0, 6), st.sampled_from((HEAD, TAIL, OLD, YOUNG))), max_size=80))
@settings(max_examples=30, deadline=None, derandomize=True)
def test_every_group_stays_on_exactly_one_list(moves):
    built = groups(5)
    for memcg, event in moves:
        rotate(built.memory.m, lv_of(built, built.cgroups[memcg]), event)
    check.verify(built)


def walk(built: Built, event: int = NOP) -> list[int]:
    """Groups a walk meets when the same happens to each of them."""
    m, met = built.memory.m, []
    begin(m, DIRECT, 0, DEF_PRIORITY, 32, HIGHEST)
    built.memory.table("scans")[DIRECT].node = 0
    group = begin_walk(m, DIRECT)
    while group >= 0:
        met.append(group)
        assert len(met) < 100
        group = go_on(m, DIRECT, lv_of(built, built.cgroups[group]), event)
    return met


def test_a_walk_meets_every_old_group_once_from_a_random_bin_on():
    built, begun = groups(20), set()
    for _ in range(12):
        met = walk(built)
        assert sorted(met) == list(range(22))
        begun.add(place(built, lv_of(built, built.cgroups[met[0]]))[1])
    assert len(begun) > 4
    assert sorted(walk(built, YOUNG)) == list(range(22)) and nodes(built.memory.m)[0].memcg_seq == 1
    rotate(built.memory.m, lv_of(built, "g7"), YOUNG)
    assert len(walk(built)) == 21


def test_a_walk_begins_its_bin_again_when_its_group_was_moved_away():
    built = groups(2)
    m = built.memory.m
    first, second, third = (lv_of(built, name) for name in ("g0", "g1", "g"))
    rotate(m, lv_of(built, ""), YOUNG)
    for lv in (first, second, third):
        to_bin(built, 3)
        rotate(m, lv, TAIL)
    to_bin(built, 3)
    built.memory.table("scans")[DIRECT].node = 0
    assert begin_walk(m, DIRECT) == 1
    rotate(m, first, YOUNG)  # by somebody else
    assert go_on(m, DIRECT, first, NOP) == 2 and go_on(m, DIRECT, second, NOP) == 3
    assert go_on(m, DIRECT, third, NOP) == -1


def test_a_group_over_its_soft_limit_comes_first_once():
    built = groups()
    m, lv = built.memory.m, lv_of(built, "g1")
    soft_reclaim(m, 2, 0)
    assert built.memory.table("lrugens")[lv].memcg_seg == HEAD and place(built, lv)[2][0] == lv
    state = int(memcg_state(m).memcg_rng)
    soft_reclaim(m, 2, 0)
    assert memcg_state(m).memcg_rng == state, "it is not moved again"


@pytest.mark.parametrize(
    ("event", "aged", "pages", "segment", "expected"),
    [
        (SHRINK, 1, 0, NOP, YOUNG),
        (SHRINK, 0, 4096, NOP, NOP),
        (SHRINK, 0, 4095, NOP, TAIL),
        (SHRINK, 0, 4095, TAIL, YOUNG),
        (SHRINK, 0, 4095, HEAD, TAIL),
        (YOUNG, 0, 4096, NOP, YOUNG),
        (TAIL, 0, 4096, NOP, TAIL),
    ],
)
def test_what_a_visit_at_priority_12_leads_to(event, aged, pages, segment, expected):
    built = groups()
    m, lv = built.memory.m, lv_of(built, "g0")
    begin(m, DIRECT, 0, DEF_PRIORITY, 32, HIGHEST)
    sc = built.memory.table("scans")[DIRECT]
    sc.memcg_event, sc.aged = event, aged
    g = built.memory.table("lrugens")[lv]
    g.pages[0, 1, 0], g.memcg_seg = pages, segment
    assert outcome(m, DIRECT, lv) == expected


@pytest.mark.parametrize(
    ("usage", "emin", "elow", "segment", "shrinks", "event", "low_events"),
    [
        (100, 100, 0, NOP, 0, YOUNG, 0),
        (101, 100, 0, NOP, 1, SHRINK, 0),
        (100, 0, 100, NOP, 0, TAIL, 0),
        (100, 0, 100, HEAD, 0, TAIL, 0),
        (100, 0, 100, TAIL, 1, SHRINK, 1),
        (0, 0, 0, NOP, 0, YOUNG, 0),
    ],
)
def test_protection_passes_a_group_over_and_low_only_once(usage, emin, elow, segment, shrinks, event, low_events):
    built = groups(p=Cgroup(min=PAGE))
    m, memcg = built.memory.m, built.cgroups.index("p")
    row = built.memory.table("memcgs")[memcg]
    row.usage, row.emin, row.elow = usage, emin, elow
    built.memory.table("lrugens")[lv_of(built, "p")].memcg_seg = segment
    begin(m, DIRECT, 0, DEF_PRIORITY, 32, HIGHEST)
    sc = built.memory.table("scans")[DIRECT]
    sc.node = sc.zone = 0
    assert call(built, "may_shrink", DIRECT, memcg) == shrinks
    assert sc.memcg_event == event and row.events_low == low_events


def test_it_needs_generations():
    with pytest.raises(ValueError, match="memcg: memcg-lru needs generations"):
        registry.resolve(replace(one(ERA, machine(16)), policy={"lru": Variant(variant="cost-balanced")}))


def crowd(count: int, pages: int, memory: int, **more) -> tuple[Cell, dict[str, np.ndarray]]:
    """As many groups, each reading a file of its own at random."""
    tasks = {f"t{i}": given(UNAHEAD, cgroup=f"g{i}") for i in range(count)}
    cell = Cell(
        kernel=ERA, machine=machine(memory), tasks=tasks, cgroups={f"g{i}": Cgroup() for i in range(count)}, **more
    )
    draw = np.random.default_rng(3)
    return cell, {name: reads(draw.integers(0, pages, 3 * pages)) for name in tasks}


@pytest.mark.slow
def test_global_pressure_falls_on_all_groups_alike():
    """Equal groups too small to be scanned at the first priorities: chance decides the turn, not the outcome."""
    cell, streams = crowd(100, 300, 64, sampling=sampled(20_000), policy=OWN_CPUS)
    done = run(cell, streams)
    steals = done.built.memory.table("memcgs")["pgsteal"][1:]
    assert done.metrics["pgsteal"] > 10_000
    assert 0.5 * steals.mean() < steals.min() and steals.max() < 2 * steals.mean()


def test_a_walk_of_direct_reclaim_meets_no_group_more_than_twice():
    """Priority by priority, groups too small for it are tried once more and then left until it is their turn again."""
    cell, streams = crowd(10, 300, 400)
    built = run(cell, streams, check=False).built
    m = built.memory.m
    for _ in range(20):
        visits = int(memcg_count(m).memcg_visits)
        got = Entered(built, TASK, "direct_reclaim", 0, GFP_HIGHUSER_MOVABLE, 1).to_the_end()
        walks = DEF_PRIORITY + 1 - int(built.memory.table("scans")[DIRECT].priority)
        assert got >= 32 and memcg_count(m).memcg_visits - visits <= 2 * 11 * walks
    check.verify(built)


def test_a_group_large_enough_for_the_first_priority_is_all_that_a_reclaimer_visits():
    cell = one(ERA, machine(640), UNAHEAD, cgroups={"g": Cgroup(), **{f"small{i}": Cgroup() for i in range(50)}})
    built = run(cell, reads(np.arange(33 << DEF_PRIORITY)), check=False).built
    m, lv = built.memory.m, lv_of(built, "g")
    for _ in range(3):
        soft_reclaim(m, built.cgroups.index("g"), 0)
        to_bin(built, (place(built, lv)[1]))
        visits = int(memcg_count(m).memcg_visits)
        got = Entered(built, TASK, "direct_reclaim", 0, GFP_HIGHUSER_MOVABLE, 1).to_the_end()
        assert got in (32, 33) and memcg_count(m).memcg_visits - visits == 1


def test_limit_reclaim_that_ages_a_group_makes_it_young_for_the_machine():
    cell = one(ERA, machine(64, swap=ZRAM), cgroups={"g": Cgroup(max=400 * PAGE), "idle": Cgroup()})
    built = run(cell, writes(np.tile(np.arange(700), 3))).built
    gen = built.memory.table("lrugens")["memcg_gen"][[lv_of(built, "g"), lv_of(built, "idle")]]
    seq = int(nodes(built.memory.m)[0].memcg_seq)
    assert gen.tolist() == [(seq + 1) % MEMCG_GENS, seq % MEMCG_GENS]


def test_pages_that_come_into_a_group_over_its_soft_limit_put_it_first():
    names = {"soft": MiB, "enough": 64 * MiB, "none": None}
    cell = Cell(
        kernel=ERA,
        machine=machine(128),
        tasks={name: given(UNAHEAD, cgroup=name) for name in names},
        cgroups={name: Cgroup(soft_limit=limit) for name, limit in names.items()},
    )
    built = run(cell, dict.fromkeys(names, reads(np.arange(3000)))).built
    segments = {name: int(built.memory.table("lrugens")[lv_of(built, name)].memcg_seg) for name in names}
    assert segments == {"soft": HEAD, "enough": NOP, "none": NOP}


def test_anon_and_file_groups_pass_the_whole_check_under_pressure():
    regions = {"a": ANON, "f": UNAHEAD}
    tasks = {name: given(region, cgroup=name) for name, region in regions.items()}
    cell = Cell(
        kernel=ERA, machine=machine(12, 12, swap=ZRAM), tasks=tasks, cgroups={"a": Cgroup(low=2 * MiB), "f": Cgroup()},
        sampling=sampled(2000),
    )  # fmt: skip
    draw = np.random.default_rng(5)
    done = run(cell, {"a": writes(draw.integers(0, 4000, 12_000)), "f": reads(draw.integers(0, 4000, 12_000))})
    assert done.metrics["pgsteal"] > 1000 and done.metrics["oom_kill"] == 0
