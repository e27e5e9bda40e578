"""What can be set, varied and read: who pays for socket memory, its marks, sizes of buffers, cache lines."""

from typing import Annotated, Any

from mmrun.model.core.mechanism import CORE, Axis, Matters, Subject, Told, counters, hooks
from mmrun.model.rules.bounds import Range
from mmrun.model.rules.record import Record, record
from mmrun.model.units import Nanoseconds


def has_sockets(cell: Any) -> bool:
    """Whether tasks of the cell send or receive, or swap goes over a link."""
    streams = any(task.stream.kind.startswith("net") for task in cell.tasks.values())
    return streams or any(getattr(area, "link", None) for area in cell.machine.swap.values())


HAS_SOCKETS = Matters("a cell with sockets", lambda case, _: has_sockets(case.cell))
AXES = (
    Axis("tcp_accounting", 17, "what memory of sockets is charged to beside the machine's counter", (), HAS_SOCKETS),
)

HOOKS = {
    **hooks(
        CORE, 106, ("vmpressure", "memcg scanned reclaimed", "0, after sockets of a group reclaimed from know of it"),
        optional=True,
    ),
    **hooks(
        "tcp_accounting", 107,
        ("charge_skmem", "memcg pages how",
         "1 = charged, 0 = not, 2 = charged beyond a limit; how: 1 the caller may sleep, 2 it must not be refused"),
        ("uncharge_skmem", "memcg pages", "0, after the group no longer pays for them"),
    ),
}  # fmt: skip

TCP_MEM_COUNTERS = counters("""
TCPMemoryPressures | lower | times that socket memory came under pressure | events
TCPMemoryPressuresChrono | lower | time for which it was | ms
sk_mem_refused | lower | requests for socket memory that were refused (sock_exceed_buf_limit) | requests
sk_mem_forced | lower | requests of senders that were granted beyond what is allowed | requests
skmem_charges | none | times that a group's counter of socket memory was charged or uncharged, stocks aside | events
skmem_lines_ns | lower | time in which counters of socket memory were fetched from other CPUs' caches, or held | ns
skmem_wait_ns | lower | time that CPUs waited for others to be done with such a counter | ns
""")

COUNTERS = TCP_MEM_COUNTERS  # of the machine
GAUGES = counters("""
tcp_mem_pages | none | pages on the protocol's shared counter, as /proc/net/sockstat tells: without CPUs' own shares
tcp_mem_charged | none | pages that sockets are charged for
""")
RATES = counters("""
tcp_mbit_s | higher | what receivers on this machine read, 10^6 bits a second | Mbit/s
skmem_per_packet_ns | lower | time for and waiting for counters of socket memory, a buffer received | ns
""")
GROUP_GAUGES = counters("""
sock | none | pages of sockets charged to the group and those below it (memory.stat sock)
kmem_tcp_failcnt | lower | charges that kmem_tcp_limit did not allow | events
tcp_received | higher | bytes of streams that came to sockets of the group | bytes
""")
TOLD = (
    Told("machine", GAUGES, sampled=True, when=lambda case: has_sockets(case.cell)),
    Told("machine", RATES, when=lambda case: has_sockets(case.cell)),
    Told("cgroup", GROUP_GAUGES, counted=True),
)  # fmt: skip

Buffer = Annotated[int, Range(ge=4096, le=1 << 30)]
Mark = Annotated[int, Range(ge=1, le=1 << 30)]

FIXED = dict.fromkeys(
    ("tcp_mem_min", "tcp_mem_pressure", "tcp_mem_max", "tcp_wmem_default", "tcp_wmem_max", "tcp_rmem_default",
     "tcp_rmem_max"), "sockets have their limits from the start",
)  # fmt: skip


@record
class Sysctl(Record):
    """Settings under /proc/sys/net."""

    MATTERS = HAS_SOCKETS
    tcp_mem_min: Mark | None = None
    """net.ipv4.tcp_mem, first number: pages of socket memory up to which nothing is under pressure. Default: three
    quarters of the second."""
    tcp_mem_pressure: Mark | None = None
    """Its second number: pages beyond which sockets are under pressure. Default: a 16th of memory, an 8th to 4.1."""
    tcp_mem_max: Mark | None = None
    """Its third number: pages beyond which nobody gets more. Default: twice the first."""
    tcp_wmem_default: Buffer | None = None
    """net.ipv4.tcp_wmem, second number: bytes of a new socket's send buffer. Default 16384."""
    tcp_wmem_max: Buffer | None = None
    """Its third number: bytes up to which send buffers grow. Default: a 128th of memory, 64 KiB to 4 MiB."""
    tcp_rmem_default: Buffer | None = None
    """net.ipv4.tcp_rmem, second number: bytes of a new socket's receive buffer. Default 131072, 87380 to 4.19."""
    tcp_rmem_max: Buffer | None = None
    """Its third number: bytes up to which receive buffers grow. Default: a 128th of memory, up to 6 MiB (4 MiB at
    first, 32 MiB since 6.16)."""
    mem_pcpu_rsv: int | None = None
    """net.core.mem_pcpu_rsv: pages that a CPU keeps to itself before it changes the shared counter. Default 256."""


@record
class Costs(Record):
    """CPU time of its steps."""

    MATTERS = HAS_SOCKETS
    line_same_core: Nanoseconds = 5
    """A counter's cache line is in the CPU's own cache (20 cycles; David et al., SOSP 2013)."""
    line_same_node: Nanoseconds = 40
    """It was changed by another CPU of the node (100-130 cycles; the same)."""
    line_cross_node: Nanoseconds = 120
    """It was changed by a CPU of another node (300-450 cycles; the same)."""
    res_counter_level: Nanoseconds = 50
    """A level of a res_counter, interrupts off and locked: 40-60 ns (estimate)."""
    cgroup_accessor: Nanoseconds = 4
    """Calls through which every socket, in a group or not, reached its counters in the postings of 2011 (estimate)."""


SUBJECTS = (
    Subject(
        "tcp_mem",
        "Socket memory is counted in pages: a socket pays ahead from `forward_alloc`, the protocol's counter has three "
        "marks (`vm.tcp_mem_min`, `tcp_mem_pressure`, `tcp_mem_max`), between and beyond which sockets are held back. "
        "The axis `tcp_accounting` says what groups pay.",
        ("tcp_mem_min", "tcp_mem_pressure", "tcp_mem_max", "tcp_accounting", "TCPMemoryPressures", "tcp_mem_pages"),
        ("net.ipv4.tcp_mem", "sockstat", "tcp memory pressure", "tcp_wmem", "tcp_rmem", "sk_forward_alloc"),
    ),
    Subject(
        "tcp cgroup",
        "Memory of a group's sockets: nothing to 3.2, a counter of its own with a limit in version 1 of cgroups "
        "(`kmem_tcp_limit`), part of what memory.max limits in version 2. What the counters cost when many CPUs share "
        "them is queueing on their cache lines.",
        ("tcp_accounting", "cgroups.kmem_tcp_limit", "sock", "skmem_wait_ns", "skmem_lines_ns"),
        ("memory.kmem.tcp.limit_in_bytes", "sock", "socket memory", "mem_cgroup_charge_skmem"),
    ),
)
