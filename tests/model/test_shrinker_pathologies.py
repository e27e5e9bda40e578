"""What each formula does wrong, on the real structures, and the kernel in which it no longer does."""

import pytest

from mmrun.model.description import Cgroup
from mmrun.model.machine.state import node_count
from mmrun.model.mm.slab.state import slab_count, slab_state
from tests.model.cells import given, reads
from tests.model.slab_cells import FORMULAS, grown, names, press, put_off

CACHE = 12_800
FORMULA = pytest.mark.parametrize("variant", FORMULAS)
BANKED = 10_000_000


def refuse(done, variant: str, calls: int, scanned: int = 2000) -> None:
    """Reclaim by `calls` GFP_NOFS callers in a row, each of which scanned so many pages at priority 6."""
    for _ in range(calls):
        assert press(done, variant, priority=6, scanned=scanned, nofs=True) == 0


@FORMULA
def test_callers_that_may_not_enter_file_systems_put_their_work_off(variant: str):
    done = grown(variant, CACHE)
    refuse(done, variant, 50)
    assert slab_count(done.m).shrink_refused >= 50 and put_off(done) > CACHE // 4


@pytest.mark.parametrize(
    ("variant", "least", "most"),
    [
        ("single-callback", CACHE - 200, CACHE),
        ("batched-clamped", CACHE // 2 - 128, CACHE // 2),
        ("count-scan", CACHE // 2 - 128, CACHE // 2),
        ("priority-min", CACHE // 2 - 128, CACHE // 2),
        ("priority", 0, (BANKED >> 12) + 6),
    ],
)
def test_windup(variant: str, least: int, most: int):
    """Ten million put off, then one caller under the mildest pressure: all of it, half of it, its share."""
    done = grown(variant, CACHE)
    done.built.memory.table("deferred")[0] = BANKED
    freed = press(done, variant)
    assert least <= freed <= most


def test_windup_is_capped_when_it_is_stored_since_5_13():
    done = grown("priority", CACHE)
    done.built.memory.table("deferred")[0] = BANKED
    press(done, "priority", nofs=True)
    assert put_off(done) == 2 * CACHE
    clamped = grown("priority-min", CACHE)
    clamped.built.memory.table("deferred")[0] = BANKED
    press(clamped, "priority-min", nofs=True)
    assert put_off(clamped) > BANKED


def test_two_callers_of_3_0_at_once_do_the_same_work_and_later_ones_do_not():
    freed = {}
    for gap in (50, 5_000):
        done = grown("single-callback", CACHE)
        done.built.memory.table("deferred")[0] = 4_000
        done.m.now = 10**9
        first = press(done, "single-callback", actor=1)
        done.m.now = 10**9 + gap
        freed[gap] = (first, press(done, "single-callback", actor=2), int(slab_count(done.m).shrink_raced))
    assert freed[50][0] == freed[5_000][0] >= 3_900
    assert freed[50][1] >= 3_900 and freed[50][2] >= 1, "the second saw the count from before the first"
    assert freed[5_000][1] < 300 and freed[5_000][2] == 0


def test_work_put_back_at_once_is_lost_in_3_0_and_kept_in_3_1():
    left = {}
    for variant in ("single-callback", "batched-clamped"):
        for gap in (50, 5_000):
            done = grown(variant, CACHE)
            for actor in range(4):
                done.m.now = 10**9 + gap * actor
                press(done, variant, scanned=400, nofs=True, actor=actor % 2)
            left[variant, gap] = put_off(done)
    assert left["single-callback", 50] < left["single-callback", 5_000]
    assert left["batched-clamped", 50] == left["batched-clamped", 5_000]


@pytest.mark.parametrize(("variant", "spills"), [("batched-clamped", True), ("count-scan", False), ("priority", False)])
def test_pressure_on_one_node_evicts_the_others_caches_before_3_12(variant: str, spills: bool):
    """All objects live on node 1; node 0 is the one short of memory."""
    tasks = {"t": given(*names("node", objects=CACHE), node=1)}
    done = grown(variant, CACHE, mib=(64, 64), tasks=tasks)
    assert node_count(done.m)[1].nr_slab_pages == CACHE // 16 and node_count(done.m)[0].nr_slab_pages == 0
    freed = press(done, variant, node=0, priority=2, scanned=8000)
    assert (freed > 0) is spills
    assert bool(node_count(done.m)[1].slab_pages_freed_here > 0) is spills
    assert spills or press(done, variant, node=1, priority=2, scanned=8000) > 0


@pytest.mark.parametrize("variant", ["count-scan", "priority-min", "priority"])
def test_a_cache_that_is_not_node_aware_is_shrunk_by_any_node(variant: str):
    tasks = {"t": given(*names("node", objects=CACHE), node=1)}
    done = grown(variant, CACHE, mib=(64, 64), tasks=tasks, cache={"numa_aware": False})
    assert press(done, variant, node=0, priority=2, scanned=8000) > 0


@pytest.mark.parametrize(("variant", "per_group"), [("priority-min", 100), ("priority", 0)])
def test_many_small_caches_are_emptied_in_4_19_and_ignored_since_5_0(variant: str, per_group: int):
    """Forty groups of 100 objects, one pass at the mildest priority over all of them."""
    groups = 40
    tasks = {f"t{i}": given(*names("node", objects=100 * groups), cgroup=f"g{i}") for i in range(groups)}
    done = grown(
        variant, 100 * groups, tasks=tasks, cgroups={f"g{i}": Cgroup() for i in range(groups)},
        streams={f"t{i}": reads(range(100 * i, 100 * i + 100)) for i in range(groups)},
    )  # fmt: skip
    freed = sum(press(done, variant, priority=12, group=g) for g in range(1, groups + 1))
    assert freed == groups * per_group


@FORMULA
def test_the_last_priority_asks_for_twice_the_cache(variant: str):
    """Everything scanned, priority 0: percentages of a cache end in all of it, whatever it is worth."""
    done = grown(variant, CACHE)
    assert press(done, variant, priority=0, scanned=10**9) >= CACHE - 128
    assert slab_count(done.m).slabs_scanned >= CACHE - 128


@pytest.mark.parametrize(
    ("variant", "params", "contended"),
    [("single-callback", {}, 1), ("batched-clamped", {}, 1), ("priority-min", {}, 1),
     ("priority", {"lockless": False}, 1), ("priority", {}, 0)],
)  # fmt: skip
def test_a_mount_stops_all_shrinking_until_6_7(variant: str, params: dict[str, bool], contended: int, monkeypatch):
    monkeypatch.setitem(FORMULAS, variant, (FORMULAS[variant][0], params))
    done = grown(variant, CACHE)
    slab_state(done.m).shrinkers_busy_until = done.m.now + 10**6
    freed = press(done, variant, priority=0, scanned=10**9)
    assert slab_count(done.m).shrink_contended == contended and (freed == 0) is bool(contended)
    done.m.now += 10**6
    assert press(done, variant, priority=0, scanned=10**9) > 0 or freed


@FORMULA
def test_refusals_leave_other_caches_alone(variant: str):
    """A cache without a file system shrinks for GFP_NOFS callers too."""
    done = grown(variant, CACHE, cache={"filesystem": False})
    assert press(done, variant, priority=2, scanned=8000, nofs=True) > 0
    assert slab_count(done.m).shrink_refused == 0
