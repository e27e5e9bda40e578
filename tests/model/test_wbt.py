"""blk-wbt: how many writes may wait, and how that moves with the latency of reads. Vectors: block/blk-wbt.c, 6.12."""

import numpy as np
import pytest

from mmrun.model.block.state import IO_BACKGROUND, IO_NORMAL, IO_URGENT, disks, wbts
from mmrun.model.block.wbt import depth_of, limit_of, note_end, window_ns
from mmrun.model.description import Disk, Region
from mmrun.model.units import MS
from tests.model.cells import machine_of, one, run, writes
from tests.model.flushers import host

FILE = Region(kind="file", access="read", disk="d")


@pytest.mark.parametrize(
    ("queue", "step", "limits"),
    [
        (64, -2, (48, 24, 12)), (64, -1, (31, 16, 8)), (64, 0, (16, 8, 4)), (64, 1, (8, 4, 2)), (64, 2, (4, 2, 1)),
        (64, 3, (2, 2, 1)), (64, 4, (1, 1, 1)), (32, -1, (24, 12, 6)), (1, 0, (2, 2, 1)), (1, 1, (1, 1, 1)),
        (8, 0, (8, 4, 2)),
    ],
)  # fmt: skip
def test_limits_at_each_step(queue, step, limits):
    depth, _ = depth_of(step, queue)
    assert tuple(limit_of(depth, purpose) for purpose in (IO_URGENT, IO_NORMAL, IO_BACKGROUND)) == limits


def test_windows_shorten_with_the_step():
    """(window << 4) / isqrt((step + 1) << 8)."""
    assert [round(window_ns(step) / MS, 1) for step in (-1, 0, 1, 2, 3, 4)] == [100, 100, 72.7, 59.3, 50.0, 45.7]


class Seen:
    """A disk of 6.18 whose limits move, told of what it does."""

    def __init__(self, goal: int = 75 * MS) -> None:
        self.m = machine_of(one("6.18", host(Disk(kind="hdd", wbt_lat=goal)), FILE)).memory.m
        self.disk, self.w = disks(self.m)[0], wbts(self.m)[0]

    def window(self, latency: int, reads: int, writes: int) -> int:
        """A window in which so much ends; the step after it."""
        at = int(self.w.ends)
        for _ in range(reads):
            note_end(self.m, 0, 1, latency, at - 1)
        for _ in range(writes):
            note_end(self.m, 0, 0, 0, at - 1)
        note_end(self.m, 0, 0, 0, at)
        return int(self.w.step)


def test_slow_reads_halve_the_writes_and_fast_ones_bring_them_back():
    seen = Seen()
    assert list(seen.disk.most_writes) == [4, 8, 16]
    assert [seen.window(80 * MS, 5, 9) for _ in range(6)] == [1, 2, 3, 4, 4, 4], "with one write there is no less"
    assert list(seen.disk.most_writes) == [1, 1, 1]
    assert [seen.window(75 * MS, 1, 2) for _ in range(6)] == [3, 2, 1, 0, -1, -1], "the goal is met"
    assert list(seen.disk.most_writes) == [6, 12, 24] and seen.w.at_most
    assert seen.window(80 * MS, 1, 2) == 0, "at once back to the usual"


def test_without_reads_writes_grow_and_too_little_brings_back_the_usual():
    seen = Seen()
    assert seen.window(0, 0, 5) == -1
    seen.w.step = 2
    steps = [seen.window(200 * MS, 3, 1) for _ in range(6)]
    assert steps == [2, 2, 2, 2, 1, 0], "two writes and reads: no sample; five such windows"


def test_the_least_latency_counts():
    seen = Seen()
    at = int(seen.w.ends)
    for latency in (500 * MS, 10 * MS, 500 * MS):
        note_end(seen.m, 0, 1, latency, at - 1)
    assert seen.window(500 * MS, 1, 3) == -1


@pytest.mark.parametrize(("kernel", "goal", "moves"), [("6.18", 75 * MS, 1), ("6.18", None, 0), ("4.19", 75 * MS, 0)])
def test_it_is_off_unless_asked_for(kernel, goal, moves):
    done = run(one(kernel, host(Disk(kind="hdd", wbt_lat=goal), memory=64), FILE), writes(np.arange(30_000) % 14_000))
    assert int(disks(done.m)[0].wbt) == moves
    assert (int(wbts(done.m)[0].ends) > 100 * MS) == bool(moves)
