"""Swap over NBD before and after 3.6: a machine that needs memory to free memory, and one that has reserves for it."""

from typing import Any

import pytest

from mmrun.model.description import Cell, Disk, Link, Region, Stream, SwapTarget, Task
from mmrun.model.units import GBIT_S, MS, US, GiB, MiB, S
from tests.model.cells import Run, machine, run


def diskless(kernel: str, kind: str = "nbd", **cell: Any) -> Cell:
    """Four heaps of 90 MiB on 256 MiB, swap on the disk of a server behind 1 Gbit/s."""
    server = Disk(read_latency=8 * MS, write_latency=8 * MS, parallel=1, read_bandwidth=138_000_000)
    area = SwapTarget(kind=kind, link="lan", disk="server", size=4 * GiB)
    host = machine(
        256, cpus=4, disks={"server": server}, links={"lan": Link(bandwidth=GBIT_S, rtt=90 * US)}, swap={"net": area}
    )
    heap = Stream(kind="loop", params={"size": 90 * MiB, "accesses": 60_000, "write_fraction": 1.0})
    tasks = {"stress": Task(stream=heap, count=4, memory=(Region(),))}
    return Cell(kernel=kernel, machine=host, tasks=tasks, **cell)


def ended(kernel: str, duration: int) -> Run:
    return run(diskless(kernel, duration=duration), check=False)


def test_a_diskless_client_of_3_1_dies():
    """757fa747fc3d and its series: without reserves swap over NBD hangs, here within seconds."""
    done = ended("3.1", 200 * S)
    assert (done.metrics["outcome"], done.metrics["died"]) == ("died", 1)
    told = " ".join(done.outcome.death)
    assert "stress.0-3 are in direct reclaim, waiting for room in the queue of net" in told
    assert "nbd0 is" in told and "nothing can be freed at once" in told


@pytest.mark.parametrize("kernel", ["3.6", "6.18"])
def test_with_reserves_it_lives(kernel):
    found = ended(kernel, 60 * S).metrics
    assert (found["outcome"], found["died"]) == ("ok", 0) and found["pswpout"] > 5_000
    assert found["disk.server.busy_ns"] <= found["elapsed_ns"]
