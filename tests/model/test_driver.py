"""Buffers of drivers, madvise, pinned pages, and the streams that ask for them."""

from typing import Any

import numpy as np
import pytest

from mmrun.model.core.events import ARG_MASK, OP_SHIFT
from mmrun.model.description import Cell, Stream, SwapTarget, Task
from mmrun.model.mm.driver import events as ask
from mmrun.model.mm.driver.state import FAILED, driver_log
from mmrun.model.units import MS, MiB, S
from mmrun.model.workloads import open_stream
from mmrun.model.workloads._kept import kept
from tests.model.cells import Run, machine, mapped_frame, one, run, writes
from tests.model.cells import given as task

ZRAM: dict[str, Any] = {"swap": {"s": SwapTarget(kind="zram", size=64 * MiB)}}


def results(done: Run) -> list[int]:
    """The frame of each request in order, FAILED where there was none."""
    return done.built.memory.table("buffer_results")["pfn"][: int(driver_log(done.m).results)].tolist()


def test_buffers_are_the_kernels_until_they_are_given_back():
    events = np.concatenate([ask.alloc_buffers(range(8)), ask.free_buffers([2, 5, 9]), ask.alloc_buffers([2])])
    done = run(one("6.18", machine(16)), events)
    assert done.metrics["driver_pages"] == 7 and done.metrics["driver_free"] == 2
    assert done.metrics["driver_alloc_success"] == 9 and done.metrics["driver_alloc_fail"] == 0
    found = results(done)
    assert len(set(found[:8])) == 8 and found[8] not in (found[i] for i in (0, 1, 3, 4, 6, 7))


def test_a_buffer_that_is_not_to_be_had_is_counted_and_kills_nobody():
    done = run(one("6.18", machine(16)), ask.alloc_buffers(range(4096), effort="none"))
    failed = [pfn == FAILED for pfn in results(done)]
    assert done.metrics["outcome"] == "ok" and failed == sorted(failed) and sum(failed) > 10
    assert done.metrics["driver_alloc_fail"] == sum(failed)


def test_a_driver_may_go_below_the_watermark_or_reclaim():
    got = {
        effort: run(one("6.18", machine(16)), ask.alloc_buffers(range(4096), effort=effort)).metrics["driver_pages"]
        for effort in ("none", "nowait", "atomic")
    }
    assert got["none"] == got["nowait"] < got["atomic"]


@pytest.mark.parametrize("kernel", ["3.1", "6.18", "6.18+mglru"])
def test_what_is_not_needed_is_free_and_comes_back_empty(kernel: str):
    pages = np.arange(1000)
    gone = pages[(pages % 4 != 0) | (pages > 900)]
    done = run(one(kernel, machine(16)), np.concatenate([writes(pages), ask.dontneed(gone), writes([3])]))
    assert [page for page in pages if mapped_frame(done.built, int(page)) is not None] == sorted({3, *range(0, 901, 4)})
    assert done.metrics["first_touches"] == 1001


def test_also_what_is_on_swap():
    cell = one("6.18", machine(16, **ZRAM))
    done = run(cell, np.concatenate([writes(range(6000)), ask.dontneed(range(5990))]))
    assert done.metrics["pswpout"] > 1000 and done.metrics["nr_swap_used"] <= 10


def test_a_range_says_every_page_once():
    pages = np.array([0, 1, 2, *range(10, 2500), 4000])
    found: list[int] = []
    for event in ask.pin(pages) & ARG_MASK:
        first = int(event) & (1 << 30) - 1
        found += range(first, first + (int(event) >> 30) + 1)
    assert found == pages.tolist()


@pytest.mark.parametrize("kernel", ["3.1", "6.18"])
def test_a_pinned_page_is_not_reclaimed_until_it_is_let_go(kernel: str):
    mine = np.arange(500)
    more = writes(500 + np.arange(6000))
    held = run(one(kernel, machine(16, **ZRAM)), np.concatenate([ask.pin(mine), more]))
    gone = run(one(kernel, machine(16, **ZRAM)), np.concatenate([ask.pin(mine), ask.unpin(mine), more]))
    there = [sum(mapped_frame(done.built, page) is not None for page in range(500)) for done in (held, gone)]
    assert there[0] == 500 and there[1] < 400
    assert held.metrics["nr_foll_pin_acquired"] == 500 and held.metrics["nr_foll_pin_released"] == 0
    assert gone.metrics["nr_foll_pin_released"] == 500


def test_a_pinned_page_outlives_its_mapping():
    mine = np.arange(100)
    done = run(one("6.18", machine(16)), np.concatenate([ask.pin(mine), ask.dontneed(mine)]), footprint=100)
    freed = run(
        one("6.18", machine(16)), np.concatenate([ask.pin(mine), ask.dontneed(mine), ask.unpin(mine)]), footprint=100
    )
    assert freed.metrics["nr_free_pages"] == done.metrics["nr_free_pages"] + 100


def test_the_end_of_a_process_lets_its_pages_go():
    tasks = {"first": task(stays=False), "last": task(start=S)}
    cell = Cell(kernel="6.18", machine=machine(16, cpus=2), tasks=tasks)
    done = run(cell, {"first": ask.pin(range(50)), "last": writes(range(10))}, footprint=50)
    assert done.metrics["nr_foll_pin_released"] == 50


def test_a_task_sleeps_until_its_time_and_that_is_its_own():
    events = np.concatenate([ask.sleep_until(7 * MS), writes([1]), ask.sleep_until(5 * MS)])
    done = run(one("6.18", machine(16)), events)
    assert 7 * MS <= done.metrics["elapsed_ns"] < 8 * MS
    assert done.metrics["think_ns"] == 7 * MS and done.metrics["driver_late_ns"] >= 2 * MS


def cell_of(kind: str, mib: int = 32, **params) -> Cell:
    task = Task(stream=Stream(kind=kind, params=params), stays=True)
    return Cell(kernel="6.18", machine=machine(mib, **ZRAM), tasks={"t": task})


def test_a_hog_keeps_what_the_pattern_says():
    done = run(cell_of("hog", size=8 * MiB, keep="h100"))
    mapped = [mapped_frame(done.built, page) is not None for page in range(2048)]
    assert mapped == [page % 512 < 100 for page in range(2048)]


def test_patterns():
    assert kept("e3", 7).tolist() == [True, False, False, True, False, False, True]
    assert kept("h2", 1025).nonzero()[0].tolist() == [0, 1, 512, 513, 1024]
    assert kept("all", 3).all() and not kept("none", 3).any()
    x, expected = 7, []
    for _ in range(5):
        x = (x ^ (x << 13)) & 0xFFFFFFFF
        x ^= x >> 17
        x = (x ^ (x << 5)) & 0xFFFFFFFF
        expected.append(x % 100 < 40)
    assert kept("r40", 5, seed=7).tolist() == expected
    assert abs(kept("r25", 40_000).mean() - 0.25) < 0.02


def test_a_driver_holds_each_buffer_for_its_time():
    params = {"count": 100, "period": MS, "hold": 10 * MS}
    done = run(cell_of("driver", **params))
    assert done.metrics["driver_alloc_success"] == done.metrics["driver_free"] == 100
    assert 109 * MS <= done.metrics["elapsed_ns"] < 110 * MS
    found = np.concatenate(list(open_stream(Stream(kind="driver", params=params), np.random.default_rng()).events))
    held = np.cumsum((found >> OP_SHIFT == ask.ALLOC_BUFFER).astype(int) - (found >> OP_SHIFT == ask.FREE_BUFFER))
    assert held.max() == 10


def test_a_pinner_pins_its_share_for_its_time():
    done = run(cell_of("pinner", size=4 * MiB, pin="e4", hold=20 * MS))
    assert done.metrics["nr_foll_pin_acquired"] == done.metrics["nr_foll_pin_released"] == 256


@pytest.mark.parametrize("kernel", ["3.1", "4.19", "6.18"])
@pytest.mark.parametrize("order", [1, 5, 10])
def test_buffers_of_every_order_are_aligned_and_come_back(kernel: str, order: int):
    count = 2048 >> order
    events = [ask.alloc_buffers(range(count), order), ask.free_buffers(range(count))]
    kept = run(one(kernel, machine(64)), events[0])
    found = np.array(results(kept))
    assert (found % (1 << order) == 0).all() and len(set(found)) == count and kept.metrics["driver_pages"] == 2048
    gone = run(one(kernel, machine(64)), np.concatenate(events))
    assert gone.metrics["nr_free_pages"] == kept.metrics["nr_free_pages"] + 2048


def test_where_a_hog_keeps_its_pages_decides_about_large_blocks():
    """A quarter of the pages either way, one in four or the first quarter of each pageblock."""
    failed = {}
    for keep in ("e4", "h128"):
        tasks = {
            "hog": Task(stream=Stream(kind="hog", params={"size": 40 * MiB, "keep": keep}), stays=True),
            "driver": Task(stream=Stream(kind="driver", params={"count": 400, "order": 4, "effort": "none"}), start=S),
        }
        done = run(Cell(kernel="6.18", machine=machine(48), tasks=tasks))
        failed[keep] = done.metrics["driver_alloc_fail"]
    assert failed["e4"] > 200 > failed["h128"] + 50, failed
