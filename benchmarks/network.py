"""Packets through sockets: how many of 1,500 bytes a CPU second of the model takes, also beside reclaim."""

import time
from collections.abc import Iterator

from benchmarks.machine import ERA
from benchmarks.measure import Row
from mmrun.model import api
from mmrun.model.description import Cell, Disk, Link, Machine, Node, Region, Stream, SwapTarget, Task
from mmrun.model.units import GBIT_S, KiB, MiB

PACKETS_10G = 812_744  # frames of 1,538 bytes on the wire that 10 Gbit/s are a second
FLOOR = PACKETS_10G // 10


def cell(nbytes: int, role: str, beside: bool) -> Cell:
    """A task that receives so many bytes over 10 Gbit/s, or sends them; `beside`: one that reclaims all the time."""
    net = Stream(kind="netstream", params={"role": role, "link": "lan", "bytes": nbytes, "message": 64 * KiB})
    tasks = {"net": Task(stream=net, memory=(Region(),))}
    if beside:
        pages = {"size": 96 * MiB, "accesses": 10**9}
        tasks["loop"] = Task(stream=Stream(kind="loop", params=pages))
    return Cell(
        kernel=ERA,
        machine=Machine(
            nodes=(Node(memory=64 * MiB if beside else 256 * MiB, cpus=4),),
            links={"lan": Link(bandwidth=10 * GBIT_S)}, disks={"ssd": Disk()},
            swap={"ssd": SwapTarget(kind="partition", size=256 * MiB, disk="ssd")},
        ),
        tasks=tasks, duration=nbytes * 8 // 5,
    )  # fmt: skip


def measured(what: Cell) -> tuple[float, dict[str, int | float | str]]:
    """Least CPU seconds of three runs, and their metrics, which are alike."""
    times, found = [], dict[str, int | float | str]()
    for _ in range(3):
        start = time.process_time()
        found = api.simulate(what).metrics
        times.append(time.process_time() - start)
    return min(times), found


def rows(quick: bool) -> Iterator[Row]:
    """Frames a CPU second: received, sent, received beside a task whose memory is swapped all the time."""
    size = (8 if quick else 256) * MiB
    for role, beside in (("receive", False), ("send", False), ("receive", True)):
        what = cell(size, role, beside)
        api.warm(what)
        took, found = measured(what)
        frames = int(found["rx_packets" if role == "receive" else "tx_packets"])
        rate = frames / took
        name = f"frames of 1,500 bytes, {role}" + (", beside reclaim" if beside else "")
        yield Row(
            "network", name, rate, "frames/s", rate, floor=FLOOR, aim=PACKETS_10G,
            note=f"{frames:,} in {took:.2f} CPU s; 10 Gbit/s are {PACKETS_10G:,} a second",
        )  # fmt: skip
