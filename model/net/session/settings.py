"""What can be varied and read: reserves for swap, daemons of its transports, counters, times of requests."""

from mmrun.model.core.mechanism import CORE, Axis, Matters, Subject, Told, counters, hooks

SOCKETS = ("nbd", "nfs", "iscsi")
SERVED = (*SOCKETS, "rdma")
TIME_BUCKETS = 160  # of a histogram of times, as LATENCY_BUCKETS of mm/task/state.py


def _swaps_over(*kinds: str) -> Matters:
    return Matters(
        "a machine with swap over a link",
        lambda case, _: any(area.kind in kinds for area in case.cell.machine.swap.values()),
    )


OVER_SOCKETS, OVER_LINKS = _swaps_over(*SOCKETS), _swaps_over(*SERVED)
AXES = (
    Axis(
        "swap_reserves", 18, "which connections of swap may use memory below the watermarks", ("TAGGED",), OVER_SOCKETS
    ),
)

HOOKS = hooks(
    CORE, 93, ("outages", "number", "a server's: it stops, crashes and comes back when its description says so"),
    optional=True,
)  # fmt: skip

SESSION_COUNTERS = counters("""
netswap_requests | none | requests to storage servers that hold swap | requests
netswap_replies | none | those that were answered | requests
netswap_resent | lower | requests to be sent again because their connection was lost | requests
netswap_errors | lower | requests to storage servers that failed | requests
netswap_reconnects | lower | connections to storage servers made anew | events
rpc_delays | lower | times that a call's buffer came from the pool or not at all, as there was no memory | events
""")

COUNTERS = SESSION_COUNTERS  # of the machine

REQUEST_TIMES = counters("""
netswap_read_p50_ns | lower | time of a read from swap over a link, from the block layer's queue to its end: median | ns
netswap_read_p99_ns | lower | the same: 99 % take at most this | ns
netswap_read_p999_ns | lower | the same: 99.9 % take at most this | ns
netswap_write_p50_ns | lower | time of a write to swap over a link: median | ns
netswap_write_p99_ns | lower | the same: 99 % take at most this | ns
""")
TOLD = (Told("machine", REQUEST_TIMES, when=lambda case: OVER_LINKS.when(case, None), counted=True),)

SUBJECTS = (
    Subject(
        "swap over the network",
        "Areas of kind `nbd`, `nfs` and `iscsi` are messages on a TCP connection whose buffers take this machine's "
        "memory; `rdma` is read and written by the card. The server has threads, a page cache and a disk, and can "
        "stop, crash and come back; a link can be cut. `policy.swap_reserves` says whose sockets may use reserves.",
        ("machine.swap", "swap_reserves", "netswap_read_p99_ns", "netswap_errors", "swap_sigbus"),
        ("nbd", "iscsi", "nfs swap", "sock_memalloc", "sk_set_memalloc", "infiniswap", "remote swap", "iscsid"),
    ),
)
