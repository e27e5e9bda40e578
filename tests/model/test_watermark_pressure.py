"""Watermarks at work: how fast a task may allocate before kswapd's nap ends early, or before it must reclaim itself."""

from dataclasses import replace

import numpy as np
import pytest

from mmrun.model.core.events import COMPUTE, OP_SHIFT
from mmrun.model.core.timeline import before
from mmrun.model.description import Cell, Region, Sampling, Sysctl
from mmrun.model.mm.page.state import zones as zones_of
from mmrun.model.mm.reclaim.state import reclaim_count
from mmrun.model.units import MS, US
from tests.model.cells import Run, given, machine, one, reads, run

PAGES = 16 * 256  # a machine of 16 MiB
STREAM = Region(kind="file", access="read", readahead=0)


def streamed(era: str, think: int, pages: int = 3 * PAGES) -> Run:
    """A task reads a file without a device from end to end, thinking between two pages.

    Watermarks stay where they are: in a zone this small a single boost (5.0) is several times min.
    """
    vm = Sysctl(watermark_boost_factor=0) if not before(era, "5.0") else Sysctl()
    cell = one(era, machine(16), STREAM, vm=vm)
    return run(replace(cell, tasks={"t": replace(cell.tasks["t"], think=think)}), reads(range(pages)), check=False)


@pytest.mark.parametrize("era", ["3.1", "4.19", "6.18"])
def test_a_nap_ends_early_when_more_than_high_minus_low_is_allocated_in_it(era):
    """kswapd naps 100 ms; a pass may leave as many pages above high as high has."""
    slow, fast = streamed(era, 10 * MS), streamed(era, 100 * US)
    zone = zones_of(slow.m)[0]
    distance = int(zone.wmark_high - zone.wmark_low)
    assert 100 * MS // (10 * MS) < distance < distance + int(zone.wmark_high) < 100 * MS // (100 * US)
    assert slow.metrics["kswapd_low_wmark_hit_quickly"] == 0 < slow.metrics["pageoutrun"]
    assert fast.metrics["kswapd_low_wmark_hit_quickly"] > 0


@pytest.mark.parametrize("era", ["3.1", "4.19", "6.18"])
def test_no_task_reclaims_while_the_daemon_needs_less_time_than_low_minus_min_gives_it(era):
    """A wake-up takes 1.5 us, a page 0.7 us: at a page every 20 us the daemon is always in time."""
    calm = streamed(era, 20 * US)
    assert calm.metrics["pgscan_direct"] == calm.metrics["allocstall"] == 0 < calm.metrics["pgsteal_kswapd"]


@pytest.mark.parametrize("era", ["3.1", "6.18"])
def test_what_is_stolen_was_scanned(era):
    done = streamed(era, 0)
    found = done.metrics
    assert 0 < found["pgsteal_kswapd"] <= found["pgscan_kswapd"]
    assert found["pgsteal_direct"] <= found["pgscan_direct"]
    assert found["pgsteal_anon"] + found["pgsteal_file"] == found["pgsteal_kswapd"] + found["pgsteal_direct"]


def bursts(gib: int, pages: int) -> np.ndarray:
    """An eighth of reading a file almost as large as the machine, then ten bursts of `pages`, a pause before each."""
    fill, pause = gib * 2**18 // 8 - 600, np.array([COMPUTE << OP_SHIFT | 50 * MS])
    parts = [reads(range(fill))]
    for first in range(fill, fill + 10 * pages, pages):
        parts += [pause, reads(range(first, first + pages))]
    return np.concatenate(parts)


def test_a_large_machine_of_3_1_reclaims_directly_where_one_of_today_rarely_does():
    """Of 4 GiB, 3.1 keeps 4 MiB free between min and high, 6.18 twice as much: eight readers take 10 MiB in a burst."""
    distance, stalls = {}, {}
    for era in ("3.1", "6.18"):
        tasks = {f"t{i}": given(STREAM) for i in range(8)}
        cell = Cell(kernel=era, machine=machine(4096, cpus=8), tasks=tasks, sampling=Sampling(every=25 * MS))
        done = run(cell, {name: bursts(4, 340) for name in tasks}, check=False,
                   probe=lambda built: int(reclaim_count(built.memory.m).allocstall))  # fmt: skip
        zones = zones_of(done.m)
        distance[era] = int((zones["wmark_high"] - zones["wmark_min"]).sum())
        once_full = next(count for count in done.seen if count)
        stalls[era] = done.metrics["allocstall"] - once_full
    assert distance["6.18"] > 2 * distance["3.1"]
    assert stalls["3.1"] > 2 * stalls["6.18"]
