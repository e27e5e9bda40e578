"""The program that logs in to an iSCSI target again: with its memory locked, and swapped out to the target itself."""

from dataclasses import replace
from typing import Any

import pytest

from mmrun.model import registry
from mmrun.model.description import Cell, Disk, Link, Region, Stream, SwapTarget, Task, Variant
from mmrun.model.net.session.state import session_settings
from mmrun.model.units import MS, US, MiB, S
from tests.model.cells import Run, machine, machine_of, run

FAST = Disk(read_latency=100 * US, write_latency=50 * US, parallel=4)


def with_daemon(locked: bool, kernel: str = "3.6", **area: Any) -> Cell:
    """Two heaps of 16 MiB on 16 MiB, a daemon of 1 MiB, a target that is away for a second."""
    target = SwapTarget(kind="iscsi", link="lan", disk="server", size=64 * MiB, crash_from=S, crash_until=2 * S, **area)
    host = machine(16, cpus=2, disks={"server": FAST}, links={"lan": Link(rtt=60 * US)}, swap={"s": target})
    heap = Stream(kind="uniform", params={"size": 16 * MiB, "accesses": 30_000, "write_fraction": 0.7})
    daemon = Stream(kind="iscsid", params={"area": "s", "size": MiB, "locked": locked})
    tasks = {"iscsid": Task(stream=daemon, stays=True),
             "t": Task(stream=heap, count=2, memory=(Region(),), think=20 * US)}  # fmt: skip
    return Cell(kernel=kernel, machine=host, tasks=tasks, duration=400 * S)


def ended(**cell: Any) -> Run:
    return run(with_daemon(**cell), check=False)


@pytest.mark.parametrize("kernel", ["3.6", "6.18"])
def test_a_daemon_with_locked_memory_logs_in_again(kernel):
    done = run(with_daemon(True, kernel))
    found = done.metrics
    assert found["netswap_reconnects"] == 1 and found["netswap_errors"] == found["swap_sigbus"] == 0
    assert found["accesses"] == 60_000 and found["driver_pages"] == 256, "its pages are not reclaimed"


@pytest.mark.parametrize("kernel", ["3.6", "6.18"])
def test_one_that_was_swapped_out_waits_for_its_own_page_until_requests_fail(kernel):
    cell = with_daemon(False, kernel, replacement_timeout=5 * S)
    clock = Task(stream=Stream(kind="loop", params={"size": 4096, "accesses": 10_000}), think=MS)  # it needs no swap
    found = run(replace(cell, tasks={**cell.tasks, "clock": clock}), check=False).metrics
    assert found["netswap_reconnects"] == 0 and found["netswap_errors"] > 0
    assert found["swap_sigbus"] == 3, "the daemon and both heaps"
    assert found["task.clock.accesses"] == 10_000 and found["elapsed_ns"] < 20 * S


def test_where_requests_never_fail_the_machine_dies_and_says_of_what():
    done = ended(locked=False, replacement_timeout=86_400 * S)
    assert done.metrics["died"] == 1 and done.metrics["died_ns"] < 4 * S
    told = [each for each in done.outcome.death if each.startswith("iscsid0 is")]
    assert len(told) == 1 and "to be read in the swap area s" in told[0]


def test_what_it_asks_the_kernel_for_starts_no_io_since_it_says_so():
    flags = [session_settings(machine_of(with_daemon(True, kernel)).memory.m).io_flusher for kernel in ("5.13", "5.14")]
    assert flags == [0, 1]


def test_it_serves_an_area_of_the_machine_as_long_as_that_runs():
    cell = with_daemon(True)
    daemon = cell.tasks["iscsid"]
    elsewhere = replace(daemon, stream=Stream(kind="iscsid", params={"area": "lan"}))
    for wrong, words in ((replace(daemon, stays=False), "as long as the machine runs"), (elsewhere, "no swap area of")):
        with pytest.raises(ValueError, match=words):
            registry.resolve(replace(cell, tasks={**cell.tasks, "iscsid": wrong}))


@pytest.mark.parametrize(
    ("kernel", "reserves", "dies"), [("3.6", "none", True), ("3.6", "all", True), ("4.4", "all", False)]
)
def test_who_reads_his_packets_late_starves_the_ring_unless_pages_of_reserves_are_told_apart(kernel, reserves, dies):
    """Replies cannot be received: buffers are in the sockets of a program whose own pages are swapped out, too."""
    area = SwapTarget(kind="nfs", link="lan", disk="server", size=512 * MiB, server_cache=128 * MiB)
    links = {"lan": Link(bandwidth=125_000_000, rtt=90 * US)}
    host = machine(64, cpus=4, disks={"server": Disk(kind="sata-ssd")}, links=links, swap={"s": area})
    heap = Stream(kind="uniform", params={"size": 32 * MiB, "accesses": 10_000, "write_fraction": 0.5})
    guest = {"role": "receive", "link": "lan", "connections": 128, "bytes": MiB, "message": 16 * 1024}
    own = (Region(), Region(size=4 * MiB, touched_every=4))
    tasks = {"stress": Task(stream=heap, count=8, think=20 * US),
             "guest": Task(stream=Stream(kind="netstream", params=guest), stays=True, memory=own)}  # fmt: skip
    policy = {"swap_reserves": Variant(variant=reserves)}
    last = (150 if dies else 30) * S
    done = run(Cell(kernel=kernel, machine=host, tasks=tasks, policy=policy, duration=last), check=False)
    found = done.metrics
    assert found["died"] == dies and found["alloc_rx_buff_failed"] >= 0
    if dies:
        assert found["rx_ring_posted"] == 0 and found["PFMemallocDrop"] == 0
        assert any("has buffers in 0 of 256 places" in each for each in done.outcome.death)
    else:
        assert all(found[f"task.stress.{i}.elapsed_ns"] < 30 * S for i in range(8))
