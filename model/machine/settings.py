"""The vocabulary of hardware: nodes (part of `description`)."""

from collections.abc import Iterator
from typing import Annotated

from mmrun.model.block.settings import Rate
from mmrun.model.core.mechanism import Cause, Matters, Subject, Told, counters
from mmrun.model.rules.bounds import Range, Why
from mmrun.model.rules.record import Fault, Record, record
from mmrun.model.units import GB_S, PAGE, KiB, MiB, Nanoseconds, Pages, Quantity, TiB

MAX_NODES, MAX_CPUS = 16, 256
# A page-table word has 28 bits for a frame, or for a swap slot plus one; an index of such a word has 31.
MIN_MEMORY, MAX_MEMORY, MAX_SWAP = 8 * MiB, TiB, TiB - PAGE
MAX_PAGES = 1 << 30  # pages and slab objects of all tasks together, objects twice with those they pin


Share = Annotated[float, Quantity("ratio"), Range(ge=0.0, le=1.0)]


@record
class Start(Record):
    """What an aged machine's memory is like when the cell begins: what is free, what is in use, how mixed they are.

    It comes about by a random stream of allocations and frees through the buddy allocator when the machine is built,
    always the same for a seed. What is in use and movable is page cache that nobody will read again.
    """

    free: Annotated[float, Quantity("ratio"), Range(ge=0.01, le=1.0), Why("examples: 40%")]
    """Part of the node's memory that is free."""
    unmovable: Share = 0.05
    """Part that the kernel keeps for itself, in blocks of up to eight pages, a third of them reclaimable ones."""
    movable_pinned: Share = 0.0
    """Part in movable pageblocks that cannot be moved, as it is pinned for good."""
    freed_together: Annotated[Pages, Range(ge=PAGE, le=64 * MiB), Why("4KiB frees every page apart")] = 256 * KiB
    """How much movable memory in a row was given back at a time, as files and processes do: the more, the less are the
    holes that it left. An estimate."""
    seed: Annotated[int, Range(ge=0, le=1 << 30)] = 1
    """Names the random stream."""

    def faults(self) -> Iterator[Fault]:
        """More than there is."""
        if (whole := self.free + self.unmovable + self.movable_pinned) > 1 + 1e-9:
            yield Fault(
                ("free",), f"{whole:.0%} of the node's memory", "what is free and in use for good is 100% at most"
            )


@record
class Node(Record):
    """A NUMA node. Without CPUs it is a memory-only node (CXL expander, persistent memory)."""

    cpus: Annotated[int, Range(ge=0), Why("0 makes it memory-only")] = 1
    """Number of CPUs on the node; 0 makes it a memory-only node."""
    memory: Annotated[Pages, Range(ge=MIN_MEMORY)]
    """Size of the node's memory."""
    latency: Nanoseconds = 90
    """Load latency from the node's own CPUs, or a memory-only node's nearest: 80-110; Memtis (SOSP 2023) uses 80."""
    hugepages: Annotated[int, Range(ge=0, le=1 << 19)] = 0
    """Huge pages of 2 MiB that the pool takes from the node at boot (hugepages=<node>:<number>)."""
    gigantic_pages: Annotated[int, Range(ge=0, le=1 << 10)] = 0
    """Gigantic pages of 1 GiB that their pool takes from the node at boot (hugepagesz=1G)."""
    bandwidth: Rate = 80 * GB_S
    """Bandwidth of the node's memory channels together; an estimate for six DDR4-2666 channels at 60 % efficiency."""
    tier: Annotated[int, Range(ge=0, le=15)] | None = None
    """Memory tier, 0 the fastest. Default: nodes with CPUs are of tier 0, others of one by latency and bandwidth."""
    start: Start | None = None
    """What its memory is like at the start. Default: all of it is free and in one piece, as after booting."""


SEVERAL_NODES = Matters("a machine with several nodes", lambda case, _: len(case.cell.machine.nodes) > 1)
NODE_COUNTERS = counters("""
numa_hit | higher | pages allocated on the node that wanted them there
numa_miss | lower | pages allocated here although another node was preferred
numa_foreign | lower | pages wanted here but allocated elsewhere
interleave_hit | none | interleaved pages that landed on the intended node
local_node | higher | pages allocated here by a CPU of this node
other_node | lower | pages allocated here by a CPU of another node
pgscan | lower | inactive pages of the node scanned
pgsteal | none | pages of the node reclaimed
nr_slab_pages | none | slab pages on the node when the run ends
slab_scanned_for | none | slab objects scanned because the node was short of pages | objects
slab_pages_freed_here | none | slab pages of the node given back by shrinkers
kswapd_wake | none | times the node's kswapd was woken | events
kswapd_ns | lower | CPU time of the node's kswapd | ns
kswapd_asleep_ns | none | time the node's kswapd slept over writeback | ns
""")

NODE_TOLD = counters("""
touches | none | touches of the node's pages by tasks | accesses
""")
MACHINE_TOLD = counters("""
memory_pages | none | memory of all nodes
""")
TOLD = (Told("node", NODE_TOLD), Told("machine", MACHINE_TOLD))
LEVELS = ("nr_slab_pages",)  # counters that say how it stands


@record
class Costs(Record):
    """CPU time of its steps."""

    distance_step: Annotated[Nanoseconds, SEVERAL_NODES] = 5
    """Extra load latency per unit of SLIT distance beyond local: 140 ns at distance 20-21 over 90 ns local."""
    syscall: Nanoseconds = 200
    """Kernel entry of read() or write()."""
    copy_page: Nanoseconds = 400
    """Copying 4 KiB between user and page cache (estimate)."""
    kswapd_wake: Nanoseconds = 1_500
    """Scheduler switch to a daemon (estimate)."""


CAUSES = (
    Cause(("stall_channel_ns",), ("accesses", "misses", "remote_touches", "numa_miss", "other_node")),
)  # fmt: skip

SUBJECTS = (
    Subject(
        "numa",
        "Nodes with memory and CPUs of their own, distances between them, and where pages come from: `machine.nodes`, "
        "`machine.distance`, `tasks.<name>.mempolicy`. Pages move with `vm.numa_balancing`, and between fast and slow "
        "nodes with `vm.demotion_enabled`.",
        ("machine.nodes", "zone_reclaim_mode", "numa_hit", "remote_touches", "numa_balancing", "demotion_enabled"),
        (),
    ),
    Subject(
        "cpu cache",
        "CPU caches are not modelled: an access costs the load latency of its node.",
        ("machine.nodes.latency",),
        ("llc", "cache misses", "prefetcher"),
    ),
)
