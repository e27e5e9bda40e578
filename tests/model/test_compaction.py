"""Compaction: deferral, indices and scores by their formulas; what a pass takes, moves and remembers."""

import numpy as np
import pytest

from mmrun.model.core.record import NONE
from mmrun.model.description import Sysctl
from mmrun.model.mm.alloc.direct_compact import is_stall
from mmrun.model.mm.compaction import events as compaction
from mmrun.model.mm.compaction.compact_zone import score_marks
from mmrun.model.mm.compaction.deferral import compaction_defer_reset, compaction_deferred, defer_compaction
from mmrun.model.mm.compaction.direct import PRIO_SYNC_LIGHT, try_to_compact_pages
from mmrun.model.mm.compaction.fragmentation import (
    extfrag_for_order,
    fragmentation_index,
    fragmentation_score_node,
    unusable_index,
)
from mmrun.model.mm.compaction.state import (
    compaction_count,
    compaction_settings,
    pageblock_skip,
    zone_compaction,
)
from mmrun.model.mm.compaction.suitable import COMPACT_SUCCESS, COMPLETE, DEFERRED, SKIPPED
from mmrun.model.mm.driver import events as ask
from mmrun.model.mm.page.gfp import GFP_KERNEL
from mmrun.model.mm.page.state import zones
from tests.model.cells import Run, machine, machine_of, one, run, writes

# Free blocks by order 0 to 10, and (fragmentation index, unusable index) at orders 2, 4 and 9.
INDICES = (
    ([1000], (749, 1000), (937, 1000), (998, 1000)),
    ([4, 2, 1], (-1000, 666), (750, 1000), (854, 1000)),
    ([100, 0, 0, 10, 0, 0, 0, 0, 3], (-1000, 105), (-1000, 189), (975, 1000)),
    ([64, 0, 0, 0, 0, 0, 0, 0, 0, 1], (-1000, 111), (-1000, 111), (-1000, 111)),
    ([10] * 9, (-1000, 5), (-1000, 29), (878, 1000)),
)


def with_blocks(free: list[int]):
    """A machine whose only zone counts these free blocks; nothing else of them is there."""
    built = machine_of(one("6.12", machine(16)))
    areas = zones(built.memory.m)[0].areas
    areas["nr_free"] = 0
    for order, count in enumerate(free):
        areas[order, order % 3].nr_free = count
    return built.memory.m


@pytest.mark.parametrize(("free", "order2", "order4", "order9"), INDICES)
def test_indices_of_fragmentation(free, order2, order4, order9):
    m = with_blocks(free)
    for order, (fragmentation, unusable) in ((2, order2), (4, order4), (9, order9)):
        assert fragmentation_index(m, 0, order) == fragmentation
        assert unusable_index(m, 0, order) == unusable
        assert extfrag_for_order(m, 0, order) == unusable // 10


def test_nothing_free_is_not_fragmented():
    m = with_blocks([])
    assert fragmentation_index(m, 0, 9) == 0 and unusable_index(m, 0, 9) == 1000 and extfrag_for_order(m, 0, 9) == 0


def test_a_failing_order_is_tried_ever_more_seldom():
    m = machine_of(one("6.12", machine(16))).memory.m
    tried = []
    for request in range(1, 400):
        if not compaction_deferred(m, 0, 9):
            tried.append(request)
            defer_compaction(m, 0, 9)
    assert tried == [1, 3, 7, 15, 31, 63, 127, 191, 255, 319, 383]
    compaction_defer_reset(m, 0, 8, False)
    assert not compaction_deferred(m, 0, 8), "a smaller block than the one that failed is another matter"


def test_a_block_that_was_seen_raises_the_order_and_one_that_was_got_ends_deferral():
    m = machine_of(one("6.12", machine(16))).memory.m
    for _ in range(3):
        defer_compaction(m, 0, 5)
    zone = zone_compaction(m)[0]
    zone.order_failed = 5
    compaction_defer_reset(m, 0, 6, False)
    assert (zone.shift, zone.order_failed) == (3, 7)
    compaction_defer_reset(m, 0, 4, True)
    assert (zone.considered, zone.shift, zone.order_failed) == (0, 0, 7)


def test_before_3_4_every_order_is_deferred():
    m = machine_of(one("3.1", machine(16))).memory.m
    defer_compaction(m, 0, 9)
    assert compaction_deferred(m, 0, 1)


@pytest.mark.parametrize(("value", "marks"), [(20, (80, 90)), (60, (40, 50)), (90, (10, 20)), (100, (5, 15))])
def test_how_fragmented_is_too_much(value: int, marks: tuple[int, int]):
    m = machine_of(one("6.12", machine(16))).memory.m
    compaction_settings(m).compaction_proactiveness = value
    assert score_marks(m) == marks


def test_a_nodes_score_is_its_zones_by_their_share():
    built = machine_of(one("6.12", machine(16)))
    m = built.memory.m
    zones(m)[0].areas["nr_free"] = 0
    zones(m)[0].areas[0, 1].nr_free = 1000
    assert fragmentation_score_node(m, 0) == 100 * zones(m)[0].span // (16 * 256 + 1)


def fragmented(kernel: str, *events: np.ndarray, mib: int = 64, vm: Sysctl | None = None, **more) -> Run:
    """A task that touches its pages, lets go of three in four by chance, then does as told."""
    pages = np.arange(mib * 256 * 3 // 4)
    before = [writes(pages), ask.dontneed(pages[np.random.default_rng(1).random(len(pages)) > 0.25])]
    cell = one(kernel, machine(mib), vm=vm or Sysctl(), **more)
    return run(cell, np.concatenate([*before, *events]), footprint=len(pages))


ERAS = ("2.6.36", "3.1", "3.10", "4.4", "4.19", "5.8", "6.1", "6.12", "6.18")


@pytest.mark.parametrize("kernel", ERAS)
def test_whole_memory_comes_together(kernel: str):
    before, after = fragmented(kernel), fragmented(kernel, compaction.compact_memory())
    free = [
        int((zones(done.m)["areas"]["nr_free"].sum(axis=(0, 2)) << np.arange(11))[9:].sum()) for done in (before, after)
    ]
    assert free[1] > free[0] + 3000
    told = after.metrics
    assert told["pgmigrate_success"] > 1000
    assert told["compact_isolated"] >= 2 * told["pgmigrate_success"] - 64 * 10
    assert told["stall_compaction_ns"] > 0 and told["compact_stall"] == 0


@pytest.mark.parametrize("kernel", ERAS)
def test_large_blocks_are_made_where_there_are_none(kernel: str):
    done = fragmented(kernel, ask.alloc_buffers(range(12), order=9, kind="movable", effort="retry-mayfail"))
    told = done.metrics
    assert told["compact_stall"] == told["compact_fail"] + told["compact_success"]
    assert told["driver_alloc_success"] >= 4 and told["pgmigrate_success"] > 100
    assert told["task.t.stall_compaction_ns"] > 0


def test_before_2_6_35_nothing_is_compacted():
    done = fragmented("2.6.34", ask.alloc_buffers(range(12), order=9, effort="kernel"), compaction.compact_memory())
    assert done.metrics["compact_stall"] == done.metrics["compact_isolated"] == 0


def test_a_deferred_request_scans_nothing():
    m = machine_of(one("6.12", machine(16))).memory.m
    defer_compaction(m, 0, 9)
    assert try_to_compact_pages(m, GFP_KERNEL, 9, 0, 1, PRIO_SYNC_LIGHT, 0) == DEFERRED
    assert compaction_count(m).compact_migrate_scanned == compaction_count(m).compact_free_scanned == 0
    assert try_to_compact_pages(m, GFP_KERNEL, 9, 0, 1, PRIO_SYNC_LIGHT, 0) == COMPACT_SUCCESS, "one is there"


@pytest.mark.parametrize(
    ("kernel", "skipped", "deferred"), [("4.4", 0, 0), ("4.19", 0, 0), ("5.8", 1, 1), ("6.12", 0, 1)]
)
def test_what_counts_as_a_stall(kernel: str, skipped: int, deferred: int):
    m = machine_of(one(kernel, machine(16))).memory.m
    assert (is_stall(m, SKIPPED), is_stall(m, DEFERRED), is_stall(m, COMPLETE)) == (skipped, deferred, True)


def test_pageblocks_are_passed_over_until_kswapd_sleeps():
    done = fragmented("6.12", ask.alloc_buffers(range(12), order=9, kind="movable", effort="noretry"))
    assert pageblock_skip(done.m)[:-1].sum() > 0


def test_the_daemon_compacts_unasked():
    quiet = fragmented("6.12", vm=Sysctl(compaction_proactiveness=0), duration=None)
    assert quiet.metrics["compact_daemon_migrate_scanned"] == 0
    asked = np.concatenate([compaction.set_proactiveness(60), ask.sleep_until(3_000_000_000)])
    told = fragmented("6.12", asked, vm=Sysctl(compaction_proactiveness=0)).metrics
    assert told["compact_daemon_migrate_scanned"] == told["compact_migrate_scanned"] > 1000
    assert told["compact_daemon_ns"] > 0 and told["pgmigrate_success"] > 500


def test_nobody_holds_anything_when_all_is_over():
    done = fragmented("6.12", ask.alloc_buffers(range(12), order=9, kind="movable", effort="retry-mayfail"))
    controls = done.built.memory.table("compact_controls")
    assert (controls["nr_freepages"] == 0).all() and (controls["captured"] == NONE).all()
    assert zone_compaction(done.m)[0].isolated == 0
