"""What is told of disks."""

import numpy as np

from mmrun.model.block.settings import OF_ALL_DISKS
from mmrun.model.block.state import DISK_GENERIC, disks, requests, write_caches
from mmrun.model.core.record import NONE
from mmrun.model.counters import DISK_COUNTERS
from mmrun.model.machine.built import Built


def metrics(built: Built) -> dict[str, int]:
    """`disk.<name>.<metric>` of every disk; a stripe's are the sums of its members'."""
    rows, servers, found = disks(built.memory.m), built.memory.table("servers"), {}
    end = latest(built)
    for number, name in enumerate(built.disks):
        parts = [int(member) for member in rows[number].members[: int(rows[number].nr_members)]] or [number]
        for metric in DISK_COUNTERS:
            found[f"disk.{name}.{metric}"] = sum(int(rows[part][metric]) for part in parts)
        found[f"disk.{name}.busy_ns"] = sum(served_ns(rows[part], servers, end) for part in parts)
        for part in parts:
            if rows[part].kind == DISK_GENERIC:
                used = servers[int(rows[part].first_server) : int(rows[part].first_server + rows[part].parallel)]
                found[f"disk.{name}.wait_ns"] += int(used["wait_ns"].sum())
    own = [name for name, disk in built.cell.machine.disks.items() if disk.kind != "stripe"]
    found |= {metric: sum(found[f"disk.{name}.{metric}"] for name in own) for metric in OF_ALL_DISKS}
    return found


def for_flushes(m) -> list[int]:
    """The requests that wait for a flush, of this one or the next."""
    rows, found = requests(m), []
    for cache in write_caches(m):
        for waiting in (cache.pending, cache.running):
            number = int(waiting.head) if waiting.n else NONE
            while number != NONE:
                found.append(number)
                number = int(rows[number].next)
    return found


def latest(built: Built) -> int:
    """The latest time that anybody has come to."""
    return max(int(built.memory.m.now), int(built.memory.table("tasks")["time"].max()))


def served_ns(disk: np.record, servers: np.ndarray, until: int) -> int:
    """How long a disk has served until then, of several servers the mean; requests are booked when they are made."""
    if disk.kind == DISK_GENERIC:
        used = servers[int(disk.first_server) : int(disk.first_server + disk.parallel)]
        return sum(_past(row.busy_ns, row.free_at, until) for row in used) // int(disk.parallel)
    return _past(disk.busy_ns, disk.busy_until, until)


def _past(busy: int, booked: int, until: int) -> int:
    return max(0, int(busy) - max(0, int(booked) - until))
