"""Swap areas on a server: what is on its way is bounded, the server serves no more than there is time for."""

from dataclasses import replace

import pytest

from mmrun.model.block.check import violations
from mmrun.model.block.place import IN_FLIGHT
from mmrun.model.block.state import disks
from mmrun.model.description import Cell, Disk, Link, Region, Stream, SwapTarget, Task
from mmrun.model.units import MS, US, MiB, S
from tests.model.cells import Run, machine, run

SLOW = Disk(read_latency=8 * MS, write_latency=8 * MS, parallel=1)
SECONDS = 3


def swapping(kernel: str, kind: str, disk: Disk = SLOW, duration: int = SECONDS * S) -> Cell:
    """Four heaps of 12 MiB on 40 MiB; swap on the server's disk, or on the same disk in the machine."""
    over = {} if kind == "partition" else {"link": "lan"}
    area = SwapTarget(kind=kind, disk="server", size=64 * MiB, **over)
    host = machine(40, cpus=4, disks={"server": disk}, links={"lan": Link()}, swap={"s": area})
    heap = Stream(kind="loop", params={"size": 12 * MiB, "accesses": 60_000, "write_fraction": 1.0})
    return Cell(
        kernel=kernel, machine=host, tasks={"t": Task(stream=heap, count=4, memory=(Region(),))}, duration=duration
    )


def client(done: Run):
    """The client's end of the area, behind the machine's disk."""
    return disks(done.m)[1]


@pytest.mark.parametrize("kind", ["nbd", "nfs", "iscsi"])
@pytest.mark.parametrize("kernel", ["3.6", "3.15", "4.19", "6.18"])
def test_a_server_is_busy_no_longer_than_there_is_time(kernel, kind):
    done = run(swapping(kernel, kind))
    found = done.metrics
    assert found["pswpout"] > 300
    assert 0.5 * found["elapsed_ns"] < found["disk.server.busy_ns"] <= found["elapsed_ns"] <= SECONDS * S + 10 * MS
    assert client(done).announced <= IN_FLIGHT[kind]


def test_without_reserves_nothing_is_sent_any_more():
    """To 3.5: tasks take what is free down to min, where nbd's thread may not go, and nothing can be freed."""
    done = run(swapping("3.1", "nbd"))
    assert done.metrics["disk.server.busy_ns"] == 0 and done.metrics["accesses"] < 240_000
    assert client(done).announced > 0 and done.metrics["netswap_replies"] == 0


@pytest.mark.parametrize(("kernel", "together"), [("3.15", False), ("5.18", False), ("5.19", True), ("6.18", True)])
def test_swap_over_nfs_is_written_page_by_page_until_5_18(kernel, together):
    """Before, each reclaimer waits for the answer to its page; then up to 32 adjacent pages go at a time, unwaited."""
    done = run(swapping(kernel, "nfs"))
    each = done.metrics["disk.server.pages_written"] / done.metrics["disk.server.writes"]
    if together:
        assert 16 < each <= 32
    else:
        assert each == 1 and client(done).nr_allocated <= 5, "four tasks and kswapd"


def test_swap_over_nfs_is_read_page_by_page_until_5_18():
    requests = {}
    for kernel in ("5.18", "6.18"):
        fast = Disk(read_latency=100 * US, write_latency=100 * US, parallel=1)
        done = run(swapping(kernel, "nfs", fast, duration=30 * S))
        assert done.metrics["swap_ra"] > 0
        requests[kernel] = client(done).pages_read / client(done).reads
    assert requests["5.18"] == 1 < requests["6.18"]


@pytest.mark.parametrize("kind", ["nbd", "iscsi"])
def test_reclaim_waits_for_requests_of_a_block_device_on_a_server_as_for_those_of_a_disk(kind):
    far, near = (run(swapping("6.18", each)).metrics for each in (kind, "partition"))
    assert far["pgscan"] < 3 * near["pgscan"]
    assert far["reclaim_queue_ns"] > 0


def test_the_laws_of_devices_tell_what_does_not_hold():
    done = run(swapping("6.18", "nbd", duration=S // 2))
    assert violations(done.built) == []
    remote, held = client(done), int(client(done).announced)
    remote.announced = IN_FLIGHT["nbd"] + 1
    assert [each for each in violations(done.built) if "requests at once" in each]
    remote.announced, remote.nr_allocated = held, 10_000
    assert [each for each in violations(done.built) if "it may have" in each]
    servers = done.built.memory.table("servers")
    servers["busy_ns"][0] = int(servers["free_at"].max()) + 60 * S
    assert [each for each in violations(done.built) if each.startswith("server 0 was busy")]


def test_two_areas_on_one_server_have_a_client_each():
    cell = swapping("6.18", "nbd")
    areas = {"s": cell.machine.swap["s"], "u": SwapTarget(kind="iscsi", link="lan", disk="server", size=64 * MiB)}
    done = run(replace(cell, machine=replace(cell.machine, swap=areas)))
    rows = disks(done.m)
    assert rows[1].pages_written > 0 and rows[2].pages_written > 0
    on_way = IN_FLIGHT["nbd"] + IN_FLIGHT["iscsi"]
    assert 0 <= rows[1].pages_written + rows[2].pages_written - done.metrics["disk.server.pages_written"] <= on_way
