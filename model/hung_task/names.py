"""Whom and what a report calls how: actors by kind, disks, and who serves a swap area on a server."""

import numpy as np

from mmrun.model.core.actor import kinds
from mmrun.model.core.state import actors
from mmrun.model.machine.built import Built
from mmrun.model.mm.swap.state import SWAP_ISCSI, SWAP_NBD, SWAP_NFS, SWAP_RDMA, swaps
from mmrun.model.net.session.state import sessions

THREADS = {
    SWAP_NBD: ("nbd", "nbd_client"), SWAP_NFS: ("rpciod", "xprt_receiver"), SWAP_RDMA: ("rdma",),
    SWAP_ISCSI: ("iscsi_q", "iscsi_receiver", "iscsid"),
}  # fmt: skip
"""Kinds of actors: who sends the requests of an area, who takes the answers, who logs in again."""


def of_kind(built: Built, per: str) -> list[int]:
    """The actors of a kind, by the number of what they are for."""
    kind = kinds(built.plan.actors).index(per)
    return [int(who) for who in np.flatnonzero(actors(built.memory.m)["kind"] == kind)]


def disk_name(built: Built, disk: int) -> str:
    """A disk's name; of a client's end of a swap area on a server, the area's."""
    if disk < len(built.disks):
        return built.disks[disk]
    return next((built.swaps[a] for a, area in enumerate(swaps(built.memory.m)) if area.disk == disk), f"disk {disk}")


def threads_of(built: Built, disk: int) -> tuple[int, ...]:
    """The actors that serve a swap area on a server, by the row of its client; none of a disk."""
    rows = sessions(built.memory.m)
    for s, row in enumerate(rows):
        if row.disk == disk and int(row.kind) in THREADS:
            number = sum(int(other.kind == row.kind) for other in rows[:s])
            return tuple(of_kind(built, per)[number] for per in THREADS[int(row.kind)])
    return ()
