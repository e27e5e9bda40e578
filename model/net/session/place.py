"""Sessions of a machine record: one for each swap area on a server."""

from typing import Any

import numpy as np

from mmrun.model.block.place import IN_FLIGHT, client_of, clients
from mmrun.model.block.settings import Iscsi, Nbd, NetworkSwap, NfsSwap, ServedSwap
from mmrun.model.block.state import disks
from mmrun.model.core.actors import NEVER
from mmrun.model.core.jit import Hook
from mmrun.model.core.record import NONE
from mmrun.model.eras import era
from mmrun.model.machine.built import Built, Plan
from mmrun.model.mm.page.gfp import GFP_ATOMIC, GFP_NOIO, MEMALLOC
from mmrun.model.mm.swap.place import KINDS
from mmrun.model.mm.swap.state import swaps
from mmrun.model.net.session.outages import outages
from mmrun.model.net.session.requests import queue_rq
from mmrun.model.net.session.settings import SOCKETS
from mmrun.model.net.session.state import sessions
from mmrun.model.net.tcp.place import first_pair, open_pair

# Bytes of a request and its answer without data, of reads and writes. NBD: struct nbd_request, nbd_reply. iSCSI: a
# basic header segment. NFS: RPC and NFSv3 headers of READ and WRITE (estimates).
HEADERS = {"nbd": ((28, 28), (16, 16)), "iscsi": ((48, 48), (48, 48)), "nfs": ((140, 150), (128, 130)),
           "rdma": ((0, 0), (0, 0))}  # fmt: skip
PROTOCOL_NS = {"nbd": 10_000, "iscsi": 30_000, "nfs": 100_000, "rdma": 1_000}  # NetworkSwap.protocol
PINGS = 2  # requests of a session that are none of the block layer's


def sockets(plan: Plan) -> list[str | None]:
    """The link of each connection, in the order of the areas."""
    return [area.link for area in clients(plan.cell.machine).values() if area.kind in SOCKETS]


def tags(area: NetworkSwap) -> int:
    """Requests that a session has room for."""
    return IN_FLIGHT[area.kind] + PINGS


def rows(plan: Plan) -> dict[str, int]:
    """How many rows each table has."""
    areas = clients(plan.cell.machine).values()
    return {"sessions": len(areas), "rqs_of_sessions": sum(map(tags, areas))}


def for_each(plan: Plan, kind: str, threads: tuple[Hook, ...]) -> dict[str, int]:
    """One of each thread for every area of a kind; none where there is no area."""
    count = sum(area.kind == kind for area in clients(plan.cell.machine).values())
    return {str(thread.per): count for thread in threads} if count else {}


def actors(plan: Plan) -> dict[str, int]:
    """Who makes servers stop and crash."""
    areas = clients(plan.cell.machine)
    return {"outages": len(areas)} if areas else {}


def hooks(plan: Plan) -> tuple[Hook, ...]:
    """The hooks that no variant defines."""
    return (queue_rq, outages) if clients(plan.cell.machine) else ()


def place(built: Built) -> None:
    """Fill the rows of sessions, their requests and their connections."""
    machine, m, first = built.cell.machine, built.memory.m, 0
    pair = first_pair(built.plan, "net.session")
    table, links = built.memory.table("rqs_of_sessions"), list(machine.links)
    for s, (name, area) in enumerate(clients(machine).items()):
        row, client, count = sessions(m)[s], disks(m)[client_of(machine, name)], tags(area)
        client.session = s
        row.disk, row.link, row.kind = client_of(machine, name), links.index(area.link), KINDS.index(area.kind)
        for each in row.lists:
            each.head = each.tail = NONE
        table["next"][first : first + count] = np.arange(first + 1, first + count + 1)
        row.free_rq, row.nr_rqs = first, count
        first += count
        row.server, row.first_block = client.server, swaps(m)[built.swaps.index(name)].first_block
        row.protocol = PROTOCOL_NS[area.kind] if area.protocol is None else area.protocol
        row.call[:], row.reply[:] = HEADERS[area.kind]
        row.half = row.daemon = NONE
        row.outage[:] = [NEVER if at is None else at for at in (
            area.stop_from, area.stop_until, area.crash_from, area.crash_until,
        )]  # fmt: skip
        row.sockets = int(area.kind in SOCKETS)
        if row.sockets:
            row.sock, row.far = open_pair(built, pair, nodelay=True)
            pair += 1
            _rules(row, area, era(built.cell.kernel).flags, area.kind in built.modules["swap_reserves"].TAGGED.split())


def _rules(row: Any, area: NetworkSwap, flags: Any, tagged: bool) -> None:
    """What threads and sockets of the kind may do, and how long it waits."""
    row.tagged = int(tagged)
    row.gfp = (GFP_NOIO if area.kind == "nbd" else GFP_ATOMIC) | (MEMALLOC if tagged else 0)
    row.memalloc = int(tagged and (area.kind != "nfs" or flags["rpc_noreclaim"]))
    row.connects_memalloc = int(tagged and flags["rpc_connects_noreclaim"])
    row.by_page = int(area.kind == "iscsi" or (area.kind == "nfs" and not flags["rpc_copies"]))
    row.through = int(area.kind != "nbd")
    if isinstance(area, Nbd):
        row.timeout, row.dead_conn, row.timed = area.timeout, area.dead_conn_timeout, int(area.timeout > 0)
    elif isinstance(area, NfsSwap):
        row.soft, row.timeo, row.retrans, row.timed = int(area.soft), area.timeo, area.retrans, 1
        row.through, row.journal = int(area.sync), int(area.sync and area.server_cache > 0 and row.server != NONE)
    elif isinstance(area, Iscsi):
        row.replacement, row.nop_interval, row.nop_timeout = (
            area.replacement_timeout, area.nop_interval, area.nop_timeout,
        )  # fmt: skip
    assert isinstance(area, ServedSwap)
