"""Sessions with storage servers: nothing is lost over stops, crashes and cuts; errors come when each kind says so."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given as over
from hypothesis import settings
from hypothesis import strategies as st

from mmrun.model.description import Cell, Disk, Link, Region, Stream, SwapTarget, Task, Variant
from mmrun.model.mm.swap.state import SWAP_NBD
from mmrun.model.net.server.cache import cached_read, cached_write
from mmrun.model.net.session.state import DEAD, UP, sessions
from mmrun.model.units import GBIT_S, MS, PAGE, US, MiB, S
from tests.model.cells import Run, machine, machine_of, one, run, writes

FAST = Disk(read_latency=100 * US, write_latency=50 * US, parallel=4)


def swapping(kind: str, kernel: str = "6.18", accesses: int = 9_000, **area: Any) -> Cell:
    """Two heaps of 12 MiB on 16 MiB: every page is written to the server and read back."""
    disk = {} if kind == "rdma" else {"disk": "server"}
    target = SwapTarget(kind=kind, link="lan", size=64 * MiB, **disk, **area)
    host = machine(16, cpus=2, disks={"server": FAST}, links={"lan": Link(rtt=60 * US)}, swap={"s": target})
    heap = Stream(kind="loop", params={"size": 12 * MiB, "accesses": accesses, "write_fraction": 1.0})
    return Cell(
        kernel=kernel, machine=host, tasks={"t": Task(stream=heap, count=2, memory=(Region(),))}, duration=400 * S
    )


def whole(done: Run) -> None:
    """Every request was answered, failed, or is still in a list of its session."""
    found = done.metrics
    left = sum(int(each.n) for session in sessions(done.m) for each in session.lists)
    assert found["netswap_requests"] == found["netswap_replies"] + found["netswap_errors"] + left


def over_or_killed(found: dict[str, Any]) -> bool:
    """Both tasks came to their end, or were killed as all memory waited to be written."""
    return found["accesses"] == 18_000 or found["oom_kill"] > 0


@pytest.mark.parametrize("kind", ["nbd", "nfs", "iscsi", "rdma"])
@pytest.mark.parametrize("kernel", ["3.6", "6.18"])
def test_pages_go_to_a_server_and_come_back(kernel, kind):
    done = run(swapping(kind, kernel))
    found = done.metrics
    assert (
        found["accesses"] == 18_000 and found["pswpin"] > 500 and found["netswap_errors"] == found["swap_sigbus"] == 0
    )
    wire = 60 * US if kind == "rdma" else 160 * US  # a round trip, and the server's disk
    assert wire < found["netswap_read_p50_ns"] < 5 * MS
    whole(done)


@pytest.mark.parametrize("kind", ["nfs", "iscsi"])
def test_requests_are_sent_again_when_a_crashed_server_is_back(kind):
    done = run(swapping(kind, crash_from=40 * MS, crash_until=2 * S))
    found = done.metrics
    assert over_or_killed(found) and found["netswap_reconnects"] >= 1 and found["netswap_resent"] > 0
    assert found["netswap_errors"] == 0 and found["elapsed_ns"] > 2 * S
    whole(done)


def test_swap_on_a_dead_nbd_kills_whom_it_cannot_give_his_page():
    """Reads fail: SIGBUS. Writes fail: the page stays dirty, in memory."""
    done = run(swapping("nbd", crash_from=40 * MS))
    found = done.metrics
    assert sessions(done.m)[0].state == DEAD and found["swap_sigbus"] > 0 and found["netswap_errors"] > 0
    whole(done)


@pytest.mark.parametrize("kind", ["nbd", "nfs", "iscsi", "rdma"])
def test_a_server_that_stops_for_a_second_costs_a_second(kind):
    """But for far memory, which no program serves."""
    done = run(swapping(kind, stop_from=40 * MS, stop_until=S))
    assert over_or_killed(done.metrics) and done.metrics["elapsed_ns"] < 3 * S
    assert (done.metrics["elapsed_ns"] > S) == (kind != "rdma")
    assert done.metrics["swap_sigbus"] == 0
    whole(done)


@pytest.mark.parametrize("kind", ["nbd", "nfs", "iscsi", "rdma"])
@pytest.mark.parametrize("kernel", ["3.6", "6.18"])
def test_a_cable_that_is_cut_and_healed_costs_its_time_and_no_request(kernel, kind):
    """Short enough for the rules of all kinds: TCP sends again, and a card tries for half a second."""
    described = swapping(kind, kernel)
    heap = Stream(kind="uniform", params={"size": 32 * MiB, "accesses": 20_000, "write_fraction": 0.5})
    cut = Stream(kind="cable", params={"link": "lan", "cut": 200 * MS, "outage": 300 * MS})
    tasks = {"t": replace(described.tasks["t"], stream=heap), "cable": Task(stream=cut)}
    host = replace(described.machine, nodes=machine(48, cpus=2).nodes, swap={
        "s": replace(described.machine.swap["s"], size=256 * MiB)})  # fmt: skip
    done = run(replace(described, machine=host, tasks=tasks))
    found = done.metrics
    assert found["accesses"] == 40_000
    assert found["netswap_errors"] == found["swap_sigbus"] == found["died"] == 0 and found["elapsed_ns"] >= 500 * MS
    assert sessions(done.m)[0].state == UP and found["pswpin"] > 0
    whole(done)


@pytest.mark.parametrize(
    ("kind", "kernel", "more", "after"),
    [
        ("nbd", "6.18", {"timeout": 2 * S}, 2 * S),
        ("nbd", "6.18", {"timeout": S, "dead_conn_timeout": 2 * S}, 3 * S),
        ("nfs", "6.18", {"soft": True, "timeo": S, "retrans": 1}, S),
        ("iscsi", "6.18", {"nop_interval": S, "nop_timeout": S, "replacement_timeout": 3 * S}, 4 * S),
    ],
)
def test_silence_ends_in_errors_as_each_transport_says(kind, kernel, more, after):
    done = run(replace(swapping(kind, kernel, stop_from=40 * MS, **more), duration=8 * S))
    found = done.metrics
    assert found["netswap_errors"] > 0 and after < found["elapsed_ns"]
    assert found["swap_sigbus"] > 0 or kind == "nfs", "there nobody has come to a read yet: reclaimers write in vain"
    whole(done)


@pytest.mark.parametrize("kernel", ["3.6", "6.18"])
def test_an_only_connection_of_nbd_is_waited_for_for_ever(kernel):
    done = run(replace(swapping("nbd", kernel, stop_from=40 * MS), duration=30 * S))
    assert done.metrics["netswap_errors"] == 0 and done.metrics["accesses"] < 18_000 and sessions(done.m)[0].state == UP


def test_far_memory_takes_a_round_trip_and_its_wire():
    """One page read at a time: 88 and 4,154 bytes on the wire, half a round trip twice, the far card's time."""
    target = SwapTarget(kind="rdma", link="lan", size=64 * MiB, protocol=2 * US)
    host = machine(8, links={"lan": Link(bandwidth=10 * GBIT_S, rtt=4 * US)}, swap={"s": target})
    done = run(one("6.18", host, Region(size=16 * MiB), policy={}), writes([*range(4096), *range(64)]))
    bytes_ps = 800
    least = 88 * bytes_ps // 1000 + 2 * US + 2 * US + 4154 * bytes_ps // 1000 + 2 * US
    assert done.metrics["pswpin"] > 0 and done.metrics["netswap_read_p50_ns"] >= least * 7 // 8
    whole(done)


def test_a_servers_cache_keeps_what_was_used_last_and_a_fifth_of_it_dirty():
    cell = swapping("nbd", server_cache=100 * PAGE)
    built = machine_of(cell)
    m, server = built.memory.m, sessions(built.memory.m)[0]
    first = int(server.first_block)
    assert server.kind == SWAP_NBD and cached_read(m, 0, first, 4, 0) > 100 * US, "from the disk"
    assert cached_read(m, 0, first, 4, 0) == 0, "from its memory"
    for block in range(100, 120):
        assert cached_write(m, 0, first + block, 1, S) == S and server.nr_dirty <= 20
    before = int(server.nr_dirty)
    assert 0 < before <= 20 and server.lru.n == 24
    cached_read(m, 0, first + 200, 100, 2 * S)
    assert server.lru.n == 100 and cached_read(m, 0, first, 1, 3 * S) > 3 * S, "gone for others"


@pytest.mark.parametrize(("kernel", "sync"), [("3.6", True), ("3.6", False), ("6.18", True)])
def test_a_file_server_answers_once_the_inode_is_in_the_journal_and_shares_commits(kernel, sync):
    done = run(swapping("nfs", kernel, server_cache=8 * MiB, sync=sync))
    server, found = sessions(done.m)[0], done.metrics
    assert found["accesses"] == 18_000 and (server.nr_dirty == 0 or not sync)
    if not sync:
        assert server.commits == 0 and server.nr_dirty > 0
        return
    data = found["disk.server.writes"] - server.commits
    assert found["disk.server.pages_written"] == found["pswpout"] + 3 * server.commits
    assert 0 < server.commits < data and server.committed == server.transaction == server.commits
    assert found["netswap_write_p50_ns"] > 2 * 50 * US


@settings(max_examples=6, deadline=None)
@over(
    st.sampled_from(["nbd", "nfs", "iscsi", "rdma"]), st.sampled_from(["3.1", "3.6", "5.15", "6.18"]),
    st.integers(1, 60), st.integers(1, 400), st.integers(1, 60), st.integers(1, 2_000),
    st.sampled_from(["none", "all"]),
)  # fmt: skip
def test_no_request_is_lost_whatever_happens_to_the_server(kind, kernel, stops, stopped, crashes, crashed, reserves):
    area = {"stop_from": stops * MS, "stop_until": (stops + stopped) * MS, "crash_from": crashes * MS,
            "crash_until": (crashes + crashed) * MS}  # fmt: skip
    cell = swapping(kind, kernel, accesses=6_000, **area)
    done = run(replace(cell, duration=5 * S, policy={"swap_reserves": Variant(variant=reserves)}))
    whole(done)
    assert done.metrics["pswpin"] <= done.metrics["pswpout"] + done.metrics["swap_ra"]


def test_cards_and_servers_wait_for_no_cpu_and_the_ring_is_there_before_tasks_run():
    """Three tasks share a CPU: frames are taken while they run, and what serves the link took its memory at boot."""
    described = swapping("nbd", "3.6")
    heaps = {"t": replace(described.tasks["t"], count=3)}
    shared = replace(described.machine, nodes=machine(16, cpus=1).nodes)
    done = run(replace(described, tasks=heaps, machine=shared))
    entities, actors = done.built.memory.table("entities"), done.built.memory.table("actors")
    assert actors["apart"].sum() >= 5 and (entities["sum_exec"][actors["apart"] > 0] == 0).all()
    assert done.metrics["stall_cpu_ns"] > 0 < done.metrics["rx_packets"]
    assert done.metrics["alloc_rx_buff_failed"] == 0 and done.metrics["rx_ring_posted"] > 256
