"""What is told of disks."""

from mmrun.model.block.settings import OF_ALL_DISKS
from mmrun.model.block.state import DISK_GENERIC, disks
from mmrun.model.counters import DISK_COUNTERS
from mmrun.model.machine.built import Built


def metrics(built: Built) -> dict[str, int]:
    """`disk.<name>.<metric>` of every disk; a stripe's are the sums of its members'."""
    rows, servers, found = disks(built.memory.m), built.memory.table("servers"), {}
    for number, name in enumerate(built.disks):
        parts = [int(member) for member in rows[number].members[: int(rows[number].nr_members)]] or [number]
        for metric in DISK_COUNTERS:
            found[f"disk.{name}.{metric}"] = sum(int(rows[part][metric]) for part in parts)
        for part in parts:
            if rows[part].kind == DISK_GENERIC:
                used = servers[int(rows[part].first_server) : int(rows[part].first_server + rows[part].parallel)]
                found[f"disk.{name}.busy_ns"] += int(used["busy_ns"].sum()) // int(rows[part].parallel)
                found[f"disk.{name}.wait_ns"] += int(used["wait_ns"].sum())
    own = [name for name, disk in built.cell.machine.disks.items() if disk.kind != "stripe"]
    found |= {metric: sum(found[f"disk.{name}.{metric}"] for name in own) for metric in OF_ALL_DISKS}
    return found
