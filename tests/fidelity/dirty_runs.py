"""The recorded cases of dirty throttling run in the model: writers to a disk of 8 MB/s on a guest with 2 GB.

The guest was emulated: a page took its writer some 160 us. Later cases begin with the estimates the one before left.
"""

from dataclasses import dataclass
from unittest.mock import patch

import numpy as np

from mmrun.model import api
from mmrun.model.build import Built, build
from mmrun.model.description import Cell, Disk, Machine, Node, Region, Sampling, Stream, Sysctl, Task
from mmrun.model.units import MB_S, MS, US, MiB
from tests.fidelity.dirty import HZ, Event, events

MEMORY = 2_012_116 * 1024 // (64 * 1024) * (64 * 1024)
DISK = 8 * MB_S
PAGE_TIME = 160 * US
FILE_MIB = {1: 160, 2: 96}


@dataclass(frozen=True)
class Levels:
    """What a case came to: dirty pages over the limit (5, 50, 95 %), mean sleep in ms, base rate at the end."""

    low: float
    median: float
    high: float
    sleep_ms: float
    sleeps: int
    ratelimit: int


def of_case(case: tuple[int, int, int]) -> list[Event]:
    """The recorded events of a case."""
    return [event for event in events() if event.case == case]


def recorded(case: tuple[int, int, int]) -> Levels:
    """What the kernel did."""
    own = of_case(case)
    slept = [event.pause * 1000 / HZ for event in own if event.pause > 0]
    low, median, high = np.percentile([event.dirty / event.limit for event in own], [5, 50, 95])
    return Levels(low, median, high, float(np.mean(slept)) if slept else 0.0, len(slept), own[-1].ratelimit)


def cell(case: tuple[int, int, int]) -> Cell:
    """The guest and its writers."""
    limit, background, writers = case
    task = Task(
        stream=Stream(kind="writer", params={"size": FILE_MIB[writers] * MiB, "accesses": FILE_MIB[writers] * 256}),
        memory=(Region(kind="file", access="read", disk="d"),), count=writers, think=PAGE_TIME,
    )  # fmt: skip
    host = Machine(
        nodes=(Node(cpus=1, memory=MEMORY),), hz=HZ,
        disks={"d": Disk(parallel=1, write_latency=0, read_latency=0, write_bandwidth=DISK, read_bandwidth=DISK)},
    )  # fmt: skip
    return Cell(
        kernel="6.1", machine=host, tasks={"w": task}, sampling=Sampling(every=20 * MS),
        vm=Sysctl(dirty_bytes=limit * MiB, dirty_background_bytes=background * MiB),
    )  # fmt: skip


def simulated(case: tuple[int, int, int]) -> Levels:
    """What the model does; levels are sampled while it is beyond the level at which throttling begins."""
    first, kept = of_case(case)[0], []

    def begun(*args) -> Built:
        kept.append(build(*args))
        wb, domain = kept[0].memory.table("wbs"), kept[0].memory.table("wb_domains")
        wb["dirty_ratelimit"] = wb["balanced_dirty_ratelimit"] = first.ratelimit
        wb["write_bandwidth"] = wb["avg_write_bandwidth"] = min(first.bandwidths())
        if first.wb_setpoint:  # it was alone in writing before
            wb["events"] = domain["events"] = 10_000
        return kept[0]

    with patch.object(api, "build", begun):
        outcome = api.simulate(cell(case))
    series, limit, freerun = outcome.series, case[0] * 256, (case[0] + case[1]) * 128
    dirty = series["nr_dirty"] + series["nr_writeback"]
    low, median, high = np.percentile(dirty[dirty > freerun] / limit, [5, 50, 95])
    sleeps = int(outcome.metrics["dirty_pauses"])
    slept_ns = int(outcome.metrics["stall_dirty_ns"]) - sleeps * 10**9 // HZ  # without the timer's tick
    sleep_ms = slept_ns / 1e6 / max(1, sleeps)
    return Levels(low, median, high, sleep_ms, sleeps, int(kept[0].memory.table("wbs")[0].dirty_ratelimit))
