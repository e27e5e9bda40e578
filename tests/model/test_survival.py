"""Swap over NBD before and after 3.6: a machine that needs memory to free memory, and one that has reserves for it."""

from typing import Any

import pytest

from mmrun.model.description import Cell, Disk, Link, Region, Stream, SwapTarget, Task, Variant
from mmrun.model.units import GBIT_S, MS, US, GiB, MiB, S
from tests.model.cells import Run, machine, run

LONG = 150 * S


def diskless(kernel: str, mib: int = 32, reserves: str | None = None) -> Cell:
    """Four heaps, together one and a half times the memory; swap on the disk of a server behind 1 Gbit/s."""
    server = Disk(read_latency=8 * MS, write_latency=8 * MS, parallel=1, read_bandwidth=138_000_000)
    area = SwapTarget(kind="nbd", link="lan", disk="server", size=4 * GiB)
    links = {"lan": Link(bandwidth=GBIT_S, rtt=90 * US)}
    host = machine(mib, cpus=4, disks={"server": server}, links=links, swap={"net": area})
    heap = Stream(kind="loop", params={"size": mib * 3 // 8 * MiB, "accesses": 60_000, "write_fraction": 1.0})
    policy = {"swap_reserves": Variant(variant=reserves)} if reserves else {}
    tasks = {"stress": Task(stream=heap, count=4, memory=(Region(),))}
    return Cell(kernel=kernel, machine=host, tasks=tasks, policy=policy, duration=LONG)


def done(kernel: str, mib: int = 32, reserves: str | None = None) -> Run:
    return run(diskless(kernel, mib, reserves), check=False)


@pytest.mark.parametrize(("kernel", "reserves"), [("3.1", None), ("3.6", "none"), ("4.4", "none")])
def test_without_reserves_a_diskless_client_dies(kernel, reserves):
    """757fa747fc3d and its series: the thread that sends finds no page, and pages come free only by what it sends."""
    dead = done(kernel, reserves=reserves)
    assert (dead.metrics["outcome"], dead.metrics["died"]) == ("died", 1)
    assert dead.metrics["died_ns"] < 5 * S and dead.metrics["elapsed_ns"] > 120 * S
    told = " ".join(dead.outcome.death)
    assert "stress.0-3" in told and "nbd0" in told and "nothing can be freed at once" in told


@pytest.mark.parametrize("kernel", ["3.6", "4.4", "6.18"])
def test_with_reserves_it_lives(kernel):
    found = done(kernel).metrics
    assert (found["outcome"], found["died"]) == ("ok", 0) and found["pswpin"] > 1_000
    assert found["disk.server.busy_ns"] <= found["elapsed_ns"]


def sweeping(kind: str, **area: Any) -> int:
    """How long sweeping twice over four times memory takes, eight tasks a CPU, as in the posting of July 2012 (ns)."""
    area = SwapTarget(kind=kind, link="lan", disk="server", size=256 * MiB, server_cache=128 * MiB, **area)
    links = {"lan": Link(bandwidth=GBIT_S, rtt=90 * US)}
    host = machine(32, cpus=4, disks={"server": Disk(kind="sata-ssd")}, links=links, swap={"net": area})
    heap = Stream(kind="loop", params={"size": 4 * MiB, "accesses": 2_048, "write_fraction": 1.0})
    tasks = {"stress": Task(stream=heap, count=32, think=10 * US)}
    return int(run(Cell(kernel="3.6", machine=host, tasks=tasks, duration=LONG), check=False).metrics["elapsed_ns"])


def test_swap_over_nfs_takes_about_twice_as_long_as_over_nbd():
    """Swap-over-NFS, v9: because a page is answered for once the file server has committed it."""
    nbd, nfs, unstable = sweeping("nbd"), sweeping("nfs"), sweeping("nfs", sync=False)
    assert 1.5 < nfs / nbd < 2.7 and unstable < 1.4 * nbd


@pytest.mark.slow
def test_with_more_memory_who_waits_for_whom_is_a_chain():
    told = done("3.1", mib=64).outcome.death
    assert told[1].startswith("stress.0-3 are in direct reclaim, waiting for room in the queue of net since 0.")
    assert told[2] == "nbd0 is in direct reclaim, going round in search of a free page."
    assert any("kswapd0 is reclaiming, waiting for room in the queue of net" in each for each in told)
