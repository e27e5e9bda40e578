"""Disks and links of a machine record."""

from collections.abc import Mapping
from math import isqrt
from typing import Any

from mmrun.model.block.defaults import allocation_of, disk_value
from mmrun.model.block.nfs import WSIZE_PAGES
from mmrun.model.block.settings import Drive, Flash, Hdd, NetworkSwap, Nfs, Queued, Stripe, Usb, given
from mmrun.model.block.state import (
    DISK_GENERIC,
    DISK_HDD,
    DISK_NFS,
    DISK_REMOTE,
    DISK_STRIPE,
    DISK_USB,
    MAX_IO,
    WRITEPAGE_IGNORES,
    WRITEPAGE_KSWAPD,
    WRITEPAGE_WRITES,
    block_settings,
    disks,
    elevators,
    wbts,
    write_caches,
)
from mmrun.model.block.wbt import WINDOW_NS
from mmrun.model.core.actors import NEVER
from mmrun.model.core.record import NONE
from mmrun.model.description import Disk, Machine
from mmrun.model.eras import era
from mmrun.model.fs.vfs.place import KINDS, is_stable
from mmrun.model.machine.built import Built, Plan, Servers
from mmrun.model.machine.state import geometry
from mmrun.model.machine.state import links as links_of
from mmrun.model.mm.writeback import extents
from mmrun.model.units import PAGE, KiB, S

_DISKS = {
    "generic": DISK_GENERIC, "sata-ssd": DISK_GENERIC, "optane": DISK_GENERIC,
    "nvme": DISK_GENERIC, "emmc": DISK_GENERIC, "virtio": DISK_GENERIC,
    "hdd": DISK_HDD, "usb": DISK_USB,
    "stripe": DISK_STRIPE, "nfs": DISK_NFS,
}  # fmt: skip
_ALLOCATIONS = {
    "fixed": extents.FIXED, "xfs": extents.XFS, "ext4": extents.EXT4, "btrfs": extents.BTRFS, "ext3": extents.EXT3,
}  # fmt: skip
_REPLIES = {
    "writes": WRITEPAGE_WRITES, "kswapd": WRITEPAGE_KSWAPD, "ignores": WRITEPAGE_IGNORES,
}  # fmt: skip
BLKDEV_MAX_RQ, RWB_DEPTH = 128, 16
SATA_TAGS, NVME_TAGS = 64, 1023  # twice the depth with a scheduler; a queue's own depth without
USB_SECTORS_KIB = 120  # max_sectors 240 of usb-storage
IN_FLIGHT = {"nbd": 128, "iscsi": 32, "nfs": 64, "rdma": 128}  # requests on their way to a server, see remote.py
FUA, QUEUED, LAZY = ("nvme", "emmc"), ("nvme", "emmc", "virtio"), ("virtio",)  # libata leaves FUA off
BIOS = 8  # that an actor may have sent and not waited for, in the mean
SWAP_CLUSTER_MAX = 32  # pages of a write to a swap file since 5.19 (swap_writepage_fs)


def clients(machine: Machine) -> dict[str, NetworkSwap]:
    """The swap areas on servers: each has a row behind those of the machine's disks, the client's end."""
    return {name: area for name, area in machine.swap.items() if isinstance(area, NetworkSwap)}


def client_of(machine: Machine, area: str) -> int:
    """The row of an area's client."""
    return len(machine.disks) + list(clients(machine)).index(area)


def rows(plan: Plan) -> dict[str, int]:
    """How many rows each table has."""
    number = len(plan.cell.machine.disks) + len(clients(plan.cell.machine))
    return {
        "disks": number,
        "write_caches": number,
        "elevators": number,
        "wbts": number,
        "bios": BIOS * sum(plan.actors.values()),
        "batches": sum(plan.actors.values()),
        "io": MAX_IO,
        "requests": MAX_IO,
    }


def servers(plan: Plan) -> int:
    """Two directions of each link; of a disk of fixed service time what serves at once, and its interface."""
    flash = [disk for disk in plan.cell.machine.disks.values() if isinstance(disk, Flash)]
    return 2 * len(plan.cell.machine.links) + sum(disk_value(disk, "parallel") + 1 for disk in flash)


def place(built: Built) -> None:
    """Fill the rows of disks and links; times in ns, times per page in ps."""
    machine, m, servers = built.cell.machine, built.memory.m, built.servers
    for d, disk in enumerate(machine.disks.values()):
        _disk(built, disks(m)[d], disk, servers)
        if isinstance(disk, Drive):
            _cache(write_caches(m)[d], disks(m)[d], disk)
    _elevators(built)
    for d, disk in enumerate(machine.disks.values()):
        if isinstance(disk, Stripe):  # what is sent at a time is a request of one member, or of two, as md splits it
            row, members = disks(m)[d], [disks(m)[built.disks.index(name)] for name in disk.members]
            row.max_pages = min([int(row.chunk), *(int(each.max_pages) for each in members if each.max_pages)])
    for name, area in clients(machine).items():
        _client(built, disks(m)[client_of(machine, name)], area)
    for n, link in enumerate(machine.links.values()):
        row = links_of(m)[n]
        row.server_out, row.server_in, row.rtt = servers.take(), servers.take(), link.rtt
        payload, frame = link.mtu - 52, link.mtu + 38  # TCP/IP headers with timestamps; Ethernet framing and gap
        row.page_ps = PAGE * 10**12 * frame // (link.bandwidth * payload)


def _disk(built: Built, row, disk: Disk, servers: Servers) -> None:
    row.kind = _DISKS[disk.kind]
    row.read_ns, row.write_ns = disk_value(disk, "read_latency"), disk_value(disk, "write_latency")
    row.read_page_ps = PAGE * 10**12 // disk_value(disk, "read_bandwidth")
    row.write_page_ps = PAGE * 10**12 // disk_value(disk, "write_bandwidth")
    row.nr_blocks, row.writepage = disk.size // PAGE, _REPLIES[disk.writepage]
    row.allocation = _ALLOCATIONS[allocation_of(disk)]
    row.fs = KINDS[disk.file_system.kind if disk.file_system else "none"]
    row.stable = is_stable(built.cell.kernel, disk.file_system)
    row.fail_from, row.fail_until = _window(given(disk, "fail_from"), given(disk, "fail_until"))
    row.stall_from, row.stall_until = _window(given(disk, "stall_from"), given(disk, "stall_until"))
    if isinstance(disk, Stripe):
        row.nr_members, row.chunk = len(disk.members), disk.chunk // PAGE
        row.members[: len(disk.members)] = [built.disks.index(member) for member in disk.members]
        row.nr_blocks = sum(built.cell.machine.disks[member].size for member in disk.members) // PAGE
    elif isinstance(disk, Nfs):
        row.link = list(built.cell.machine.links).index(disk.link)
        row.server = built.disks.index(disk.server) if disk.server else NONE
        row.max_pages = WSIZE_PAGES
        # nfs_congestion_kb: 16 * sqrt(all pages) pages, at most 256 MiB (nfs_init_writepagecache)
        most = min(16 * isqrt(int(geometry(built.memory.m).nr_frames)), 65_536)
        row.nr_requests = row.congestion_on = row.most_writes[:] = most
    elif isinstance(disk, Queued):
        _queue(row, disk, era(built.cell.kernel).flags)
    else:
        row.parallel = disk_value(disk, "parallel")
        row.first_server, row.channel = servers.take(int(row.parallel)), servers.take()
        _limits(row, era(built.cell.kernel).flags, SATA_TAGS if disk.kind == "sata-ssd" else NVME_TAGS)


def _client(built: Built, row, area: NetworkSwap) -> None:
    machine, flags = built.cell.machine, era(built.cell.kernel).flags
    row.kind, row.link = DISK_REMOTE, list(machine.links).index(area.link)
    disk = given(area, "disk")
    row.server = built.disks.index(disk) if disk else NONE
    row.fail_from = row.fail_until = row.stall_from = row.stall_until = NEVER
    row.queue.head = row.queue.tail = row.drive_head = row.reading.head = row.reading.tail = NONE
    row.depth = IN_FLIGHT[area.kind]
    if area.kind == "nfs":  # a file: no block layer, no limit but the pages there are
        row.max_pages, row.congestion_on = SWAP_CLUSTER_MAX, NEVER
        row.nr_requests = row.most_writes[:] = NEVER
    else:
        row.merges = row.sorted = 1
        row.max_pages = flags["max_sectors_kib"] * KiB // PAGE
        _limits(row, flags, 2 * BLKDEV_MAX_RQ)


def _queue(row, disk: Queued, flags: Mapping[str, Any]) -> None:
    row.depth, row.sorted = disk_value(disk, "parallel"), int(disk.scheduler == "deadline")
    row.max_pages = (USB_SECTORS_KIB if disk.kind == "usb" else flags["max_sectors_kib"]) * KiB // PAGE
    _limits(row, flags, 2 * min(int(row.depth), BLKDEV_MAX_RQ))
    row.queue.head = row.queue.tail = row.drive_head = NONE
    if isinstance(disk, Hdd):
        row.command, row.revolution = disk.command, 60 * S // disk.rpm
        row.seek_track, row.seek_average, row.seek_full = disk.seek_track, disk.seek_average, disk.seek_full
        row.inner_ppm = int(disk.inner_rate * 1_000_000)
    if isinstance(disk, Usb):
        row.erase_pages, row.nr_open = disk.erase_block // PAGE, disk.open_blocks


def _elevators(built: Built) -> None:
    """Reads wait where a policy wants it, but for members of a stripe: what is read there is served at once."""
    machine, m, module = built.cell.machine, built.memory.m, built.modules["elevator"]
    parts = {name for disk in machine.disks.values() if isinstance(disk, Stripe) for name in disk.members}
    for name, disk in machine.disks.items():
        if isinstance(disk, Queued) and module.QUEUES_READS and name not in parts:
            row = disks(m)[built.disks.index(name)]
            row.elevator, row.sorted = 1, int(module.SORTED)
            row.reading.head = row.reading.tail = NONE
            block_settings(m).queues_reads = 1
    for name, disk in machine.disks.items():
        row, goal = disks(m)[built.disks.index(name)], given(disk, "wbt_lat")
        if goal is not None and era(built.cell.kernel).flags["wbt"]:
            row.wbt, w = 1, wbts(m)[built.disks.index(name)]
            w.goal, w.depth, w.ends = goal, int(row.depth) or int(row.nr_requests), WINDOW_NS
    for row in elevators(m):
        row.last_delayed = row.timer = -NEVER


def _cache(cache, row, disk: Drive) -> None:
    cache.pending.head = cache.pending.tail = cache.running.head = cache.running.tail = NONE
    cache.pages = disk_value(disk, "write_cache") // PAGE
    cache.fua, cache.queued, cache.lazy = disk.kind in FUA, disk.kind in QUEUED, disk.kind in LAZY
    cache.flush_ns, cache.clean_ns = disk_value(disk, "flush"), row.write_ns
    if isinstance(disk, Hdd):
        cache.flush_ns = cache.flush_ns or row.seek_track + row.revolution
        cache.clean_ns = disk.command
    rate = disk_value(disk, "drain_bandwidth") or disk_value(disk, "write_bandwidth")
    cache.page_ps = PAGE * 10**12 // rate


def _limits(row, flags: Mapping[str, Any], tags: int) -> None:
    """How many requests there are: 128 a direction, with congestion marks, or with blk-mq tags.

    blk-wbt allows few of them to writes (calc_wb_limits); that it allows even fewer while reads suffer is not modelled.
    """
    n = row.nr_requests = tags if flags["blk_mq"] else BLKDEV_MAX_RQ
    # blk_queue_congestion_threshold; blk-mq never marks a queue congested
    row.batching = not flags["blk_mq"]
    row.congestion_on = 1 << 62 if flags["blk_mq"] else n - n // 8 + 1
    row.congestion_off = n - n // 8 - n // 16 - 1
    most = min(RWB_DEPTH, int(row.depth or tags)) if row.depth != 1 else 2
    throttled = (1, most, most) if most <= 2 else ((most + 3) // 4, (most + 1) // 2, most)
    row.most_writes[:] = [min(n, limit) for limit in throttled] if flags["wbt"] else [n] * 3


def _window(begin: int | None, end: int | None) -> tuple[int, int]:
    return (NEVER, NEVER) if begin is None else (begin, NEVER if end is None else end)
