"""What one cell is: a machine, a kernel, its settings, the tasks that run on it. Plain data, units as in `units`.

These dataclasses are the only definition of the configuration's vocabulary: the runner reads YAML into them and derives
the JSON Schema from them, `mmrun.model.build` turns a `Cell` into a machine record. The string literal under a field is
its documentation (`mmrun explain`, `mmrun schema`).
"""

from dataclasses import dataclass, field
from typing import Any, Literal

from mmrun.model.block.settings import Disk as Disk
from mmrun.model.block.settings import Link as Link
from mmrun.model.block.settings import SwapTarget as SwapTarget
from mmrun.model.units import GB_S, Bytes, BytesPerSecond, KiB, Nanoseconds, S


@dataclass(frozen=True, kw_only=True)
class Node:
    """A NUMA node. Without CPUs it is a memory-only node (CXL expander, persistent memory)."""

    cpus: int = 1
    """Number of CPUs on the node; 0 makes it a memory-only node."""
    memory: Bytes
    """Size of the node's memory."""
    latency: Nanoseconds = 90
    """Load latency from the node's own CPUs, or a memory-only node's nearest: 80-110; Memtis (SOSP 2023) uses 80."""
    bandwidth: BytesPerSecond = 80 * GB_S
    """Bandwidth of the node's memory channels together; an estimate for six DDR4-2666 channels at 60 % efficiency."""


@dataclass(frozen=True, kw_only=True)
class Device:
    """A DMA device. Described here; its mechanisms are not modelled yet, so naming one in `use:` is an error."""

    kind: Literal["nic", "camera", "disk-controller"]
    """What the device is."""
    dma_mask_bits: int = 64
    """Address bits the device can drive."""
    iommu: bool = False
    """Whether the device sits behind an IOMMU."""
    iommu_mode: Literal["strict", "lazy", "passthrough"] = "strict"
    """How unmaps invalidate the IOTLB."""


@dataclass(frozen=True, kw_only=True)
class Costs:
    """CPU time of the kernel's steps. Estimates with ranges; docs/costs.md has where each comes from."""

    distance_step: Nanoseconds = 5
    """Extra load latency per unit of SLIT distance beyond local: 140 ns at distance 20-21 over 90 ns local."""
    minor_fault_anon: Nanoseconds = 1_000
    """Anonymous first touch, zeroing included (500-3500)."""
    minor_fault_file: Nanoseconds = 600
    """Mapping a page that is already cached (300-1200)."""
    syscall: Nanoseconds = 200
    """Kernel entry of read() or write()."""
    copy_page: Nanoseconds = 400
    """Copying 4 KiB between user and page cache (estimate)."""
    scan_page: Nanoseconds = 300
    """Isolate, rmap walk and reference check of one page during reclaim (100-1000)."""
    reclaim_page: Nanoseconds = 700
    """Unmap and free one clean page, scan included (300-2000)."""
    swap_path: Nanoseconds = 4_000
    """Software path of a swap-in or swap-out, device excluded (3-6 us)."""
    io_path: Nanoseconds = 3_000
    """Block layer path of one request (2-5 us)."""
    tlb_shootdown: Nanoseconds = 1_000
    """One flush of other CPUs' TLBs, for what reclaim has unmapped (1-10 us)."""
    buddy: Nanoseconds = 50
    """One visit to the buddy allocator under the zone lock (estimate)."""
    kswapd_wake: Nanoseconds = 1_500
    """Scheduler switch to a daemon (estimate)."""
    context_switch: Nanoseconds = 2_000
    """Where CPUs are shared: a CPU turns from one task or daemon to another that waited (1000-3000, estimate)."""
    walk_pte: Nanoseconds = 7
    """Looking at one page-table entry in a walk of whole tables (5-10, estimate)."""
    lru_lock: Nanoseconds = 20
    """Time lru_lock is held per page and list it is moved on (estimate)."""
    balance_dirty: Nanoseconds = 2_000
    """One turn of balance_dirty_pages: sums of global counters, the device's share (1-3 us)."""
    dirty_page: Nanoseconds = 70
    """Accounting of a page that becomes dirty (50-100)."""
    rmap_check: Nanoseconds = 150
    """An idle page scanner looks up a page's mappings and clears their young bits (50-500)."""
    pfn_walk: Nanoseconds = 5
    """An idle page scanner passes over a frame or a region without looking at accessed bits (estimate)."""
    damon_sample: Nanoseconds = 800
    """DAMON prepares and checks one sampled page (300-2000)."""
    lruvec_visit: Nanoseconds = 200
    """Visit of a group in a reclaim walk: effective protection, entry to shrink_lruvec (50-500, estimate)."""
    slab_lookup: Nanoseconds = 100
    """Finding an object in its cache's hash table (50-300)."""
    slab_object_alloc: Nanoseconds = 100
    """Taking and initialising a slab object (50-500)."""
    slab_object_scan: Nanoseconds = 30
    """Looking at one object on a shrinker's list (10-100)."""
    slab_object_free: Nanoseconds = 100
    """Freeing a slab object (50-500)."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """The hardware: nodes, distances, disks, links, swap, devices."""

    nodes: tuple[Node, ...]
    """NUMA nodes, in id order. At least one has CPUs."""
    distance: tuple[tuple[int, ...], ...] | None = None
    """SLIT: `distance[i][j]` from node i to node j; 10 on the diagonal. Default 10 local, 20 elsewhere."""
    disks: dict[str, Disk] = field(default_factory=dict)
    """Block devices by name."""
    links: dict[str, Link] = field(default_factory=dict)
    """Network links by name."""
    swap: dict[str, SwapTarget] = field(default_factory=dict)
    """Swap areas by name."""
    devices: dict[str, Device] = field(default_factory=dict)
    """DMA devices by name."""
    costs: Costs = field(default_factory=Costs)
    """CPU costs of kernel steps on this machine."""
    hz: int = 1000
    """Timer ticks per second (100, 250 or 1000)."""
    tlb_flush: Nanoseconds | None = None
    """How often a CPU turns to another address space and back, which empties its TLB. Until then a page whose accessed
    bit the kernel cleared is not marked again while its translation is cached; the TLB holds all of them. Default: no
    TLB, every access marks."""
    pci_hole: Bytes = 0
    """Addresses below 4 GiB that devices take: so much less memory is in zone DMA32, the rest is in zone Normal."""
    use: tuple[str, ...] = ()
    """Names of the devices that take part. None can yet: their mechanisms come with the DMA work."""


@dataclass(frozen=True, kw_only=True)
class Sysctl:
    """Settings under /proc/sys/vm, under the kernel's names. None = what the kernel computes or defaults to."""

    swappiness: int | None = None
    """Relative cost of swapping against dropping file pages: 0-100, since 5.8 0-200; default 60."""
    zone_reclaim_mode: int | None = None
    """Bits 1 reclaim, 2 write, 4 unmap. Default 0; before 3.16, 1 if a node is farther than RECLAIM_DISTANCE (30)."""
    min_free_kbytes: int | None = None
    """Total of the zones' min watermarks; default isqrt(16 * lowmem kB), within bounds by version."""
    watermark_scale_factor: int | None = None
    """Distance between watermarks in 1/10000 of the zone; default 10. Not before 4.6."""
    page_cluster: int | None = None
    """log2 of the swap readahead window; default 3; 0 turns readahead off."""
    min_unmapped_ratio: int | None = None
    """Percent of a node that must be unmapped page cache before node_reclaim runs; default 1."""
    vfs_cache_pressure: int | None = None
    """Percent of their unused objects that file systems' shrinkers report as freeable; default 100."""
    dirty_ratio: int | None = None
    """Percent of dirtyable memory at which writers are stopped; default 20. 0 when `dirty_bytes` is set."""
    dirty_background_ratio: int | None = None
    """Percent of dirtyable memory from which flushers write in the background; default 10."""
    dirty_bytes: Bytes | None = None
    """The same limit as `dirty_ratio` in bytes, at least two pages; 0: the ratio holds."""
    dirty_background_bytes: Bytes | None = None
    """The same as `dirty_background_ratio` in bytes; 0: the ratio holds."""
    dirty_writeback_centisecs: int | None = None
    """How often flushers look for old dirty pages, in 1/100 s; default 500; 0: never."""
    dirty_expire_centisecs: int | None = None
    """Age in 1/100 s from which dirty pages are written in any case; default 3000."""
    numa_zonelist_order: Literal["default", "node", "zone"] | None = None
    """Order of fallback zones; `zone` exists before 4.14 only."""


@dataclass(frozen=True, kw_only=True)
class Variant:
    """The chosen variant of one policy axis and the parameters it overrides."""

    variant: str
    """Name of the variant: a file in a mechanism's variants/<axis>/, or what an outside file is called here."""
    file: str | None = None
    """Path of an outside Python file that defines the variant; None: a built-in one."""
    params: dict[str, int | float | str | bool] = field(default_factory=dict)
    """Parameters of the variant; `mmrun explain <axis>/<variant>` lists them."""


@dataclass(frozen=True, kw_only=True)
class Cgroup:
    """A memory cgroup (with `count` > 1, that many alike: `name.0`, `name.1`, ...)."""

    parent: str | None = None
    """Name of the group it is a child of; None: the root group."""
    count: int = 1
    """Number of identical groups; the copies of a task in them are spread over them in turn."""
    min: Bytes = 0
    """memory.min (4.18): reclaim leaves the group alone while its subtree uses no more than this."""
    low: Bytes = 0
    """memory.low (4.0): like `min`, as long as there is anything else to reclaim."""
    high: Bytes | None = None
    """memory.high (4.0): beyond it the group's tasks reclaim and, since 5.4, are put to sleep. None: no limit."""
    max: Bytes | None = None
    """memory.max: charged pages beyond it are reclaimed or the cgroup runs out of memory. None: no limit."""
    soft_limit: Bytes | None = None
    """memory.soft_limit_in_bytes (v1): when the machine is short, what groups have beyond theirs goes first."""
    swap_max: Bytes | None = None
    """memory.swap.max (4.5): swap the group's subtree may use. None: no limit."""
    swappiness: int | None = None
    """memory.swappiness (v1): overrides the machine's for this group."""
    stat_read_every: int | None = None
    """A monitor reads memory.stat every so many accesses of the group's tasks.

    Reading folds pending statistics when there are more than 64 a CPU; without a reader only the kernel's two-second
    worker folds them, and reclaim decides on old sizes.
    """


@dataclass(frozen=True, kw_only=True)
class Mempolicy:
    """Where a task's pages come from, as set_mempolicy(2)."""

    mode: Literal["local", "bind", "preferred", "preferred-many", "interleave", "weighted-interleave"] = "local"
    """`weighted-interleave` exists since 6.9, `preferred-many` since 5.15."""
    nodes: tuple[int, ...] | Literal["remote", "all"] = ()
    """Node mask. `remote`: the nodes other than the task's own, nearest first; `all`: every node."""
    weights: tuple[int, ...] | Literal["auto"] = "auto"
    """weighted-interleave: pages per round and node, 1-255; `auto` derives them from bandwidth."""


@dataclass(frozen=True, kw_only=True)
class SlabCache:
    """A slab cache with its shrinker: objects of one size in slab pages of order 0, unused ones on a list_lru."""

    object: Bytes
    """Size of an object; 4KiB divided by it, rounded down, share a slab page."""
    seeks: int = 2
    """Cost of making an object again, in disk seeks (DEFAULT_SEEKS 2); 0 since 4.20: free to make again."""
    batch: int | None = None
    """Objects a shrinker call asks for at a time. None: 128 (SHRINK_BATCH), 1024 for a superblock."""
    reclaimable: bool = True
    """False: nothing shrinks the cache, its pages count as nr_slab_unreclaimable."""
    filesystem: bool = False
    """The shrinker belongs to a file system: it refuses requests without __GFP_FS and obeys vfs_cache_pressure."""
    numa_aware: bool = True
    """Objects are listed per node (since 3.12)."""
    memcg_aware: bool = True
    """Objects are charged to the allocating group (since 4.5) and listed per group."""
    superblock: str | None = None
    """Caches that name the same one share a shrinker, which splits a request between them (since 3.1)."""
    pins: str | None = None
    """Cache whose object of the same number each object holds in use while it lives, as a dentry does its inode."""


@dataclass(frozen=True, kw_only=True)
class Region:
    """A part of a task's address space, in the order of the list; page 0 of the first region is page 0 of the task."""

    kind: Literal["anon", "file", "slab"] = "anon"
    """Anonymous memory, a file, or the objects of a slab cache: one number an object instead of one a page.

    In a slab region a read looks the object up; if it is not there it is made and read from `disk`. A write looks it up
    inside a file system transaction (GFP_NOFS) and makes it anew without reading.
    """
    size: Bytes | None = None
    """Size; one region of a task may leave it out and gets the rest of the stream's footprint. Slab: see `objects`."""
    cache: str | None = None
    """Slab: name of the cell's slab cache."""
    objects: int | None = None
    """Slab: number of objects that can be looked up; may be left out like `size`."""
    access: Literal["mmap", "read"] = "mmap"
    """File: through a mapping (loads and stores), or through read() and write() of whole pages."""
    file: str | None = None
    """Name of the file; tasks naming the same file share its page cache. None: a file of its own.

    Slab: name of the file system; tasks naming the same one look up the same objects.
    """
    disk: str | None = None
    """Disk that holds the file; None: a file system without a device (reads and writes cost no I/O time)."""
    file_size: Bytes | None = None
    """File read and written with read() and write(): the region is many files of this size, a multiple of 256KiB."""
    fragment: Bytes | None = None
    """File: it lies on its disk in pieces of this size, anywhere. None: in one piece."""
    sparse: bool = False
    """File: all of it is a hole until it is written; what was never written is filled with zeros instead of read."""
    readahead: Bytes = 128 * KiB
    """Largest readahead window (read_ahead_kb); 0 turns readahead off."""
    fault_around: Bytes = 64 * KiB
    """Mapped files: cached pages mapped around a fault (fault_around_bytes, 3.15); 4KiB turns it off."""
    advice: Literal["normal", "random", "sequential"] = "normal"
    """madvise/posix_fadvise on the region."""


@dataclass(frozen=True, kw_only=True)
class Stream:
    """Where a task's page accesses come from: a generator in model/workloads/, or a recorded trace."""

    kind: str
    """Name of the generator (`zipf`, `loop`, ...) or `trace`."""
    params: dict[str, Any] = field(default_factory=dict)
    """Parameters of the generator; for `trace`: `path`, optional `repeat` and `tasks`."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """A process (with `count` > 1, that many alike, each with its own memory and random stream)."""

    stream: Stream
    """What it does."""
    node: int = 0
    """Node whose CPU it runs on."""
    count: int = 1
    """Number of identical tasks."""
    cgroup: str | None = None
    """Memory cgroup; None: the root group."""
    mempolicy: Mempolicy = field(default_factory=Mempolicy)
    """Placement of its pages."""
    memory: tuple[Region, ...] = (Region(),)
    """Its address space."""
    think: Nanoseconds = 0
    """Computation between two accesses."""
    start: Nanoseconds = 0
    """When it starts."""
    nice: int = 0
    """Nice level, -20 to 19: its share of the CPU where tasks share CPUs, a tenth more or less a step."""
    nofs: bool = False
    """All its allocations are GFP_NOFS (memalloc_nofs_save): file systems' shrinkers refuse to work for it."""


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How often counters are written to the series; both None: no series."""

    every: Nanoseconds | None = None
    """Simulated time between samples."""
    accesses: int | None = None
    """Accesses of all tasks between samples."""
    cold_after: Nanoseconds = 120 * S
    """A page untouched for this long is cold, else it belongs to the working set: what idle scanners are judged by."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One run of the model: everything its metrics depend on, besides trace contents and the model's code."""

    kernel: str
    """Kernel version, from 2.6.32 to 6.18: selects a variant on every policy axis and the sysctl defaults."""
    machine: Machine
    """The hardware."""
    tasks: dict[str, Task]
    """The tasks by name."""
    policy: dict[str, Variant] = field(default_factory=dict)
    """Axes on which the cell departs from its kernel version."""
    vm: Sysctl = field(default_factory=Sysctl)
    """Sysctl settings."""
    cgroups: dict[str, Cgroup] = field(default_factory=dict)
    """Memory cgroups by name."""
    slab: dict[str, SlabCache] = field(default_factory=dict)
    """Slab caches by name, in the order in which their shrinkers are called."""
    sampling: Sampling = field(default_factory=Sampling)
    """Series output."""
    duration: Nanoseconds | None = None
    """Stop after this much simulated time; None: when every stream has ended."""
    seed: str = "mmrun"
    """Names the random streams, together with task name and replicate, never with the variant."""
    replicate: int = 0
    """Number of the replicate."""
