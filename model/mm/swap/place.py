"""Swap areas of a machine record."""

from mmrun.model.block.place import client_of
from mmrun.model.block.settings import Disk, NetworkSwap, Stripe, Zram, given
from mmrun.model.block.state import disks
from mmrun.model.core.record import NONE
from mmrun.model.description import Machine, SwapTarget
from mmrun.model.eras import era
from mmrun.model.machine.built import Built, Plan
from mmrun.model.mm.swap.state import FIRST_HITS, ORDERS, swap_ra, swap_settings, swaps
from mmrun.model.units import PAGE

KINDS = ("partition", "zram", "nbd", "nfs", "iscsi", "rdma")


def rows(plan: Plan) -> dict[str, int]:
    """How many rows each table has."""
    return {
        "swaps": len(plan.cell.machine.swap),
        "swapcache": plan.swap,
        "swapmap": plan.swap,
        "zram_stored": plan.swap,
        "row_clusters": len(plan.cell.machine.swap) * ORDERS,
    }


def place(built: Built) -> None:
    """Fill the rows of swap areas; times in ns."""
    machine, m = built.cell.machine, built.memory.m
    cluster = era(built.cell.kernel).flags["swap_cluster"]
    first, taken = 0, dict[str, int]()
    for n, (name, target) in enumerate(machine.swap.items()):
        row = swaps(m)[n]
        row.first, row.nslots = first, target.size // PAGE
        row.kind, row.priority = KINDS.index(target.kind), target.priority
        row.cluster_next = row.cluster_end = first
        row.cluster = min(cluster, max(1, int(row.nslots)))
        if disk := given(target, "disk"):  # areas fill their disk from its end
            row.disk = built.disks.index(disk)
            taken[disk] = taken.get(disk, 0) + int(row.nslots)
            row.first_block = max(0, int(disks(m)[int(row.disk)].nr_blocks) - taken[disk])
        if isinstance(target, NetworkSwap):
            row.disk = client_of(machine, name)
        row.stored_bytes = max(1, int(PAGE / target.compression_ratio)) if isinstance(target, Zram) else PAGE
        row.pool, row.pool_node = NONE, 0
        if isinstance(target, Zram):
            row.out_ns, row.in_ns = target.compress, target.decompress
        first += int(row.nslots)
    swap_settings(m).total_swap = first
    by_vma = built.modules["swap_readahead"].BY_VMA
    swap_settings(m).swap_by_vma = int(by_vma and not any(_rotates(machine, area) for area in machine.swap.values()))
    swap_ra(m).hits, swap_ra(m).prev = FIRST_HITS, NONE


def _rotates(machine: Machine, target: SwapTarget) -> bool:
    """Whether swapon takes the area for a rotating one: all that is not known to be solid-state (nr_rotate_swap).

    NFS has no block device that could tell; NBD and RDMA say they do not rotate, iSCSI what its disk says.
    """
    if isinstance(target, Zram) or target.kind in ("nbd", "rdma"):
        return False
    disk = given(target, "disk")
    return target.kind == "nfs" or (disk is not None and _disk_rotates(machine, machine.disks[disk]))


def _disk_rotates(machine: Machine, disk: Disk) -> bool:
    if isinstance(disk, Stripe):
        return any(_disk_rotates(machine, machine.disks[member]) for member in disk.members)
    return disk.kind in ("hdd", "usb")
