"""Laws of devices, in plain numpy: nobody serves more than there is time for, and no queue is longer than it may be."""

from collections.abc import Iterator

import numpy as np

from mmrun.model.block.place import clients
from mmrun.model.block.report import latest, served_ns
from mmrun.model.block.state import DISK_NFS, DISK_REMOTE, DISK_STRIPE, block_state, disks, write_caches
from mmrun.model.core.law import require
from mmrun.model.machine.built import Built
from mmrun.model.machine.state import geometry


def verify(built: Built, seen: np.ndarray) -> None:
    """Check every law; Violation names all that do not hold."""
    found = violations(built)
    require(not found, lambda: "; ".join(found))


def violations(built: Built) -> list[str]:
    """What does not hold, in words."""
    return [*_servers(built), *_disks(built), *_flushes(built)]


def _servers(built: Built) -> Iterator[str]:
    """Locks, memory channels, links, flash: each serves one after the other, so not for longer than until its end."""
    rows, now = built.memory.table("servers"), latest(built)
    until = np.maximum(rows["free_at"], now)
    for number in np.flatnonzero((rows["busy_ns"] > until) | (rows["busy_ns"] < 0) | (rows["wait_ns"] < 0)):
        yield f"server {number} was busy for {rows['busy_ns'][number]} of {until[number]} ns"


def _disks(built: Built) -> Iterator[str]:
    machine, m, now = built.cell.machine, built.memory.m, latest(built)
    rows = disks(m)[: len(machine.disks) + len(clients(machine))]
    for number, disk in enumerate(rows):
        if disk.kind == DISK_STRIPE:
            continue
        served = served_ns(disk, built.memory.table("servers"), now)
        if served > now:
            yield f"disk {number} served for {served} of {now} ns"
        most = max(most_requests(built, disk), int(disk.wbt * disk.nr_requests))
        if not 0 <= disk.nr_sync <= disk.nr_allocated <= most + disk.nr_sync:
            yield f"disk {number} has {disk.nr_allocated} writes, it may have {most}"
        on_their_way = disk.announced if disk.kind == DISK_REMOTE else disk.nr_drive
        if on_their_way > max(disk.depth, 0):
            yield f"disk {number} was given {on_their_way} requests at once, it takes {disk.depth}"


def _flushes(built: Built) -> Iterator[str]:
    """What is on the medium was accepted before, and nobody waits for a flush that does not come."""
    for disk, cache in enumerate(write_caches(built.memory.m)):
        if not cache.durable <= cache.accepted <= block_state(built.memory.m).sequence:
            yield f"disk {disk} has {cache.durable} of {cache.accepted} writes on the medium"
        if cache.pending.n and not cache.flushing and not cache.data_steps:
            yield f"{cache.pending.n} requests wait for a flush of disk {disk}, none is under way"


def most_requests(built: Built, disk: np.record) -> int:
    """How many writes a disk may have: those of its queue, half as many more for who has a batch; of files, pages."""
    if disk.kind == DISK_NFS or disk.most_writes.max() > geometry(built.memory.m).nr_frames:
        return int(geometry(built.memory.m).nr_frames)
    return int(disk.nr_requests) * 3 // 2 if disk.batching else int(disk.most_writes.max())
