"""The vocabulary of hardware: nodes, costs of kernel steps, DMA devices, machines (part of `description`)."""

from dataclasses import field
from typing import Annotated, Literal

from mmrun.model.block.settings import Disk, Link, Rate, SwapTarget
from mmrun.model.rules.bounds import Range, Why
from mmrun.model.rules.record import Family, Record, abstract, record
from mmrun.model.units import GB_S, Bytes, MiB, Nanoseconds, Pages

MAX_NODES, MAX_CPUS = 16, 256
MIN_MEMORY, MAX_MEMORY = 8 * MiB, 64 << 40


@record
class Node(Record):
    """A NUMA node. Without CPUs it is a memory-only node (CXL expander, persistent memory)."""

    cpus: Annotated[int, Range(ge=0), Why("0 makes it memory-only")] = 1
    """Number of CPUs on the node; 0 makes it a memory-only node."""
    memory: Annotated[Pages, Range(ge=MIN_MEMORY)]
    """Size of the node's memory."""
    latency: Nanoseconds = 90
    """Load latency from the node's own CPUs, or a memory-only node's nearest: 80-110; Memtis (SOSP 2023) uses 80."""
    bandwidth: Rate = 80 * GB_S
    """Bandwidth of the node's memory channels together; an estimate for six DDR4-2666 channels at 60 % efficiency."""


@abstract()
class Device(Family):
    """A DMA device. Described here; its mechanisms are not modelled yet, so naming one in `use:` is an error."""

    kind: str
    """What the device is."""
    dma_mask_bits: Annotated[int, Range(ge=8, le=64)] = 64
    """Address bits the device can drive."""
    iommu: bool = False
    """Whether the device sits behind an IOMMU."""
    iommu_mode: Literal["strict", "lazy", "passthrough"] = "strict"
    """How unmaps invalidate the IOTLB."""


@record
class DmaDevice(Device):
    """A network interface, a source of frames, or what moves a disk's pages: they have the same fields so far."""

    kind: Literal["nic", "camera", "disk-controller"] = "nic"


@record
class Costs(Record):
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
    devices: dict[str, Device] = field(default_factory=dict)
    """DMA devices by name."""
    costs: Costs = field(default_factory=Costs)
    """CPU costs of kernel steps on this machine."""
    hz: Literal[100, 250, 1000] = 1000
    """Timer ticks per second."""
    tlb_flush: Nanoseconds | None = None
    """How often a CPU turns to another address space and back, which empties its TLB. Until then a page whose accessed
    bit the kernel cleared is not marked again while its translation is cached; the TLB holds all of them. Default: no
    TLB, every access marks."""
    pci_hole: Bytes = 0
    """Addresses below 4 GiB that devices take: so much less memory is in zone DMA32, the rest is in zone Normal."""
    use: tuple[str, ...] = ()
    """Names of the devices that take part. None can yet: their mechanisms come with the DMA work."""
