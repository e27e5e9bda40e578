"""Sockets without TCP: rows that are charged for memory, and flows of messages between CPUs that do nothing else."""

import heapq
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from mmrun.model import build as building
from mmrun.model.build import Built
from mmrun.model.core.record import NONE
from mmrun.model.core.state import turn
from mmrun.model.description import Cell, Cgroup, Machine, Node, Sysctl, Task, Variant
from mmrun.model.net.tcp.state import ESTABLISHED, socks
from mmrun.model.net.tcp_mem import place
from mmrun.model.net.tcp_mem.sock import (
    init_sock_memory,
    sk_mem_charge,
    sk_mem_reclaim,
    sk_mem_uncharge,
    sk_rmem_schedule,
    sk_wmem_schedule,
)
from mmrun.model.net.tcp_mem.state import tcp_mem_settings
from mmrun.model.units import MiB
from tests.model.cells import given, machine_of

MARKS = {"tcp_mem_min": 300, "tcp_mem_pressure": 400, "tcp_mem_max": 600}


def sockets(
    kernel: str, count: int, groups: dict[str, Cgroup] | None = None, group: str | None = None, nodes: int = 1,
    cpus: int = 1, vm: dict[str, int] | None = None, policy: dict[str, Variant] | None = None, **more: Any,
) -> Built:  # fmt: skip
    """A machine with `count` sockets of this machine, in a group if it is named."""
    host = Machine(nodes=tuple(Node(memory=64 * MiB, cpus=cpus) for _ in range(nodes)))
    tasks: dict[str, Task] = {"t": given(cgroup=group)}
    marks = Sysctl(**(MARKS if vm is None else vm))
    cell = Cell(kernel=kernel, machine=host, tasks=tasks, cgroups=groups or {}, vm=marks,
                policy=policy or {}, **more)  # fmt: skip
    sizes = building.table_rows
    with (
        patch.object(place, "has_sockets", lambda _: True),
        patch.object(building, "table_rows", lambda plan: {**sizes(plan), "socks": count, "skbs": 1}),
    ):
        built = machine_of(cell)
    turn(built.memory.m).task = NONE
    for sk in range(count):
        row = socks(built.memory.m)[sk]
        row.here, row.state, row.memcg = 1, ESTABLISHED, built.cgroups.index(group or "")
        init_sock_memory(built.memory.m, sk)
    return built


@dataclass
class Flow:
    """A sender and a receiver, each on a CPU of its own; messages between them, and when the receiver has each."""

    sender: int
    receiver: int
    pages: int
    sent: int = 0
    read: int = 0
    arrived: list[int] = field(default_factory=list)


def stream(built: Built, flows: int, nbytes: int, base: int, until: int, window: int = 64) -> float:
    """Messages a flow and second over `flows` loopback connections whose only shared things are counters.

    A sender takes `base` ns for a message of `nbytes`, with the packet's way through the receiver's queue; a receiver
    the same for reading it and for the acknowledgement, which frees what the sender has queued. At most `window`
    messages are on their way. Both ends of flow i are sockets 2i and 2i + 1, on CPUs 2i and 2i + 1. Each CPU's clock
    goes on by what it did; the one that is behind is next.
    """
    m = built.memory.m
    each = [Flow(2 * i, 2 * i + 1, nbytes) for i in range(flows)]
    behind = [(0, cpu) for cpu in range(2 * flows)]
    heapq.heapify(behind)
    while behind:
        now, cpu = heapq.heappop(behind)
        flow = each[cpu // 2]
        m.now, turn(m).cpu = now, cpu
        if cpu == flow.sender:
            if flow.sent - flow.read >= window:
                heapq.heappush(behind, (now + base, cpu))
                continue
            m.now += base
            assert sk_wmem_schedule(m, flow.sender, nbytes) and sk_rmem_schedule(m, flow.receiver, 0, nbytes)
            sk_mem_charge(m, flow.sender, nbytes)
            sk_mem_charge(m, flow.receiver, nbytes)
            flow.sent += 1
            flow.arrived.append(int(m.now))
        elif flow.read == flow.sent or flow.arrived[flow.read] > now:
            at = flow.arrived[flow.read] if flow.read < flow.sent else now + base // 4
            heapq.heappush(behind, (at, cpu))
            continue
        else:
            m.now += base
            for sk in (flow.receiver, flow.sender):
                sk_mem_uncharge(m, sk, nbytes)
                if not tcp_mem_settings(m).sk_gives_back_at_once:
                    sk_mem_reclaim(m, sk)
            flow.read += 1
        if m.now < until:
            heapq.heappush(behind, (int(m.now), cpu))
    return sum(flow.read for flow in each) / flows / (until / 1e9)
