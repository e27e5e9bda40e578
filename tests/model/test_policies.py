"""What the variants decide, hook by hook, and what every variant's file owes the registry."""

import ast
from dataclasses import replace

import pytest

from model import registry
from model.build import CORE_HOOKS
from model.description import Variant
from model.jit import HOOKS, Hook
from model.mm import shadow
from model.mm.state import ACTIVATE, ACTIVE, ANON, KEEP, RECLAIM_CLEAN, RECLAIM_PAGE, REFERENCED, WORKINGSET
from tests.model.cells import ERAS, ZRAM, call, machine, machine_of, one, run, writes

ALL = [(axis, name) for axis in registry.axes() for name in registry.variants(axis)]
YARDSTICKS = {"exact-lru", "clock", "random", "opt"}


@pytest.mark.parametrize(("axis", "name"), ALL)
def test_a_variants_file_says_what_it_is(axis, name):
    info = registry.variant_info(axis, name)
    assert len(info.doc.splitlines()[0]) > 20 and len(info.source) > 5
    assert info.path.stem == name.replace("-", "_")
    for key, param in info.params.items():
        assert key.isidentifier() and param.doc and param.source
        assert isinstance(param.default, int | float | str | bool)
    tree = ast.parse(info.path.read_text(encoding="utf-8"))
    assert isinstance(tree.body[0], ast.Expr), "the docstring comes first"


@pytest.mark.parametrize(("axis", "name"), ALL)
def test_a_variant_defines_only_hooks_that_exist(axis, name):
    module = registry.load(axis, Variant(variant=name))
    hooks = {key: value for key, value in vars(module).items() if isinstance(value, Hook)}
    assert set(hooks) <= set(HOOKS)
    assert all(hook.name == key for key, hook in hooks.items())
    assert all(hook.fn.__code__.co_argcount == HOOKS[key] + 1 for key, hook in hooks.items())


def owner_of(hook: str) -> str | None:
    """The axis whose variants define a hook."""
    found = {
        axis for axis, name in ALL if isinstance(getattr(registry.load(axis, Variant(variant=name)), hook, None), Hook)
    }
    assert len(found) <= 1, f"{hook} belongs to {found}"
    return found.pop() if found else None


def test_every_hook_belongs_to_the_core_or_to_one_axis_and_all_its_variants_define_it():
    core = {hook.name for hook in CORE_HOOKS}
    for hook in HOOKS:
        axis = owner_of(hook)
        assert (axis is None) == (hook in core), hook
        for name in registry.variants(axis) if axis else ():
            if name not in YARDSTICKS:
                assert isinstance(getattr(registry.load(axis, Variant(variant=name)), hook, None), Hook), (name, hook)


@pytest.mark.parametrize("era", registry.eras())
def test_an_era_chooses_on_every_axis_and_fills_every_setting(era):
    cell = registry.resolve(one(era, machine(16)))
    assert list(cell.policy) == list(registry.axes())
    assert {axis: variant.variant for axis, variant in cell.policy.items()} == registry.eras()[era].policy
    assert registry.resolve(cell) == cell, "resolving twice changes nothing"
    built = machine_of(one(era, machine(16)))
    assert all(int(address) for address in built.memory.m.hooks[: len(HOOKS)])


def test_what_does_not_exist_is_refused_with_a_word():
    cell = one("6.18", machine(16))
    for wrong, words in (
        (replace(cell, kernel="6.188"), "did you mean '6.18'"),
        (replace(cell, policy={"lur": Variant(variant="split")}), "did you mean 'lru'"),
        (replace(cell, policy={"lru": Variant(variant="splitt")}), "did you mean 'split'"),
        (replace(cell, policy={"lru": Variant(variant="split", params={"a": 1})}), "unknown parameter"),
        (replace(cell, policy={"lru": Variant(variant="mine", file="/nowhere.py")}), "no file"),
        (replace(cell, policy={"lru": Variant(variant="split")}), "per zone"),
        (replace(cell, policy={"kswapd": Variant(variant="all-zones")}), "per zone"),
    ):
        with pytest.raises(ValueError, match=words):
            registry.resolve(wrong)


OLD, NEW = ("3.1", "4.19"), ("5.15", "6.18")


def judged(era: str, flags: int, young: int, executable: int) -> tuple[int, bool]:
    built = machine_of(one(era, machine(16)))
    page = built.memory.table("frames")[100]
    page.state = flags
    return call(built, "check_references", 100, young, executable), bool(page.state & REFERENCED)


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize(
    ("flags", "young", "executable", "old", "new"),
    [
        (ANON, 0, 0, RECLAIM_PAGE, RECLAIM_PAGE),
        (ANON | REFERENCED, 0, 0, RECLAIM_PAGE, RECLAIM_PAGE),
        (ANON, 1, 0, ACTIVATE, KEEP),
        (ANON | REFERENCED, 1, 0, ACTIVATE, ACTIVATE),
        (0, 0, 0, RECLAIM_PAGE, RECLAIM_PAGE),
        (REFERENCED, 0, 0, RECLAIM_CLEAN, RECLAIM_CLEAN),
        (0, 1, 0, KEEP, KEEP),
        (REFERENCED, 1, 0, ACTIVATE, ACTIVATE),
    ],
)
def test_what_becomes_of_a_page_at_the_inactive_tail(era, flags, young, executable, old, new):
    """A referenced anonymous page is activated at once until 5.8; later it gets a second chance like a file page."""
    verdict, marked = judged(era, flags, young, executable)
    assert verdict == (old if era in OLD else new)
    assert marked == bool(young and not (era in OLD and flags & ANON)), "the mark is cleared unless it was seen young"


@pytest.mark.parametrize("era", ERAS)
def test_several_mappings_or_code_activate_a_file_page_since_3_4(era):
    assert judged(era, 0, 2, 0)[0] == (KEEP if era == "3.1" else ACTIVATE)
    assert judged(era, 0, 1, 1)[0] == (KEEP if era == "3.1" else ACTIVATE)


SIZES = {0: 5, 1: 7, 2: 11, 3: 50}


def refaulted(era: str, anon: bool, distance: int, swap: bool, workingset: int = 0):
    """A page comes back `distance` after its eviction, to lists of SIZES; (activated, workingset, machine)."""
    built = machine_of(one(era, machine(16, **({"swap": ZRAM} if swap else {}))))
    for lru, size in SIZES.items():
        built.memory.table("lruvecs")[0].lists[lru].n = size
    built.memory.table("lruvecs")[0].nonresident_age = 1000
    page = built.memory.table("frames")[100]
    page.state = ANON if anon else 0
    call(built, "refault", 100, shadow.pack(1000 - distance, 0, 0, workingset))
    return bool(page.state & ACTIVE), bool(page.state & WORKINGSET), built


@pytest.mark.parametrize("era", NEW)
@pytest.mark.parametrize(
    ("anon", "swap", "size"),
    [(False, False, 50), (False, True, 50 + 7 + 5), (True, False, 50 + 11), (True, True, 50 + 11 + 7)],
)
def test_a_refault_within_the_workingset_activates(era, anon, swap, size):
    for distance, expected in ((0, True), (size, True), (size + 1, False)):
        activated, _, built = refaulted(era, anon, distance, swap)
        assert activated is expected
        kind = "anon" if anon else "file"
        vm = built.memory.m.vm
        assert vm[f"workingset_refault_{kind}"] == 1
        assert vm[f"workingset_activate_{kind}"] == int(expected)
        assert built.memory.table("lruvecs")[0].nonresident_age == 1000 + int(expected)


def test_before_5_9_only_the_active_file_list_counts():
    assert refaulted("4.19", False, 50, True)[0] and not refaulted("4.19", False, 51, True)[0]
    assert not refaulted("3.1", False, 0, True)[0]


@pytest.mark.parametrize("era", ["4.19", *NEW])
def test_a_page_of_the_workingset_is_restored(era):
    activated, again, built = refaulted(era, False, 10, True, workingset=1)
    assert activated and again and built.memory.m.vm.workingset_restore_file == 1
    cost = int(built.memory.table("lruvecs")[0].file_cost)
    # One page of I/O counts 32 since 6.2, and is halved because that exceeds a quarter of 73 pages.
    assert cost == {"4.19": 0, "5.15": 1, "6.18": 16}[era]


def scan(era: str, sizes: list[int], priority: int, **fields) -> list[int]:
    """What scan_count puts into sc.nr for a global scan of a lruvec with lists of these sizes."""
    built = machine_of(one(era, machine(16, swap=ZRAM)))
    m = built.memory.m
    sc = m.sc[16]
    sc.priority, sc.may_swap, sc.swappiness, sc.kswapd = priority, 1, 60, 0
    for lru, size in enumerate(sizes):
        built.memory.table("lruvecs")[0].lists[lru].n = size
    for name, value in fields.items():
        setattr(sc, name, value)
    call(built, "scan_count", 16)
    return [int(n) for n in sc.nr]


MILLION = [1_000_000] * 4


@pytest.mark.parametrize("era", NEW)
def test_scan_counts_at_priority_12_by_cost(era):
    equal = {"anon_cost": 1000, "file_cost": 1000}
    assert scan(era, MILLION, 12, **equal) == [244 * 119 // 398] * 2 + [244 * 279 // 398] * 2 == [72, 72, 171, 171]
    assert scan(era, MILLION, 12, file_cost=1000) == [244 * 179 // 388] * 2 + [244 * 209 // 388] * 2
    assert scan(era, MILLION, 10, **equal)[2] == 976 * 279 // 398


@pytest.mark.parametrize("era", NEW)
def test_exceptions_to_the_balance_in_their_order(era):
    assert scan(era, MILLION, 12, may_swap=0) == [0, 0, 244, 244]
    assert scan(era, MILLION, 0) == MILLION, "the last priority scans all"
    assert scan(era, MILLION, 0, swappiness=0)[:2] == [0, 0]
    assert scan(era, MILLION, 12, file_is_tiny=1, cache_trim=1) == [244, 244, 0, 0]
    assert scan(era, MILLION, 12, cache_trim=1) == [0, 0, 244, 244]
    assert scan(era, MILLION, 12, memcg=0, swappiness=200, anon_cost=5, file_cost=5)[2:] == [0, 0]
    assert scan(era, [4095, 4096, 8191, 0], 12, may_swap=0) == [0, 0, 1, 0]


def test_scan_counts_of_3_1():
    """Shares 61 and 141 of 203; kswapd scans at least a batch where a list rounds to nothing, a task does not."""
    assert scan("3.1", MILLION, 12) == [244 * 61 // 203] * 2 + [244 * 141 // 203] * 2
    assert scan("3.1", [1000, 1000, 1000, 8000], 12) == [0, 0, 0, 0]
    assert scan("3.1", [1000, 1000, 1000, 9000], 12, kswapd=1)[2] == 32 * 141 // 203
    assert scan("3.1", MILLION, 0) == MILLION


@pytest.mark.parametrize("era", ERAS)
def test_the_active_anon_list_is_left_alone_without_swap(era):
    built = machine_of(one(era, machine(16)))
    built.memory.table("lruvecs")[0].lists[1].n = 100
    assert call(built, "age_anon", 16) == 0


def test_aligned_swap_readahead_reads_the_block_around_the_slot():
    built = machine_of(one("3.1", machine(16, swap=ZRAM)))
    for slot, first in ((0, 0), (7, 0), (8, 8), (21, 16)):
        assert call(built, "swap_window", 0, 5, slot) == 8
        assert built.memory.m.clock.window_start == first


def test_adaptive_swap_readahead_grows_with_hits_and_faces_the_direction_of_faults():
    built = machine_of(one("6.18", machine(16, swap=ZRAM)), pages=64)
    region = built.memory.table("regions")[0]

    def window(at: int, hits: int) -> tuple[int, int]:
        region.swap_hits = hits
        return call(built, "swap_window", 0, at, 99), int(built.memory.m.clock.window_start)

    assert window(20, 0) == (1, 20)
    assert window(21, 0) == (2, 21), "adjacent upwards: the window begins here"
    assert window(20, 0) == (2, 19), "adjacent downwards: it ends here"
    assert window(40, 2) == (4, 39), "elsewhere: around"
    assert window(50, 5) == (8, 47)
    assert window(10, 0) == (4, 9), "half the last window at least"
    assert window(30, 0)[0] == 2 and window(50, 0)[0] == 1


@pytest.mark.parametrize("era", ERAS)
def test_a_node_is_balanced_by_any_zone_or_by_all(era):
    built = machine_of(one(era, machine(64)))
    zones = built.memory.m.zones
    assert call(built, "pgdat_balanced", 0, 3) == 1
    zones[1].nr_free = zones[1].wmark_high
    assert call(built, "pgdat_balanced", 0, 3) == (0 if era == "3.1" else 1), "DMA alone satisfies the later rule"
    zones[0].nr_free = zones[0].wmark_high
    assert call(built, "pgdat_balanced", 0, 3) == 0


def test_second_chance_protects_a_hot_set_from_a_scan():
    """64 hot pages touched every 8 pages of a scan stay; without reference bits each would go 4000 / 190 times."""
    import numpy as np

    from model.description import Cgroup
    from model.units import MiB

    hot = np.arange(64)
    parts = [np.concatenate([hot, np.arange(64 + i, 64 + i + 8)]) for i in range(0, 4000, 8)]
    cell = one("6.18", machine(64, swap=ZRAM), cgroups={"g": Cgroup(max=MiB)})
    done = run(cell, writes(np.concatenate(parts)), check=False)
    assert done.metrics["misses"] * 8 < 64 * 4000 // 190
    assert done.metrics["pgactivate"] > 0
