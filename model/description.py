"""What one cell is: a machine, a kernel, its settings, the tasks that run on it. Plain data, units as in `units`.

These dataclasses are the only definition of the configuration's vocabulary: the runner reads YAML into them and derives
the JSON Schema from them, `mmrun.model.build` turns a `Cell` into a machine record. A field's type says its range, a
record's `faults` what must hold between its fields. The string literal under a field is its documentation.
"""

from collections.abc import Iterator
from dataclasses import field
from typing import Annotated, Any, Literal

from mmrun.model.block.settings import Disk as Disk
from mmrun.model.block.settings import Link as Link
from mmrun.model.block.settings import SwapTarget as SwapTarget
from mmrun.model.composed import Costs as Costs
from mmrun.model.composed import Sysctl as Sysctl
from mmrun.model.core.mechanism import Matters
from mmrun.model.dma.device.settings import Device as Device
from mmrun.model.dma.iommu.settings import Iommu
from mmrun.model.dma.swiotlb.settings import Swiotlb
from mmrun.model.life.timeline import MAX_ENTRIES
from mmrun.model.life.timeline import Entry as Entry
from mmrun.model.machine.settings import MAX_NODES
from mmrun.model.machine.settings import Node as Node
from mmrun.model.mm.cma.settings import CmaArea
from mmrun.model.mm.generations.settings import AGED
from mmrun.model.mm.huge.settings import wanted_by
from mmrun.model.mm.hugetlb.settings import HAS_POOLS, aligned, pool_mapping
from mmrun.model.mm.idle.settings import SCANNED
from mmrun.model.mm.limits.settings import HAS_GROUPS
from mmrun.model.mm.page.settings import Mempolicy as Mempolicy
from mmrun.model.mm.page.settings import NodeNumber
from mmrun.model.mm.slab.settings import SlabCache as SlabCache
from mmrun.model.mm.swap.settings import HAS_SWAP
from mmrun.model.mm.tiering.settings import MOVED_BETWEEN_TIERS
from mmrun.model.mm.tlb.settings import Tlb
from mmrun.model.mm.zswap.settings import GroupSettings, Zswap
from mmrun.model.net.tcp_mem.settings import HAS_SOCKETS
from mmrun.model.rules.bounds import Pattern, Range, Why
from mmrun.model.rules.record import Fault, Record, record
from mmrun.model.sched.settings import SHARED
from mmrun.model.units import MS, PAGE, Bytes, KiB, MiB, Nanoseconds, Pages, S

OF_FILES = Matters("a region of a file", lambda _, region: region.kind == "file")
ADVISED = Matters(
    "a region of a file, since 6.3 of any memory that is mapped; advice about huge pages in a cell with them",
    lambda case, region: (
        region.kind == "anon" and wanted_by(case.cell.vm)
        if region.advice in ("hugepage", "nohugepage")
        else region.kind == "file" or (region.kind == "anon" and case.flags["recency_by_advice"])
    ),
)
AROUND = Matters(
    "a mapped file, since 3.15",
    lambda case, region: region.kind == "file" and region.access == "mmap" and case.flags["fault_around"],
)
MONITORED = Matters("a group whose memory.stat is read", lambda _, group: bool(group.stat_read_every))
BEFORE_THE_END = Matters(
    "a run that lasts until then: the task never starts",
    lambda case, task: case.cell.duration is None or task.start < case.cell.duration,
)
TIMED = Matters(
    "a cell of a kernel's lists: a yardstick knows no time",
    lambda case, _: "YARDSTICK" not in case.variants["lru"].constants,
)
MAX_TASKS, MAX_CGROUPS = 16_384, 16_384
MAX_SAMPLES = 100_000  # of a series; each has a number for every counter, some 300
Name = Annotated[str, Pattern(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}", "letters, digits, `_` and `-`")]


@record
class Machine(Record):
    """The hardware: nodes, distances, disks, links, swap, devices."""

    nodes: Annotated[tuple[Node, ...], Range(min_length=1, max_length=MAX_NODES)]
    """NUMA nodes, in id order. At least one has CPUs."""
    distance: tuple[tuple[Annotated[int, Range(ge=10, le=254)], ...], ...] | None = None
    """SLIT: `distance[i][j]` from node i to node j; 10 on the diagonal. Default 10 local, 20 elsewhere."""
    disks: dict[str, Disk] = field(default_factory=dict)
    """Block devices by name."""
    links: dict[str, Link] = field(default_factory=dict)
    """Network links by name."""
    swap: dict[str, SwapTarget] = field(default_factory=dict)
    """Swap areas by name."""
    zswap: Zswap | None = None
    """What pages are to zswap, where vm.zswap is on; default: they compress to a third."""
    devices: dict[str, Device] = field(default_factory=dict)
    """DMA devices by name."""
    iommus: dict[str, Iommu] = field(default_factory=dict)
    """IOMMUs by name."""
    cma: dict[str, CmaArea] = field(default_factory=dict)
    """Contiguous memory areas by name, set aside at boot for drivers."""
    costs: Costs = field(default_factory=Costs)
    """CPU costs of kernel steps on this machine."""
    hz: Literal[100, 250, 1000] = 1000
    """Timer ticks per second."""
    tlb_flush: Nanoseconds | None = None
    """How often a CPU turns to another address space and back, which empties its TLB. Until then a page whose accessed
    bit was cleared is not marked again: the TLB holds all translations. Default: no TLB, every access marks."""
    tlb: Tlb | None = None
    """What each CPU's TLB holds; accesses beyond it walk the page table. Default: translations cost nothing."""
    background_switch: Annotated[Nanoseconds, AGED] = 3 * MS
    """How often something that is not described, a kernel thread mostly, has each CPU for a moment. Generations walk
    page tables of who was switched in since then. 0: only those who wake or share a CPU are. Default: an estimate."""
    pci_hole: Bytes = 0
    """Addresses below 4 GiB that devices take: so much less memory is in zone DMA32, the rest is in zone Normal."""
    use: Annotated[tuple[str, ...], Range(max_length=64)] = ()
    """Names of the devices that take part."""
    swiotlb: Swiotlb = field(default_factory=Swiotlb)
    """Bounce buffers for devices that cannot reach all of memory."""


@record
class Variant(Record):
    """The chosen variant of one policy axis and the parameters it overrides."""

    variant: str
    """Name of the variant: a file in a mechanism's variants/<axis>/, or what an outside file is called here."""
    file: str | None = None
    """Path of an outside Python file that defines the variant; None: a built-in one."""
    params: dict[str, int | float | str | bool] = field(default_factory=dict)
    """Parameters of the variant; `mmrun explain <axis>/<variant>` lists them."""


@record
class Cgroup(GroupSettings):
    """A memory cgroup (with `count` > 1, that many alike: `name.0`, `name.1`, ...)."""

    parent: str | None = None
    """Name of the group it is a child of; None: the root group."""
    count: Annotated[int, Range(ge=1, le=MAX_CGROUPS)] = 1
    """Number of identical groups; the copies of a task in them are spread over them in turn."""
    min: Pages = 0
    """memory.min (4.18): reclaim leaves the group alone while its subtree uses no more than this."""
    low: Pages = 0
    """memory.low (4.0): like `min`, as long as there is anything else to reclaim."""
    high: Annotated[Pages, Range(ge=PAGE)] | None = None
    """memory.high (4.0): beyond it the group's tasks reclaim and, since 5.4, are put to sleep. None: no limit."""
    max: Annotated[Pages, Range(ge=64 * PAGE)] | None = None
    """memory.max: charged pages beyond it are reclaimed or the cgroup runs out of memory. None: no limit."""
    soft_limit: Pages | None = None
    """memory.soft_limit_in_bytes (v1): when the machine is short, what groups have beyond theirs goes first."""
    swap_max: Annotated[Pages, HAS_SWAP] | None = None
    """memory.swap.max (4.5): swap the group's subtree may use. None: no limit."""
    kmem_tcp_limit: Annotated[Pages, Range(ge=PAGE), HAS_SOCKETS] | None = None
    """memory.kmem.tcp.limit_in_bytes (v1, 3.3): of its sockets; beyond it they are held back. None: nothing counted."""
    oom_group: bool = False
    """memory.oom.group (4.19): where a task of the group or below it is killed, all of them are."""
    swappiness: Annotated[int, HAS_SWAP] | None = None
    """memory.swappiness (v1): overrides the machine's for this group."""
    stat_read_every: Annotated[int, Range(ge=0)] | None = None
    """A monitor reads memory.stat every so many accesses of the group's tasks. Reading folds pending statistics when
    there are more than 64 a CPU; without a reader only the two-second worker does, and reclaim decides on old sizes."""
    stat_read_phase: Annotated[int, Range(ge=0), MONITORED] = 0
    """Accesses by which all of these reads come later than every `stat_read_every` accesses from the start."""

    def faults(self) -> Iterator[Fault]:
        """More protection than the group can have."""
        for name in ("min", "low"):
            if self.max is not None and getattr(self, name) > self.max:
                yield too_much(name, getattr(self, name), self.max, "the group's max")


def too_much(name: str, value: int, most: int, what: str) -> Fault:
    """A size above another one that bounds it, both in bytes."""
    from mmrun.model.rules.quantity import show

    return Fault((name,), f"{name} is {show(value, 'bytes')}", f"at most {show(most, 'bytes')}, {what}")


@record
class Region(Record):
    """A part of a task's address space, in the order of the list; page 0 of the first region is page 0 of the task."""

    kind: Literal["anon", "file", "slab"] = "anon"
    """Anonymous memory, a file, or the objects of a slab cache: one number an object instead of one a page.

    In a slab region a read looks the object up; if it is not there it is made and read from `disk`. A write looks it up
    inside a file system transaction (GFP_NOFS) and makes it anew without reading.
    """
    size: Annotated[Pages, Range(ge=PAGE), Why("examples: 64MiB, 25%")] | None = None
    """Size; one region of a task may leave it out and gets the rest of the stream's footprint. Slab: see `objects`."""
    cache: str | None = None
    """Slab: name of the cell's slab cache."""
    objects: Annotated[int, Range(ge=1)] | None = None
    """Slab: number of objects that can be looked up; may be left out like `size`."""
    access: Literal["mmap", "read"] = "mmap"
    """File: through a mapping (loads and stores), or through read() and write() of whole pages."""
    file: str | None = None
    """Name of the file; tasks naming the same file share its page cache. None: a file of its own.

    Slab: name of the file system; tasks naming the same one look up the same objects.
    """
    disk: str | None = None
    """Disk that holds the file; None: a file system without a device (reads and writes cost no I/O time)."""
    file_size: Annotated[Bytes, Range(ge=256 * KiB, multiple_of=256 * KiB), Why("examples: 1MiB, 10MiB")] | None = None
    """File read and written with read() and write(): the region is many files of this size."""
    fragment: Annotated[Pages, Range(ge=PAGE), Why("examples: 64KiB")] | None = None
    """File: it lies on its disk in pieces of this size, anywhere. None: in one piece."""
    sparse: bool = False
    """File: all of it is a hole until it is written; what was never written is filled with zeros instead of read."""
    filesystem: Literal["xfs", "ext4"] | None = None
    """File: one that makes large folios (XFS since 5.18, ext4 since 6.16). None: the `allocation` of its disk."""
    readahead: Annotated[Pages, Range(le=64 * MiB), OF_FILES] = 128 * KiB
    """Largest readahead window (read_ahead_kb); 0 turns readahead off."""
    fault_around: Annotated[Pages, Range(ge=PAGE, le=2 * MiB), Why("4KiB turns it off"), AROUND] = 64 * KiB
    """Mapped files: cached pages mapped around a fault (fault_around_bytes, 3.15); 4KiB turns it off."""
    advice: Annotated[Literal["normal", "random", "sequential", "hugepage", "nohugepage"], ADVISED] = "normal"
    """madvise/posix_fadvise on the region. `hugepage`, `nohugepage` (anonymous): whether faults take huge pages."""
    hugetlb: Literal["2MiB", "1GiB"] | None = None
    """Anonymous: a private mapping of a pool's huge pages of this size (MAP_HUGETLB), which is reserved whole with its
    first touch. It begins and ends at a multiple of the size, or takes what the stream's footprint leaves. None: small
    pages."""
    noreserve: bool = False
    """Of a mapping of huge pages: nothing is promised, each fault takes what there is (MAP_NORESERVE)."""
    touched_every: Annotated[int, Range(ge=1)] | None = None
    """The program's own anonymous pages, its stack and buffers, behind those that the stream goes over: all of them are
    written before the stream's first event and again after every so many. None: the stream goes over the region."""

    def faults(self) -> Iterator[Fault]:
        """What the region's kind does not have."""
        if self.kind != "slab":
            for name in (name for name in ("cache", "objects") if getattr(self, name) is not None):
                yield Fault((name,), f"only slab regions have `{name}`", "write kind: slab")
        elif self.cache is None:
            yield Fault((), "a slab region has a cache", "write cache: <name>")
        if self.kind == "slab" and self.size is not None:
            yield Fault(("size",), "a slab region has no size", "write objects: 100000")
        if self.kind == "anon":
            usual = {"file": None, "disk": None, "access": "mmap"}
            for name in (name for name, value in usual.items() if getattr(self, name) != value):
                yield Fault((name,), f"anonymous memory has no `{name}`", "write kind: file")
        if self.file_size is not None and (self.kind != "file" or self.access != "read"):
            yield Fault(("file_size",), "only files that are read and written are many", "write access: read")
        yield from pool_mapping(self)
        if self.fragment is not None and self.disk is None:
            yield Fault(("fragment",), "fragments lie on a disk", "write disk: <name>")
        if self.sparse and self.disk is None:
            yield Fault(("sparse",), "a sparse file lies on a disk", "write disk: <name>")
        if self.filesystem is not None and self.kind != "file":
            yield Fault(("filesystem",), "only files lie on a file system", "write kind: file")
        if self.touched_every is not None and (self.kind != "anon" or self.size is None):
            yield Fault(("touched_every",), "a program's own pages are anonymous and have a size", "write size: 12KiB")


@record
class Stream(Record):
    """Where a task's page accesses come from: a generator in model/workloads/, or a recorded trace."""

    kind: str
    """Name of the generator (`zipf`, `loop`, ...) or `trace`."""
    params: dict[str, Any] = field(default_factory=dict)
    """Parameters of the generator; for `trace`: `path`, optional `repeat` and `tasks`."""


@record
class Task(Record):
    """A process (with `count` > 1, that many alike, each with its own memory and random stream)."""

    stream: Stream
    """What it does."""
    node: NodeNumber = 0
    """Node whose CPU it runs on."""
    count: Annotated[int, Range(ge=1, le=MAX_TASKS)] = 1
    """Number of identical tasks."""
    cgroup: str | None = None
    """Memory cgroup; None: the root group."""
    mempolicy: Mempolicy = field(default_factory=Mempolicy)
    """Placement of its pages."""
    memory: Annotated[tuple[Region, ...], Range(min_length=1), Why("one anonymous region when left out")] = (Region(),)
    """Its address space."""
    think: Nanoseconds = 0
    """Computation between two accesses."""
    start: Annotated[Nanoseconds, BEFORE_THE_END] = 0
    """When it starts."""
    stays: bool = False
    """Its stream over, it keeps its memory and sleeps for ever, a server without requests; it may be killed for want of
    memory. Else it exits and frees what it maps, but for the last task of a run: what gauges say at the end is what was
    there when it ended."""
    oom_score_adj: Annotated[int, Range(ge=-999, le=1000), Why("-1000, never to be killed, might leave nobody")] = 0
    """oom_score_adj (2.6.36): thousandths of all memory by which it counts as larger when somebody has to be killed."""
    nice: Annotated[int, Range(ge=-20, le=19), Why("the default is 0"), SHARED] = 0
    """Nice level, -20 to 19: its share of the CPU where tasks share CPUs, a tenth more or less a step."""
    nofs: bool = False
    """All its allocations are GFP_NOFS (memalloc_nofs_save): file systems' shrinkers refuse to work for it."""

    def faults(self) -> Iterator[Fault]:
        """Several regions that want the rest of the footprint."""
        if sum(region.size is None and region.objects is None for region in self.memory) > 1:
            yield Fault(("memory",), "two regions without a size", "one may take the rest of the footprint")
        yield from aligned(self.memory)
        own = [region.touched_every is not None for region in self.memory]
        if own != sorted(own) or all(own):
            yield Fault(("memory",), "the program's own pages stand before the stream's", "put `touched_every` last")


@record
class Sampling(Record):
    """How often counters are written to the series; both None: no series."""

    every: Annotated[Nanoseconds, Range(ge=1), Why("examples: 10ms")] | None = None
    """Simulated time between samples."""
    accesses: Annotated[int, Range(ge=1)] | None = None
    """Accesses of all tasks between samples."""
    memory_map: bool = False
    """Samples tell what memory is used for by address, too: `map.<part>.state`, which figures of kind `map` draw."""
    cold_after: Annotated[Nanoseconds, SCANNED] = 120 * S
    """A page untouched for this long is cold, else it belongs to the working set: what idle scanners are judged by."""
    ping_pong: Annotated[Nanoseconds, MOVED_BETWEEN_TIERS] = 10 * S
    """A page that is moved between tiers so soon after it was moved the other way counts as going to and fro."""

    def faults(self) -> Iterator[Fault]:
        """A map that is never drawn."""
        if self.memory_map and self.every is None and self.accesses is None:
            yield Fault(("memory_map",), "a map is told along the run, and there are no samples", "add every: 10ms")


@record
class Cell(Record):
    """One run of the model: everything its metrics depend on, besides trace contents and the model's code."""

    kernel: str
    """Kernel version, from 2.6.32 to 6.18: selects a variant on every policy axis and the sysctl defaults."""
    machine: Machine
    """The hardware."""
    tasks: Annotated[dict[Name, Task], Range(max_length=MAX_TASKS)]
    """The tasks by name."""
    policy: dict[str, Variant] = field(default_factory=dict)
    """Axes on which the cell departs from its kernel version."""
    vm: Sysctl = field(default_factory=Sysctl)
    """Sysctl settings."""
    cgroups: Annotated[dict[Name, Cgroup], Range(max_length=MAX_CGROUPS)] = field(default_factory=dict)
    """Memory cgroups by name."""
    cgroup_version: Annotated[Literal["v1", "v2"], HAS_GROUPS] | None = None
    """Version of cgroups. `v2` has `min`, `low`, `high` and `swap_max`, and since 4.2 each group's dirty pages have
    limits and flushers of their own; `v1` has `soft_limit` and `swappiness`, and nothing holds a group's writers back
    before it is full. None: v2 since 4.5 or where a group uses what only v2 has, v1 before or where one uses v1's."""
    slab: dict[str, SlabCache] = field(default_factory=dict)
    """Slab caches by name, in the order in which their shrinkers are called."""
    timeline: Annotated[tuple[Entry, ...], Range(max_length=MAX_ENTRIES), TIMED] = ()
    """What changes while it runs, in the order in which it is done."""
    sampling: Annotated[Sampling, TIMED] = field(default_factory=Sampling)
    """Series output."""
    duration: Annotated[Nanoseconds, Range(ge=1), Why("examples: 10s"), TIMED] | None = None
    """Stop after this much simulated time; None: when every stream has ended. Nothing begins after it; what has begun
    by then, as a read from a disk, is counted to its end."""
    seed: str = "mmrun"
    """Names the random streams, together with task name and replicate, never with the variant."""
    memory_hugetlb_accounting: Annotated[bool, HAS_POOLS] = False
    """Mount option of cgroup2 (6.7): pages that tasks map from pools of huge pages are charged to their groups."""
    replicate: Annotated[int, Range(ge=0)] = 0
    """Number of the replicate."""
