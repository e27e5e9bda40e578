"""The vocabulary of storage: disks, links to servers, swap areas (part of `mmrun.model.description`)."""

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

from mmrun.model.core.mechanism import CORE, NO_FRAME, Axis, Matters, Subject, Told, counters, hooks, some
from mmrun.model.fs.vfs.settings import FileSystem, Journalled
from mmrun.model.rules.bounds import Range, Why
from mmrun.model.rules.record import Family, Fault, Record, abstract, record
from mmrun.model.units import GBIT_S, MS, PAGE, US, Bytes, BytesPerSecond, GiB, KiB, Nanoseconds, Pages

MAX_MEMBERS, OPEN_BLOCKS = 32, 8  # disks of a stripe; erase blocks a USB stick keeps open
Rate = Annotated[BytesPerSecond, Range(ge=1), Why("at zero nothing would ever arrive; examples: 500MB/s")]
Percent = Annotated[int, Range(ge=0, le=100)]
Block = Annotated[Pages, Range(ge=PAGE), Why("examples: 128KiB")]


@abstract
class Disk(Family):
    """A block device, or what a file system is mounted from; which fields it has depends on its kind.

    Where a field is None its default depends on the kind, in the order generic, sata-ssd, hdd, usb; for `optane` (an
    Optane P4800X, AnandTech 2017) 8.9us both ways, 5 at a time, 2400MB/s and 2000MB/s; estimates: `nvme` 80us and 20us,
    16, 3500MB/s and 3000MB/s; `emmc` 150us and 300us, 1, 250MB/s and 125MB/s; `virtio` 120us and 40us, 16, 2000MB/s
    both.
    """

    usual: ClassVar[str] = "generic"
    kind: str = "generic"
    """`generic`, `sata-ssd`, `optane`, `nvme`, `emmc`, `virtio`: servers of fixed service time behind one interface
    rate; `nvme` is a consumer's, without capacitors, `virtio` a guest's disk whose cache is its host's memory. `hdd`:
    one head that seeks. `usb`: one request at a time, erase blocks. `stripe`: RAID0 of `members`. `nfs`: a mount
    from a file server over `link`, whose disk is `server`: it answers at once and writes when told to commit."""
    size: Annotated[Bytes, Range(ge=1), Why("examples: 256GiB")] = 256 * GiB
    """Capacity (of a stripe: what its members have together)."""
    writepage: Literal["writes", "kswapd", "ignores"] = "writes"
    """What its file system does when reclaim asks it to write a page: writes it (ext3), writes it for kswapd only (xfs
    of 2011), leaves it dirty (btrfs, delayed allocation of ext4)."""
    file_system: FileSystem | None = None
    """What its files lie in: their metadata, its journal. None: there is neither, files are written all the same."""
    allocation: Literal["fixed", "xfs", "ext4", "btrfs", "ext3"] | None = None
    """Where files lie. `fixed`: each in one piece (or its `fragment`s), in four groups of the disk, from the start. The
    others: files begin empty and get blocks as that file system of 2011 gives them. When pages are written back: `xfs`
    ever larger extents, `ext4` 8 MiB, `btrfs` what is dirty in one piece; when they become dirty: `ext3` up to 4 MiB.
    A stripe has files of its own, its members none. None: as in its `file_system`, `fixed` where there is none."""
    min_ratio: Percent = 0
    """Percent of the dirty threshold that the device gets in any case (bdi min_ratio)."""
    max_ratio: Percent = 100
    """Percent of the dirty threshold that the device gets at most (bdi max_ratio)."""
    strictlimit: bool = False
    """Its own share limits the device even while the machine is below its limits (bdi strict_limit, 3.12)."""

    def faults(self) -> Iterator[Fault]:
        """A share that begins above its end."""
        if self.min_ratio > self.max_ratio:
            shares = f"shares of {self.min_ratio} to {self.max_ratio} percent"
            yield Fault(("min_ratio",), shares, "0 to 100, min_ratio the smaller")
        own = self.file_system
        if isinstance(own, Journalled) and self.allocation not in (None, "fixed", own.kind):
            what = f"blocks are allocated as in {self.allocation}, the file system is {own.kind}"
            yield Fault(("allocation",), what, "leave it out, or `fixed` for files that have all their blocks")
        if isinstance(own, Journalled) and self.kind != "stripe" and own.journal > self.size // 4:
            yield Fault(("file_system", "journal"), "the journal takes most of the disk", "at most a fourth of `size`")


@abstract
class Drive(Disk):
    """What serves requests itself."""

    read_latency: Nanoseconds | None = None
    """Service time of a 4 KiB read: 94us (Intel P3700, queue depth 16; AnandTech on the Optane P4800X, 2017), 85us
    (Intel X25-M; estimate); usb 1ms a command (estimate). An hdd's follows from its geometry."""
    write_latency: Nanoseconds | None = None
    """Service time of a 4 KiB write: 20us (acknowledged from the drive's buffer; estimate), 115us, usb 1ms."""
    parallel: Annotated[int, Range(ge=1, le=4096)] | None = None
    """Requests served at once: 16, 10 (channels of an X25-M). hdd: requests it picks the next one from, 32 (NCQ)."""
    read_bandwidth: Rate | None = None
    """Rate for reads: 2700MB/s, 250MB/s, 138MB/s on the outermost track (Barracuda XT), 20MB/s."""
    write_bandwidth: Rate | None = None
    """Rate for writes: 1000MB/s, 70MB/s (X25-M), usb 6MB/s (reported for sticks of 2011); hdd: its rate for reads."""
    write_cache: Annotated[Bytes, Range(ge=0), Why("0: none that a cut could empty")] | None = None
    """What its volatile write cache holds; what is in there a flush has to wait for. 0 for `generic` (the P3700 has
    capacitors) and `optane`; estimates: sata-ssd 32MiB, hdd 64MiB, usb 1MiB, nvme 1GiB, emmc 4MiB, virtio 1GiB."""
    flush: Nanoseconds | None = None
    """What a flush takes beside what is left in the cache. An hdd's shortest seek and a revolution; estimates: sata-ssd
    1.5ms, usb 5ms, nvme 700us, emmc 5ms, virtio 2ms."""
    drain_bandwidth: Rate | None = None
    """Rate at which its cache goes to the medium: its rate for writes; nvme 1000MB/s, virtio 500MB/s (estimates)."""
    wbt_lat: Nanoseconds | None = None
    """Least latency of reads above which blk-wbt lets ever fewer writes wait (wbt_lat_usec; 2ms for flash, 75ms for a
    rotating disk in a kernel), where the version has it on. None: its limits do not move."""
    fail_from: Nanoseconds | None = None
    """Writes that end at or after this time are lost; the pages stay dirty. None: never."""
    fail_until: Nanoseconds | None = None
    """From this time on writes succeed again. None: never."""

    def faults(self) -> Iterator[Fault]:
        """The above, and a window that ends before it begins."""
        yield from super().faults()
        yield from _window("fail", self.fail_from, self.fail_until)


@record
class Flash(Drive):
    """Servers of fixed service time behind one interface rate."""

    kind: Literal["generic", "sata-ssd", "optane", "nvme", "emmc", "virtio"] = "generic"


@abstract
class Queued(Drive):
    """A drive that serves one request after the other and can stall."""

    scheduler: Literal["deadline", "noop"] = "deadline"
    """Order of waiting writes: sorted by place in batches, or as they came."""
    stall_from: Nanoseconds | None = None
    """From this time on the device starts no request. None: never."""
    stall_until: Nanoseconds | None = None
    """Until then."""

    def faults(self) -> Iterator[Fault]:
        """The above, and a stall without an end."""
        yield from super().faults()
        yield from _window("stall", self.stall_from, self.stall_until)
        if self.stall_from is not None and self.stall_until is None:
            yield Fault(("stall_from",), "a stall ends", "add stall_until")


@record
class Hdd(Queued):
    """One head that seeks."""

    kind: Literal["hdd"] = "hdd"
    rpm: Annotated[int, Range(ge=1, le=100_000)] = 7200
    """Revolutions a minute."""
    command: Nanoseconds = 200 * US
    """Overhead of a request that finds the drive idle (estimate)."""
    seek_track: Nanoseconds = 800 * US
    """Shortest seek (0.6-1 ms, estimate)."""
    seek_average: Nanoseconds = 8500 * US
    """Seek over a third of the disk (8-9 ms, estimate)."""
    seek_full: Nanoseconds = 17 * MS
    """Seek over all of the disk (16-18 ms, estimate)."""
    inner_rate: Annotated[float, Range(ge=0.01, le=1.0)] = 0.5
    """Rate of the innermost track over that of the outermost."""

    def faults(self) -> Iterator[Fault]:
        """The above, and seeks that are not in order."""
        yield from super().faults()
        if not self.seek_track <= self.seek_average <= self.seek_full:
            yield Fault(("seek_average",), "a longer seek takes less time", "seek_track <= seek_average <= seek_full")


@record
class Usb(Queued):
    """A stick: one request at a time, erase blocks."""

    kind: Literal["usb"] = "usb"
    erase_block: Block = 128 * KiB
    """What is rewritten whole by a write that does not append; 10 to 100 times slower for 4 KiB (estimate)."""
    open_blocks: Annotated[int, Range(ge=1, le=OPEN_BLOCKS)] = 2
    """Erase blocks that can be appended to at the same time (estimate)."""


@record
class Stripe(Disk):
    """RAID0 of other disks."""

    kind: Literal["stripe"] = "stripe"
    members: Annotated[tuple[str, ...], Range(max_length=MAX_MEMBERS)] = ()
    """Names of its disks, plain ones."""
    chunk: Block = 512 * KiB
    """Bytes on one member before the next one's turn (md's default since 2010)."""

    def faults(self) -> Iterator[Fault]:
        """The above, and no members."""
        yield from super().faults()
        if not self.members:
            yield Fault((), "a stripe without disks", "write members: [a, b]")


@record
class Nfs(Disk):
    """A mount from a file server."""

    kind: Literal["nfs"] = "nfs"
    link: str
    """Link to the server."""
    server: str | None = None
    """The server's disk; None: it never waits for one."""


def given(record: Any, name: str) -> Any:
    """A field's value; None where the kind of the record has no such field."""
    return getattr(record, name, None)


def _window(what: str, begin: int | None, end: int | None) -> Iterator[Fault]:
    if end is not None and (begin is None or end < begin):
        yield Fault((f"{what}_until",), f"{what}_until comes before {what}_from", "give both in order")


@record
class Link(Record):
    """A network link to a storage server."""

    bandwidth: Annotated[Rate, Why("at zero nothing would ever arrive; examples: 10Gbit/s")] = 10 * GBIT_S
    """Raw rate."""
    rtt: Nanoseconds = 40 * US
    """Round trip including both network stacks: 10 GbE 30-50 us (estimate)."""
    mtu: Annotated[int, Range(ge=576, le=65_535), Why("usual: 1500, 9000")] = 1500
    """Largest frame payload in bytes; sets the efficiency: 94.1 % at 1500, 99.0 % at 9000 (computed)."""
    loss_ppm: Annotated[int, Range(ge=0, le=1_000_000)] = 0
    """Frames of a million that are lost on the way, of connections over the link; drawn by seed and replicate."""


@abstract
class SwapTarget(Family):
    """Where swapped pages go; which fields an area has depends on its kind."""

    kind: str
    """`partition` on a local disk, `zram` in memory, or a block device or file over a link."""
    size: Annotated[Pages, Range(ge=PAGE)]
    """Capacity of the swap area."""
    priority: int = -1
    """Areas of higher priority fill first; equal ones are used in turn."""


@record
class Partition(SwapTarget):
    """An area on a local disk."""

    kind: Literal["partition"] = "partition"
    disk: str
    """Name of the machine's disk that holds it."""


@record
class Zram(SwapTarget):
    """Compressed pages in memory."""

    kind: Literal["zram"] = "zram"
    compress: Nanoseconds = 3 * US
    """Time to compress a page (lz4; estimate)."""
    decompress: Nanoseconds = 1_200
    """Time to decompress a page (lz4; estimate)."""
    compression_ratio: Annotated[float, Range(ge=1.0, le=1000.0), Why("page size over stored size")] = 3.0
    """Page size over stored size (fleet figure of Lagar-Cavilla et al., ASPLOS 2019)."""


@abstract
class NetworkSwap(SwapTarget):
    """An area on a server, over a link."""

    link: str
    """Name of the machine's link."""
    protocol: Nanoseconds | None = None
    """Time the server spends on a request beside link and disk.

    None: NBD 10 us, iSCSI 30 us, NFS 100 us, RDMA 1 us (estimates).
    """
    stop_from: Nanoseconds | None = None
    """From this time on the server answers nothing, though its kernel acknowledges what it gets. None: never."""
    stop_until: Nanoseconds | None = None
    """From this time on it answers again. None: never."""
    crash_from: Nanoseconds | None = None
    """From this time on there is no server: connections are reset, new ones refused. None: never."""
    crash_until: Nanoseconds | None = None
    """From this time on there is one again. None: never."""

    def faults(self) -> Iterator[Fault]:
        """Windows that end before they begin."""
        yield from super().faults()
        yield from _window("stop", self.stop_from, self.stop_until)
        yield from _window("crash", self.crash_from, self.crash_until)


@abstract
class ServedSwap(NetworkSwap):
    """An area that a program on the server answers for."""

    disk: str | None = None
    """Name of the machine's disk that is the server's; None: it never waits for one."""
    server_cache: Annotated[Bytes, Range(ge=0)] = 0
    """Size of the server's page cache; 0: it reads and writes its disk itself."""
    server_threads: Annotated[int, Range(ge=1, le=64)] | None = None
    """Requests that it serves at a time. None: NBD 1 (nbd-server's process), NFS 8 (nfsd), iSCSI 16 (estimate)."""


@record
class Nbd(ServedSwap):
    """A network block device."""

    kind: Literal["nbd"] = "nbd"
    timeout: Nanoseconds = 0
    """NBD_SET_TIMEOUT; 0: none. To 4.1 a send that takes longer ends the connection, since 4.2 a request that does."""
    dead_conn_timeout: Nanoseconds = 0
    """How long requests wait for another connection when theirs is dead, before they fail (4.12 and later)."""


@record
class NfsSwap(ServedSwap):
    """A swap file on a file server."""

    kind: Literal["nfs"] = "nfs"
    soft: bool = False
    """A request that is not answered fails, instead of being sent again for ever."""
    timeo: Annotated[Nanoseconds, Range(ge=100 * MS)] = 60 * 1000 * MS
    """How long an answer is waited for at first (timeo=600 tenths of a second)."""
    retrans: Annotated[int, Range(ge=0, le=30)] = 2
    """A soft request fails after `timeo` times one more than this."""
    sync: bool = True
    """Exported `sync`: the server answers for a write once it is on the disk, with a page cache (a file system) when
    the inode is in the journal, too. False: `async`, it answers for what is in memory, as nbd-server does."""


@record
class Iscsi(ServedSwap):
    """A disk over iSCSI, whose log-in is a program's business (iscsid)."""

    kind: Literal["iscsi"] = "iscsi"
    replacement_timeout: Nanoseconds = 120 * 1000 * MS
    """How long requests wait for a new session when the connection is lost, before they fail."""
    nop_interval: Nanoseconds = 5 * 1000 * MS
    """Silence after which the target is pinged; 0: never."""
    nop_timeout: Nanoseconds = 5 * 1000 * MS
    """How long the answer to a ping is waited for before the connection counts as lost."""


@record
class Rdma(NetworkSwap):
    """Memory of another machine that the card reads and writes by itself."""

    kind: Literal["rdma"] = "rdma"


QUEUED = Matters("a cell with an hdd or usb disk", lambda case, _: any(
    isinstance(disk, Queued) for disk in case.cell.machine.disks.values()
))  # fmt: skip
AXES = (Axis(
    "elevator", 26, "in which order reads and writes that wait go to a disk that seeks", ("QUEUES_READS", "SORTED"),
    QUEUED,
),)  # fmt: skip

HOOKS = {
    **hooks(CORE, 85, ("queue_rq", "disk request", "0, after the transport has taken the request"), optional=True),
    **hooks(
        "elevator",
        146,
        ("elevator_event", "disk event request at", "asked (DISPATCH) which waiting request goes to the drive at time "
         "`at`, NONE: none now; told of one that came (ADD) or ended (COMPLETED): 0", NO_FRAME),
    ),
}  # fmt: skip

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
flushes | none | flushes of its write cache | events
flushes_shared | none | requests for a flush that another one's served | events
flush_ns | lower | time of flushes, from when they could begin | ns
""")  # of each disk, reported with its name in front
OF_ALL_DISKS = ("seeks", "seek_ns", "write_errors")  # reported of the machine, too
TOLD = (Told("disk", DISK_COUNTERS), Told("machine", some(DISK_COUNTERS, OF_ALL_DISKS)))


@record
class Costs(Record):
    """CPU time of its steps."""

    io_path: Nanoseconds = 3_000
    """Block layer path of one request (2-5 us)."""


SUBJECTS = (
    Subject(
        "io scheduler",
        "Disks that seek serve reads at once and have `deadline` or `noop` for writes "
        "(`machine.disks.<name>.scheduler`); `policy.elevator` lets reads wait, too: noop, deadline, cfq. BFQ, kyber "
        "and the limits of the io controller are not modelled (docs/block.md).",
        ("elevator", "machine.disks.scheduler", "blk_mq", "wbt"),
        ("bfq", "kyber", "mq-deadline", "io.max", "io.weight", "io.latency", "blkio"),
    ),
    Subject(
        "direct i/o",
        "O_DIRECT is not modelled: files are mapped, or read and written through the page cache.",
        ("tasks.memory.access",),
        ("o_direct", "dio", "direct io"),
    ),
)
