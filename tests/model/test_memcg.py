"""The memory controller: protection, charges up the tree, walks over groups, memory.high, memory.reclaim, OOM."""

import numpy as np
import pytest
from hypothesis import given as over
from hypothesis import settings
from hypothesis import strategies as st

from mmrun.model import check
from mmrun.model.build import Built
from mmrun.model.description import Cell, Cgroup, Machine, Node, Region, Stream, Task
from mmrun.model.machine.state import cpus, geometry, progress
from mmrun.model.mm.limits.limits import high_delay, overage, proactive_reclaim
from mmrun.model.mm.limits.oom import badness, victim
from mmrun.model.mm.memcg.check import protection
from mmrun.model.mm.memcg.memcg_iter import follow, iterator, join
from mmrun.model.mm.memcg.memcontrol import NO_GROUP, charge_pages, fold, lru_size, refill_stock, uncharge_pages
from mmrun.model.mm.memcg.protection import (
    calculate_protection,
    claimed_protection,
    effective_protection,
    unprotected,
)
from mmrun.model.mm.reclaim.state import reclaim_count
from mmrun.model.mm.reclaim.vmscan import begin
from mmrun.model.units import PAGE, MiB
from tests.model.actors import own_scan_of
from tests.model.cells import FILE, call, given, machine, machine_of, one, reads, run, writes

FEW = settings(max_examples=40, deadline=None, derandomize=True)
DIRECT, OTHER = own_scan_of(0), own_scan_of(1)
BARE = Region(kind="file", readahead=0, fault_around=PAGE)


def groups(**described: Cgroup) -> Built:
    """A machine with these groups, before its first event."""
    return machine_of(one("6.18", machine(16), cgroups={**described, "g": Cgroup()}))


@pytest.mark.parametrize(
    ("usage", "parent_usage", "setting", "parent_effective", "siblings", "recursive", "expected"),
    [
        (50, 200, 30, 100, 60, False, 30),  # the parent can afford what its children claim
        (50, 200, 80, 100, 50, False, 50),  # a claim is no more than what is used
        (100, 300, 100, 100, 200, False, 50),  # twice too much is claimed: half each
        (100, 300, 100, 50, 250, False, 20),
        (100, 200, 0, 50, 0, True, 25),  # nobody claims anything: by usage
        (100, 200, 40, 80, 40, True, 55),  # 40 of its own, and (80 - 40) * (100 - 40) / (200 - 40)
        (100, 200, 40, 80, 40, False, 40),
        (40, 200, 40, 80, 40, True, 40),  # nothing unprotected is left to share
        (100, 200, 100, 0, 100, False, 0),  # the parent protects nothing
    ],
)
def test_effective_protection(usage, parent_usage, setting, parent_effective, siblings, recursive, expected):
    found = effective_protection(usage, parent_usage, setting, parent_effective, siblings, recursive)
    assert found == expected


def test_protection_of_a_tree_worked_out_by_hand():
    """a (min 100) has a.b (min 80, 90 used) and a.c (min 80, 60 used): they share 100 as 80 to 60."""
    built = groups(
        a=Cgroup(min=100 * PAGE),
        b=Cgroup(parent="a", min=80 * PAGE),
        c=Cgroup(parent="a", min=80 * PAGE, low=20 * PAGE),
    )
    m, rows = built.memory.m, built.memory.table("memcgs")
    assert built.cgroups == ["", "a", "b", "c", "g"]
    assert charge_pages(m, 2, 90) == charge_pages(m, 3, 60) == NO_GROUP
    assert (rows["usage"][1], rows["children_min"][1], rows["children_low"][1]) == (150, 140, 20)
    for memcg in (1, 2, 3):
        calculate_protection(m, 0, memcg, False)
    assert rows["emin"][1:4].tolist() == [100, 80 * 100 // 140, 60 * 100 // 140]
    assert rows["elow"][1:4].tolist() == [0, 0, 0], "a has no memory.low to hand down"
    calculate_protection(m, 1, 3, False)
    assert (rows["emin"][3], rows["elow"][3]) == (80, 20), "reclaim of a itself takes its children's word"


@pytest.mark.parametrize(
    ("usage", "setting", "parent_effective", "siblings", "expected"),
    [
        (60, 80, 100, 60, 80),  # nobody else claims: all of its own
        (60, 80, 50, 60, 50),  # but no more than the parent has
        (90, 80, 100, 60, 80),  # above its own it is none of the siblings
        (90, 80, 100, 200, 40),
        (50, 80, 100, 200, 25),  # by what it uses of its own
        (90, 80, 100, 0, 80),  # everybody is above: nothing to share out by
        (90, 80, 0, 0, 0),  # the parent protects nothing
        (90, 0, 100, 60, 0),
    ],
)
def test_protection_until_5_6(usage, setting, parent_effective, siblings, expected):
    assert claimed_protection(usage, setting, parent_effective, siblings) == expected


@pytest.mark.parametrize(
    ("era", "claimed", "emin"),
    [("4.19", 60, [100, 80, 80]), ("5.6", 60, [100, 80, 80]), ("5.7", 140, [100, 57, 42]), ("5.8", 140, [100, 57, 42])],
)
def test_until_5_6_a_child_above_its_own_protection_claims_nothing_of_its_parents(era, claimed, emin):
    """The same tree; b uses 90 of 80, so its parent counts c's 60 alone, and both are promised all of theirs."""
    described = {"a": Cgroup(min=100 * PAGE), "b": Cgroup(parent="a", min=80 * PAGE),
                 "c": Cgroup(parent="a", min=80 * PAGE), "g": Cgroup()}  # fmt: skip
    built = machine_of(one(era, machine(16), cgroups=described))
    m, rows = built.memory.m, built.memory.table("memcgs")
    assert charge_pages(m, 2, 90) == charge_pages(m, 3, 60) == NO_GROUP
    assert rows["children_min"][1] == claimed
    protection(rows, claimed == 140)
    for memcg in (1, 2, 3):
        call(built, "may_shrink", 0, memcg)
    assert rows["emin"][1:4].tolist() == emin
    uncharge_pages(m, 2, 15)
    assert rows["children_min"][1] == 75 + 60, "b is below its own again"


@pytest.mark.parametrize(
    ("size", "protection", "usage", "expected"),
    [(1000, 0, 0, 1000), (1000, 500, 999, 500), (1000, 250, 999, 750), (1000, 1000, 1000, 32), (100, 99, 99, 32),
     (10, 5, 99, 32), (400, 100, 399, 300)],
)  # fmt: skip
def test_scan_target_shrinks_with_protection(size, protection, usage, expected):
    built = groups()
    m, sc = built.memory.m, built.memory.table("scans")[DIRECT]
    sc.protection, sc.usage = protection, usage
    assert unprotected(m, DIRECT, size) == expected


@pytest.mark.parametrize(
    ("percent", "ticks"), [(0, 0), (1, 6), (2, 25), (5, 159), (10, 639), (15, 1439), (18, 2000), (100, 2000)]
)
def test_memory_high_delay_at_1000_hz(percent, ticks):
    assert high_delay(overage(10_000 + 100 * percent, 10_000), 64, 64, 1000) == ticks


def test_memory_high_delay_is_in_proportion_to_the_charge_and_never_overflows():
    most = overage(1050, 1000)
    assert high_delay(most, 32, 64, 1000) == 159 // 2 and high_delay(most, 64, 64, 250) == 159 // 4
    assert high_delay(most, 32, 32, 1000) == 159, "until 6.0 a batch has 32 pages"
    assert high_delay(overage(1 << 40, 1), 64, 64, 1000) == 2000


@st.composite
def trees(draw) -> dict[str, Cgroup]:
    found: dict[str, Cgroup] = {}
    for i in range(draw(st.integers(1, 7))):
        parent = draw(st.sampled_from([None, *found]))
        found[f"n{i}"] = Cgroup(
            parent=parent,
            max=draw(st.sampled_from([None, 64 * PAGE, 100 * PAGE, 400 * PAGE])),
            min=draw(st.sampled_from([0, 16, 64])) * PAGE,
            low=draw(st.sampled_from([0, 40])) * PAGE,
        )
    return found


@over(trees(), st.lists(st.tuples(st.integers(0, 6), st.integers(1, 64), st.booleans()), max_size=60))
@FEW
def test_charges_add_up_in_every_tree(tree, steps):
    """Against a plain count of what each group holds itself; what children have protected follows."""
    built = groups(**tree)
    m, rows, own = built.memory.m, built.memory.table("memcgs"), np.zeros(len(tree) + 2, dtype=np.int64)
    above = {g: int(rows[g].parent) for g in range(len(rows))}

    def line(g):
        return [] if g == 0 else [g, *line(above[g])]

    def total(g):
        return sum(own[d] for d in range(len(rows)) if g in line(d))

    for number, pages, take in steps:
        g = 1 + number % len(tree)
        if not take:
            back = min(pages, own[g])
            if back:
                uncharge_pages(m, g, back)
                own[g] -= back
            continue
        full = [a for a in line(g) if total(a) + pages > rows[a].limit]
        assert charge_pages(m, g, pages) == (full[0] if full else NO_GROUP)
        if not full:
            own[g] += pages
    assert all(rows[g].usage == total(g) <= rows[g].limit for g in range(1, len(rows)))
    protection(rows, True)


def walk(m, limit=99):
    at, found = iterator(m, DIRECT, 0), []
    group = join(m, DIRECT, at)
    while group >= 0 and len(found) < limit:
        found.append(int(group))
        group = follow(m, DIRECT, at) if len(found) < limit else -1
    return found


def test_partial_walks_take_turns_and_whole_ones_see_everybody():
    built = groups(a=Cgroup(), b=Cgroup(parent="a"), c=Cgroup(parent="a"))
    m = built.memory.m
    begin(m, DIRECT, 0, 12, 32, 3)
    assert walk(m) == [0, 1, 2, 3, 4]
    assert [walk(m, 2) for _ in range(4)] == [[0, 1], [2, 3], [4], [0, 1]]
    begin(m, DIRECT, 1, 12, 32, 3)
    assert walk(m, 1) + walk(m, 1) + walk(m, 1) + walk(m, 1) == [1, 2, 3, 1], "a subtree has a position of its own"


def test_reclaimers_share_one_round():
    """Two of them alternate: together they see each group once, and both end when the round does."""
    built = groups(a=Cgroup(), b=Cgroup(), c=Cgroup())
    m = built.memory.m
    begin(m, OTHER, 0, 12, 32, 3)
    begin(m, DIRECT, 0, 12, 32, 3)
    at, seen = iterator(m, OTHER, 0), []
    seen += [join(m, OTHER, at), join(m, DIRECT, at)]
    seen += [follow(m, OTHER, at), follow(m, DIRECT, at), follow(m, OTHER, at)]
    assert seen == [0, 1, 2, 3, 4]
    assert follow(m, DIRECT, at) == -1 and follow(m, OTHER, at) == -1
    generation = built.memory.table("scans")["generation"]
    assert join(m, DIRECT, at) == 0 and generation[DIRECT] == generation[OTHER] + 1


def test_a_cpu_holds_charges_of_seven_groups():
    built = groups(**{f"n{i}": Cgroup() for i in range(9)})
    m, rows = built.memory.m, built.memory.table("memcgs")
    for g in range(1, 10):
        charge_pages(m, g, 64)
        refill_stock(m, g, 63)
    assert sorted(cpus(m)[0].stock_memcg) == [3, 4, 5, 6, 7, 8, 9]
    assert rows["usage"][1:10].tolist() == [1, 1] + [64] * 7, "the evicted groups got theirs back"


def test_folding_a_group_sums_its_subtree_and_leaves_its_parent():
    built = groups(a=Cgroup(), b=Cgroup(parent="a"), c=Cgroup(parent="b"))
    m, vecs, zones = built.memory.m, built.memory.table("lruvecs"), int(geometry(built.memory.m).nr_zones)
    for g, pages in ((1, 5), (2, 7), (3, 11)):
        vecs[g * zones].lists["n"][2] = pages
    fold(m, 2)
    assert [lru_size(m, g * zones, 2) for g in (1, 2, 3)] == [0, 18, 11]
    fold(m, 1)
    assert [lru_size(m, g * zones, 2) for g in (1, 2, 3)] == [23, 18, 11]


def two(host: Machine, **described: Cgroup) -> Cell:
    """Tasks `a` and `b` in groups of the same names."""
    tasks = {name: given(BARE, cgroup=name) for name in "ab"}
    return Cell(kernel="6.18", machine=host, tasks=tasks, cgroups=described)


def test_min_keeps_a_group_whole_while_others_have_pages():
    small, large = reads(range(1500)), reads(np.tile(np.arange(4500), 2))
    host = Machine(nodes=(Node(memory=16 * MiB),))
    kept = run(two(host, a=Cgroup(min=8 * MiB), b=Cgroup()), {"a": small, "b": large}).metrics
    lost = run(two(host, a=Cgroup(), b=Cgroup()), {"a": small, "b": large}).metrics
    assert kept["cgroup.a.pgsteal"] == 0 and kept["cgroup.b.pgsteal"] > 4000
    assert lost["cgroup.a.pgsteal"] > 500


def test_low_gives_way_when_nothing_else_is_left():
    """Both groups are below their memory.low, so it is ignored, and counted."""
    host = Machine(nodes=(Node(memory=16 * MiB),))
    cell = two(host, a=Cgroup(low=16 * MiB), b=Cgroup(low=16 * MiB))
    found = run(cell, {"a": reads(range(3000)), "b": reads(range(3000))}).metrics
    assert found["outcome"] == "ok" and found["pgsteal"] > 1000
    assert found["cgroup.a.events_low"] + found["cgroup.b.events_low"] > 0


def test_a_task_over_memory_high_sleeps():
    """Anonymous memory without swap cannot be reclaimed: the delay alone slows the task; with swap reclaim does."""
    sizes = {"high": 2 * MiB, "max": 8 * MiB}
    slept = run(one("6.18", machine(16), cgroups={"g": Cgroup(**sizes)}), writes(range(600))).metrics
    free = run(one("6.18", machine(16), cgroups={"g": Cgroup(max=8 * MiB)}), writes(range(600))).metrics
    assert slept["cgroup.g.events_high"] > 0 and slept["outcome"] == "ok"
    assert slept["stall_high_ns"] >= 2_000_000_000 > free["elapsed_ns"] and free["stall_high_ns"] == 0


def test_file_pages_over_memory_high_are_reclaimed():
    cell = one("6.18", machine(16), BARE, cgroups={"g": Cgroup(high=2 * MiB)})
    found = run(cell, reads(range(2000))).metrics
    assert found["cgroup.g.usage_pages"] <= 512 + 64 and found["cgroup.g.failcnt"] == 0
    assert found["pgsteal_direct"] > 1000 and 0 < found["stall_high_ns"] < 1_000_000_000


def test_memory_reclaim_frees_what_is_asked_for():
    done = run(one("6.18", machine(16), FILE, cgroups={"g": Cgroup()}), reads(range(1000)))
    before, used = int(reclaim_count(done.m).pgsteal_direct), int(done.built.memory.table("memcgs")[1].usage)
    got = proactive_reclaim(done.m, 1, 400, -1)
    assert (
        400 <= got < 500
        and reclaim_count(done.m).pgsteal_proactive == got
        and reclaim_count(done.m).pgsteal_direct == before
    )
    assert done.built.memory.table("memcgs")[1].usage == used - got
    check.verify(done.built)
    assert proactive_reclaim(done.m, 1, 4000, -1) < 4000, "EAGAIN: there are not that many"


def test_the_killer_takes_the_largest_of_the_group():
    """A small task meets the limit; the large one, whose death helps, is in the same group, the largest is not."""
    sizes = {"large": 300, "small": 100, "largest": 600}
    tasks = {
        name: Task(stream=Stream(kind="given"), memory=(Region(),), cgroup=None if name == "largest" else "g",
                   start=2_000_000 if name == "small" else 0, stays=True)
        for name in sizes
    }  # fmt: skip
    cell = Cell(kernel="6.18", machine=machine(16), tasks=tasks, cgroups={"g": Cgroup(max=360 * PAGE)})
    idle = np.concatenate([writes(range(300)), np.tile(reads(range(300)), 200)])
    done = run(cell, {"large": idle, "small": writes(range(100)), "largest": writes(range(600))})
    states = dict(zip(done.built.tasks, done.built.memory.table("tasks")["state"].tolist(), strict=True))
    assert done.metrics["oom_kill"] == done.metrics["cgroup.g.oom_kill"] == done.metrics["cgroup.g.events_oom"] == 1
    assert [name for name, state in states.items() if state == 3] == ["large"]
    assert done.metrics["task.small.misses"] == 0 and int(progress(done.m).tasks_left) == 0
    last = done.built.tasks.index("largest")
    assert badness(done.m, last) == 600 + 2 and victim(done.m, 0, 0) == last
