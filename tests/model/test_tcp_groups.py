"""Socket memory of groups in whole runs: reclaim at memory.max, who dies of it, a greedy group beside a quiet one."""

import pytest

from mmrun.model.description import Cell, Cgroup, Link, Machine, Node, Region, Stream, Task
from mmrun.model.units import GBIT_S, MS, US, KiB, MiB
from tests.model.cells import OWN_CPUS, Run, run

HOST = Machine(nodes=(Node(cpus=4, memory=256 * MiB),), links={"wan": Link(bandwidth=10 * GBIT_S, rtt=1000 * US)})


def end(group: str, start: int = 0, **params: object) -> Task:
    """A task at one end of connections."""
    return Task(stream=Stream(kind="netstream", params=params), cgroup=group, start=start)


def unread(group: str, connections: int) -> dict[str, Task]:
    """Connections of which nothing is read, both ends in the group."""
    both = {"flow": "unread", "connections": connections, "message": 64 * KiB, "bytes": 64 * MiB}
    return {
        "greedy": end(group, role="send", nowait=True, **both),
        "reader": end(group, role="receive", stall=10**10, **both),
    }


def test_a_sender_at_its_groups_limit_reclaims_the_groups_cache():
    """10 MiB of a file fill a group of 12 MiB; sockets that want 4 MiB more take them from it."""
    cache = Task(stream=Stream(kind="loop", params={"size": 10 * MiB, "accesses": 2560}), cgroup="g", stays=True,
                 memory=(Region(kind="file", access="read"),))  # fmt: skip
    tasks = {"cache": cache, "greedy": end("g", 20 * MS, role="send", message=64 * KiB, bytes=64 * MiB, connections=8,
                                           nowait=True, sndbuf=212_992)}  # fmt: skip
    cell = Cell(kernel="6.12", cgroup_version="v2", machine=HOST, tasks=tasks, duration=60 * MS, policy=OWN_CPUS,
                cgroups={"g": Cgroup(max=12 * MiB)})  # fmt: skip
    told = run(cell).metrics
    assert told["outcome"] == "ok" and told["cgroup.g.sock"] > 600
    assert told["cgroup.g.pgsteal"] > 50 and told["cgroup.g.usage_pages"] <= 12 * 256
    assert told["cgroup.g.sock"] + told["cgroup.g.file"] <= told["cgroup.g.usage_pages"]


def test_who_has_nothing_but_sockets_dies_at_the_limit():
    """Socket memory cannot be reclaimed: charges of senders end with the out-of-memory killer."""
    cell = Cell(kernel="6.12", cgroup_version="v2", machine=HOST, tasks=unread("g", 32), duration=60 * MS,
                policy=OWN_CPUS, cgroups={"g": Cgroup(max=4 * MiB)})  # fmt: skip
    told = run(cell).metrics
    assert told["outcome"] == "oom" and told["cgroup.g.oom_kill"] >= 1 and told["cgroup.g.events_oom"] >= 1


def beside(kernel: str, quiet: Cgroup, greedy: Cgroup, version: str, connections: int = 128) -> Run:
    """A stream from 10 Gbit/s and a millisecond away, for 60 ms, beside a group that leaves its sockets full."""
    tasks = {"quiet": end("quiet", 40 * MS, role="receive", link="wan", message=64 * KiB, bytes=1 << 34)}
    cell = Cell(kernel=kernel, cgroup_version=version, machine=HOST, tasks=tasks | unread("greedy", connections),
                duration=100 * MS, policy=OWN_CPUS, cgroups={"quiet": quiet, "greedy": greedy})  # fmt: skip
    return run(cell, check=False)


@pytest.mark.parametrize(
    "kernel, version, quiet, greedy",
    [
        ("4.4", "v1", Cgroup(kmem_tcp_limit=64 * MiB), Cgroup(kmem_tcp_limit=4 * MiB)),
        ("6.12", "v2", Cgroup(), Cgroup(high=4 * MiB)),
    ],
)
def test_with_limits_a_greedy_group_no_longer_costs_a_quiet_one(
    kernel: str, version: str, quiet: Cgroup, greedy: Cgroup
):
    alone, without, within = (
        beside(kernel, *groups, version, connections).metrics
        for connections, *groups in ((1, Cgroup(), Cgroup()), (128, Cgroup(), Cgroup()), (128, quiet, greedy))
    )
    received = [told["cgroup.quiet.tcp_received"] for told in (alone, without, within)]
    assert received[1] < received[0] / 10, received
    assert received[2] > 0.95 * received[0], received
    assert without["TCPMemoryPressures"] == 1
