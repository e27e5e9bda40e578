"""Recorded `balance_dirty_pages` events of Linux 6.1, and what the formulas make of the numbers in them.

An event shows what went into a call and what came out, but for the bandwidth estimate: that is solved for.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from mmrun.model.mm.dirty_throttling.dirty_pause import max_pause, min_pause
from mmrun.model.mm.writeback.dirty_ratelimit import position_ratio

HZ = 250
MS = 1000 // HZ  # of a jiffy
KB = 4  # a page
PAGES = 256  # a MiB
DATA = Path(__file__).parent / "data" / "dirty_pauses.npz"
MOST_BW = 1 << 15


@dataclass(frozen=True)
class Event:
    """One event: pages, jiffies, rates in pages a second; `us` is when, `again` that the same call had slept before."""

    case: tuple[int, int, int]
    pid: int
    us: int
    limit: int
    setpoint: int
    dirty: int
    wb_setpoint: int
    wb_dirty: int
    ratelimit: int
    task_ratelimit: int
    dirtied: int
    dirtied_pause: int
    paused: int
    pause: int
    period: int
    think: int
    again: bool

    @property
    def thresh(self) -> int:
        return self.case[0] * PAGES

    @property
    def bg_thresh(self) -> int:
        return self.case[1] * PAGES

    def wb_threshes(self) -> list[int]:
        """The shares of the threshold that the recorded setpoint of the device allows: one or two."""
        first = self.wb_setpoint * (self.thresh + 1) // self.setpoint
        near = range(max(0, first - 1), first + 3)
        return [share for share in near if self.setpoint * share // (self.thresh + 1) == self.wb_setpoint]

    def rate(self, wb_thresh: int, bw: int) -> int:
        """The task's rate by position control with such an estimate of the bandwidth."""
        background = wb_thresh * self.bg_thresh // self.thresh
        ratio = position_ratio(
            self.thresh, self.bg_thresh, self.limit, self.dirty, wb_thresh, background, self.wb_dirty, bw, True, True,
            False,
        )  # fmt: skip
        return self.ratelimit * ratio >> 10

    def bandwidths(self) -> set[int]:
        """Estimates of the bandwidth with which what came out of the call follows from what went in; empty if none.

        At the limit the rate is 0 with every one; there the sleep tells, which is the longest that is allowed.
        """
        found = set()
        if self.task_ratelimit == 0:
            return {bw for bw in range(1, MOST_BW) if max_pause(self.wb_dirty, bw, HZ) == self.pause}
        for share in self.wb_threshes():
            falls = self.rate(share, 1) > self.rate(share, MOST_BW)
            low, high = _first(self, share, falls, 0), _first(self, share, falls, 1)
            found |= set(range(low, high)) if self.rate(share, low) == self.task_ratelimit else set()
        return found

    def slept_after(self, bw: int) -> tuple[int, int]:
        """(longest pause, pages until the next call) by the formulas, with such an estimate of the bandwidth."""
        longest = max_pause(self.wb_dirty, bw, HZ)
        return longest, min_pause(bw, self.ratelimit, self.task_ratelimit, longest, HZ)[1]


def _first(event: Event, share: int, falls: bool, beyond: int) -> int:
    """The first bandwidth with the recorded rate, or with one beyond it: rates are monotonic in the bandwidth."""
    low, high = 1, MOST_BW
    while low < high:
        middle = (low + high) // 2
        gap = event.rate(share, middle) - event.task_ratelimit
        if (-gap if falls else gap) >= beyond:
            high = middle
        else:
            low = middle + 1
    return low


@cache
def events() -> list[Event]:
    """All recorded events in order."""
    table = np.load(DATA)
    columns = {name: table[name].tolist() for name in table.files}
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    found: list[Event] = []
    for r in rows:
        before = next((e for e in reversed(found) if e.pid == r["pid"]), None)
        found.append(
            Event(
                (r["cfg_dirty"], r["cfg_bg"], r["cfg_writers"]), r["pid"], r["us"], r["limit"], r["setpoint"],
                r["dirty"], r["bdi_setpoint"], r["bdi_dirty"], r["dirty_ratelimit"] // KB, r["task_ratelimit"] // KB,
                r["dirtied"], r["dirtied_pause"], r["paused"] // MS, r["pause"] // MS, r["period"] // MS,
                r["think"] // MS, bool(before and before.task_ratelimit == 0),
            )
        )  # fmt: skip
    return found
