"""Huge pages: faults, splits, swapping, and what holds throughout."""

from dataclasses import replace

import numpy as np
import pytest

from mmrun.model.description import Cell, Cgroup, Region, SwapTarget, Sysctl, Task
from mmrun.model.mm.driver import events as ask
from mmrun.model.units import KiB, MiB
from tests.model.cells import given, machine, one, reads, run, with_swap, writes

ALWAYS = Sysctl(transparent_hugepage="always")
HUGE = 512
ERAS = ("2.6.38", "3.15", "4.4", "4.13", "4.19", "5.15", "6.8", "6.12", "6.1+mglru", "6.18+mglru")


def cell(kernel: str = "6.12", memory: int = 64, vm: Sysctl = ALWAYS, **more) -> Cell:
    return replace(one(kernel, machine(memory, **more)), vm=vm)


@pytest.mark.parametrize("kernel", ["2.6.38", "4.19", "6.12", "6.18+mglru"])
def test_a_huge_page_a_fault_on_an_empty_machine(kernel: str):
    done = run(cell(kernel), writes(range(10 * HUGE)))
    assert done.metrics["thp_fault_alloc"] == done.metrics["nr_anon_transparent_hugepages"] == 10
    assert done.metrics["pgfault"] == 10 and done.metrics["first_touches"] == 10 * HUGE
    assert done.metrics["nr_page_table_pages"] == 10 and done.metrics["thp_fault_fallback"] == 0


def test_only_where_the_mapping_covers_the_block_and_only_where_advised():
    advised = Region(size=2 * MiB + 64 * KiB, advice="hugepage")
    regions = (Region(size=64 * KiB), advised, Region(size=4 * MiB, advice="nohugepage"))
    base = replace(one("6.12", machine(64), *regions), vm=Sysctl(transparent_hugepage="madvise"))
    done = run(base, writes(range(16 + HUGE + 16 + 2 * HUGE)))
    assert done.metrics["thp_fault_alloc"] == 0, "no aligned 2 MiB lie in the region"
    moved = replace(base, tasks={"t": given(Region(size=2 * MiB), advised, Region(size=4 * MiB))})
    assert run(moved, writes(range(3 * HUGE + 16))).metrics["thp_fault_alloc"] == 1


def test_a_part_unmapped_waits_to_be_split_and_comes_back_small():
    gone = ask.dontneed(range(100, 200))
    done = run(cell(), np.concatenate([writes(range(HUGE)), gone, writes(range(100, 150))]))
    assert done.metrics["thp_split_pmd"] == done.metrics["thp_deferred_split_page"] == 1
    assert done.metrics["thp_split_page"] == 0 and done.metrics["nr_deferred_split"] == 1
    assert done.metrics["pgfault"] == 51, "the hole is filled with single pages"
    old = run(cell("4.4"), np.concatenate([writes(range(HUGE)), gone]))
    assert old.metrics["thp_split_page"] == 1 and old.metrics["pgfree"] == 100


@pytest.mark.parametrize("kernel", ["4.4", "4.19", "6.12", "6.18+mglru"])
def test_a_whole_one_unmapped_is_free_with_its_table(kernel: str):
    events = np.concatenate([writes(range(2 * HUGE)), ask.dontneed(range(HUGE))])
    done = run(cell(kernel), events)
    assert done.metrics["nr_page_table_pages"] == 1 and done.metrics["thp_split_pmd"] == 0
    assert done.metrics["pgfree"] == HUGE + 1
    again = run(cell(kernel), np.concatenate([events, writes([7])]))
    assert again.metrics["thp_fault_alloc"] == 3


@pytest.mark.parametrize(
    ("kernel", "whole", "split"), [("4.4", 0, True), ("4.13", 0, True), ("4.19", 1, False), ("6.12", 1, False)]
)
@pytest.mark.parametrize("kind", ["zram", "partition"])
def test_to_swap_whole_or_split(kernel: str, whole: int, split: bool, kind: str):
    big = cell(kernel, 36, **with_swap(kind, 64 * MiB))
    done = run(big, np.concatenate([writes(range(20 * HUGE)), writes(range(14 * HUGE)), reads(range(20 * HUGE))]))
    swapped = done.metrics["thp_swpout"]
    assert done.metrics["pswpout"] > 0 and (swapped > 0) == bool(whole)
    assert (done.metrics["thp_split_page"] > 0) == split


def test_without_slots_in_a_row_a_huge_page_is_split():
    done = run(cell("6.12", 26, swap={"s": SwapTarget(kind="zram", size=MiB)}), writes(range(14 * HUGE)))
    assert done.metrics["thp_swpout"] == 0 and done.metrics["thp_swpout_fallback"] > 0


def test_smaller_sizes_fall_back_to_the_next_lower():
    sizes = Sysctl(transparent_hugepage="never", hugepages_64kb="always", hugepages_16kb="always")
    done = run(cell("6.8", 64, sizes), writes([3, 17, 16 + HUGE]), footprint=2 * HUGE)
    assert done.metrics["hugepages_64kb_anon_fault_alloc"] == 3
    holes = run(
        cell("6.8", 64, sizes), np.concatenate([writes([3]), ask.dontneed(range(8)), writes([1])]), footprint=HUGE
    )
    assert holes.metrics["hugepages_16kb_anon_fault_alloc"] == 1


def test_a_group_without_room_gets_small_pages():
    groups = {"g": Cgroup(max=3 * MiB)}
    light = Sysctl(transparent_hugepage="always", transparent_hugepage_defrag="never")
    host = machine(64, **with_swap("zram", 16 * MiB))
    done = run(replace(one("6.12", host, cgroups=groups), vm=light), writes(range(2 * HUGE)))
    assert done.metrics["thp_fault_alloc"] == 1
    assert done.metrics["thp_fault_fallback_charge"] == done.metrics["thp_fault_fallback"] > 0


def test_underused_huge_pages_are_split_when_memory_is_short():
    groups, host = {"g": Cgroup(max=32 * MiB)}, machine(64, **with_swap("zram", 64 * MiB))
    events = np.concatenate([writes([i * HUGE for i in range(12)]), writes(range(12 * HUGE, 20 * HUGE))])
    for vm, split in ((replace(ALWAYS, max_ptes_none=255), True), (ALWAYS, False)):
        done = run(replace(one("6.12", host, cgroups=groups), vm=vm), events, footprint=20 * HUGE)
        assert (done.metrics["thp_underused_split_page"] > 0) == split


def _mixture(rng: np.random.Generator, pages: int) -> np.ndarray:
    """Touches of runs and of single pages, ranges let go."""
    parts = []
    for _ in range(60):
        first, length = int(rng.integers(pages)), int(rng.choice([1, 20, 300, 700]))
        run_of = np.arange(first, min(first + length, pages))
        what = rng.integers(6)
        parts.append(ask.dontneed(run_of) if what == 0 else writes(run_of) if what < 4 else reads(run_of))
    return np.concatenate(parts)


@pytest.mark.parametrize("kernel", ERAS)
@pytest.mark.parametrize("kind", ["zram", "partition"])
def test_whatever_happens_heads_and_tails_maps_and_charges_agree(kernel: str, kind: str):
    seed = ERAS.index(kernel)
    rng, pages = np.random.default_rng(seed), 10 * HUGE
    vm = replace(ALWAYS, transparent_hugepage_defrag="always")
    if kernel.startswith(("6.8", "6.12", "6.18")):
        vm = replace(vm, hugepages_64kb="always", hugepages_512kb="always", max_ptes_none=400)
    regions = (Region(size=12 * MiB), Region(size=4 * MiB, advice="nohugepage"), Region(size=4 * MiB))
    tasks: dict[str, Task] = {
        "a": replace(given(*regions, stays=False), cgroup="g"),
        "b": given(*regions, stays=False),
        "c": replace(given(*regions, stays=False), cgroup="h"),
    }
    host = machine(20, 14, **with_swap(kind, 48 * MiB))
    groups = {"g": Cgroup(max=7 * MiB), "h": Cgroup()}
    mixed = Cell(kernel=kernel, machine=host, tasks=tasks, cgroups=groups, vm=vm)
    done = run(mixed, {name: _mixture(rng, pages) for name in tasks}, footprint=pages)
    assert done.metrics["outcome"] == "ok" and done.metrics["thp_fault_alloc"] > 0
    assert done.metrics["pswpout"] > 0 and done.metrics["thp_split_pmd"] > 0


@pytest.mark.parametrize(("kernel", "mode"), [("4.4", "defer"), ("4.9", "defer+madvise")])
def test_modes_have_their_dates(kernel: str, mode: str):
    with pytest.raises(ValueError, match="no mode"):
        run(cell(kernel, vm=replace(ALWAYS, transparent_hugepage_defrag=mode)), writes([1]))
