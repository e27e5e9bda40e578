"""The vocabulary of storage: disks, links to servers, swap areas (part of `mmrun.model.description`)."""

from dataclasses import dataclass
from typing import Literal

from mmrun.model.core.mechanism import counters
from mmrun.model.units import GBIT_S, MB_S, MS, US, Bytes, BytesPerSecond, GiB, KiB, Nanoseconds


@dataclass(frozen=True, kw_only=True)
class Disk:
    """A block device, or what a file system is mounted from.

    Where a field is None its default depends on the kind, in the order generic, sata-ssd, hdd, usb; for `optane` (an
    Optane P4800X, AnandTech 2017) 8.9us both ways, 5 at a time, 2400MB/s and 2000MB/s.
    """

    kind: Literal["generic", "sata-ssd", "optane", "hdd", "usb", "stripe", "nfs"] = "generic"
    """`generic`, `sata-ssd`, `optane`: servers of fixed service time behind one interface rate. `hdd`: one head that
    seeks (geometry below). `usb`: one request at a time, erase blocks. `stripe`: RAID0 of `members`. `nfs`: a mount
    from a file server over `link`, whose disk is `server`: it answers at once and writes when told to commit."""
    read_latency: Nanoseconds | None = None
    """Service time of a 4 KiB read: 94us (Intel P3700, queue depth 16; AnandTech on the Optane P4800X, 2017), 85us
    (Intel X25-M; estimate); usb 1ms a command (estimate)."""
    write_latency: Nanoseconds | None = None
    """Service time of a 4 KiB write: 20us (acknowledged from the drive's buffer; estimate), 115us, usb 1ms."""
    parallel: int | None = None
    """Requests served at once: 16, 10 (channels of an X25-M). hdd: requests it picks the next one from, 32 (NCQ)."""
    read_bandwidth: BytesPerSecond | None = None
    """Rate for reads: 2700MB/s, 250MB/s, 138MB/s on the outermost track (Barracuda XT), 20MB/s."""
    write_bandwidth: BytesPerSecond | None = None
    """Rate for writes: 1000MB/s, 70MB/s (X25-M), usb 6MB/s (reported for sticks of 2011); hdd: its rate for reads."""
    size: Bytes = 256 * GiB
    """Capacity (of a stripe: what its members have together)."""
    rpm: int = 7200
    """hdd: revolutions a minute."""
    command: Nanoseconds = 200 * US
    """hdd: overhead of a request that finds the drive idle (estimate)."""
    seek_track: Nanoseconds = 800 * US
    """hdd: shortest seek (0.6-1 ms, estimate)."""
    seek_average: Nanoseconds = 8500 * US
    """hdd: seek over a third of the disk (8-9 ms, estimate)."""
    seek_full: Nanoseconds = 17 * MS
    """hdd: seek over all of the disk (16-18 ms, estimate)."""
    inner_rate: float = 0.5
    """hdd: rate of the innermost track over that of the outermost."""
    erase_block: Bytes = 128 * KiB
    """usb: what is rewritten whole by a write that does not append; 10 to 100 times slower for 4 KiB (estimate)."""
    open_blocks: int = 2
    """usb: erase blocks that can be appended to at the same time, up to 8 (estimate)."""
    scheduler: Literal["deadline", "noop"] = "deadline"
    """hdd, usb: order of waiting writes: sorted by place in batches, or as they came."""
    writepage: Literal["writes", "kswapd", "ignores"] = "writes"
    """What its file system does when reclaim asks it to write a page: writes it (ext3), writes it for kswapd only (xfs
    of 2011), leaves it dirty (btrfs, delayed allocation of ext4)."""
    allocation: Literal["fixed", "xfs", "ext4", "btrfs", "ext3"] = "fixed"
    """Where files lie. `fixed`: each in one piece (or its `fragment`s), in four groups of the disk, from the start. The
    others: files begin empty and get blocks as that file system of 2011 gives them. When pages are written back: `xfs`
    ever larger extents, `ext4` 8 MiB, `btrfs` what is dirty in one piece; when they become dirty: `ext3` up to 4 MiB.
    A stripe has files of its own, its members none."""
    members: tuple[str, ...] = ()
    """stripe: names of its disks, up to 32."""
    chunk: Bytes = 512 * KiB
    """stripe: bytes on one member before the next one's turn (md's default since 2010)."""
    link: str | None = None
    """nfs: link to the server."""
    server: str | None = None
    """nfs: the server's disk; None: it never waits for one."""
    fail_from: Nanoseconds | None = None
    """Writes that end at or after this time are lost; the pages stay dirty. None: never. Not for stripes and mounts."""
    fail_until: Nanoseconds | None = None
    """From this time on writes succeed again. None: never."""
    stall_from: Nanoseconds | None = None
    """From this time on the device starts no request. None: never. Not for generic kinds."""
    stall_until: Nanoseconds | None = None
    """Until then."""
    min_ratio: int = 0
    """Percent of the dirty threshold that the device gets in any case (bdi min_ratio)."""
    max_ratio: int = 100
    """Percent of the dirty threshold that the device gets at most (bdi max_ratio)."""
    strictlimit: bool = False
    """Its own share limits the device even while the machine is below its limits (bdi strict_limit, 3.12)."""


@dataclass(frozen=True)
class DiskDefaults:
    """What a disk of a kind is where its description says nothing."""

    read_latency: int
    write_latency: int
    parallel: int
    read_bandwidth: int
    write_bandwidth: int


DISK_DEFAULTS = {
    "generic": DiskDefaults(94 * US, 20 * US, 16, 2_700 * MB_S, 1_000 * MB_S),
    "sata-ssd": DiskDefaults(85 * US, 115 * US, 10, 250 * MB_S, 70 * MB_S),
    "optane": DiskDefaults(8_900, 8_900, 5, 2_400 * MB_S, 2_000 * MB_S),
    "hdd": DiskDefaults(0, 0, 32, 138 * MB_S, 138 * MB_S),
    "usb": DiskDefaults(MS, MS, 1, 20 * MB_S, 6 * MB_S),
    "stripe": DiskDefaults(0, 0, 1, MB_S, MB_S),
    "nfs": DiskDefaults(0, 0, 1, MB_S, MB_S),
}


def disk_value(disk: Disk, name: str) -> int:
    """Field `name` of the disk, or its kind's default."""
    given = getattr(disk, name)
    return getattr(DISK_DEFAULTS[disk.kind], name) if given is None else given


@dataclass(frozen=True, kw_only=True)
class Link:
    """A network link to a storage server."""

    bandwidth: BytesPerSecond = 10 * GBIT_S
    """Raw rate."""
    rtt: Nanoseconds = 40 * US
    """Round trip including both network stacks: 10 GbE 30-50 us (estimate)."""
    mtu: int = 1500
    """Largest frame payload in bytes; sets the efficiency: 94.1 % at 1500, 99.0 % at 9000 (computed)."""


@dataclass(frozen=True, kw_only=True)
class SwapTarget:
    """Where swapped pages go."""

    kind: Literal["partition", "zram", "nbd", "nfs", "iscsi"]
    """`partition` on a local disk, `zram` in memory, or a block device or file over a link."""
    size: Bytes
    """Capacity of the swap area."""
    disk: str | None = None
    """Name of the machine's disk that holds it; for network targets, the server's disk."""
    link: str | None = None
    """Name of the machine's link (network targets)."""
    priority: int = -1
    """Areas of higher priority fill first; equal ones are used in turn."""
    protocol: Nanoseconds | None = None
    """Network targets: software time a request spends in the protocol on both sides, link and disk excluded.

    None: NBD 10 us, iSCSI 30 us, NFS 100 us (estimates; swapping over NFS was reported to take about twice as long as
    over NBD).
    """
    compress: Nanoseconds = 3 * US
    """zram: time to compress a page (lz4; estimate)."""
    decompress: Nanoseconds = 1_200
    """zram: time to decompress a page (lz4; estimate)."""
    compression_ratio: float = 3.0
    """zram: page size over stored size (fleet figure of Lagar-Cavilla et al., ASPLOS 2019)."""


DISK_COUNTERS = counters("""
seeks | lower | hdd: requests for which the head moved or waited for its sector; usb: erase blocks opened | requests
seek_ns | lower | hdd: time of seeks and rotation | ns
reads | none | read requests the device served | requests
writes | none | write requests the device served | requests
merged | none | writes that joined a waiting request next to them | requests
pages_read | none | pages read from the device
pages_written | none | pages written to the device
busy_ns | none | time the device served requests; with several servers the mean of them | ns
wait_ns | lower | time that requests waited for the device, summed over them | ns
write_errors | lower | writes that failed | requests
""")  # of each disk, reported with its name in front
