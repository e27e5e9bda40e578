"""What can be varied and read: axes, hooks, counters."""

from typing import Annotated

from mmrun.model.core.mechanism import Axis, Cause, Matters, Subject, Told, counters, hooks
from mmrun.model.rules.record import Record, record
from mmrun.model.units import Nanoseconds

HAS_SWAP = Matters("a machine with swap", lambda case, _: bool(case.cell.machine.swap))
READS_AHEAD = Matters(
    "a machine with swap other than zram, which is read without readahead since 4.15",
    lambda case, _: any(
        area.kind != "zram" or not case.flags["swapin_synchronous"] for area in case.cell.machine.swap.values()
    ),
)
AXES = (Axis("swap_readahead", 7, "which swap slots are read around a faulting one", ("BY_VMA",), READS_AHEAD),)

HOOKS = {
    **hooks(
        "swap_readahead",
        128,
        ("swap_window", "region page slot", "where to read around a swap-in: swap.window"),
    ),
}

SWAP_COUNTERS = counters("""
pswpin | lower | pages read from swap
pswpout | lower | pages written to swap
swap_ra | none | pages read ahead from swap
swap_ra_hit | higher | pages read ahead from swap and then used
swap_sigbus | lower | tasks killed because a page could not be read from a server (SIGBUS) | tasks
""")

COUNTERS = SWAP_COUNTERS  # of the machine

SWAP_GAUGES = counters("""
nr_swap_used | none | swap slots in use when the run ends
""")
TOLD = (Told("machine", SWAP_GAUGES, sampled=True),)


@record
class Sysctl(Record):
    """Settings under /proc/sys/vm."""

    page_cluster: Annotated[int, READS_AHEAD] | None = None
    """log2 of the swap readahead window; default 3; 0 turns readahead off."""


@record
class Costs(Record):
    """CPU time of its steps."""

    swap_path: Annotated[Nanoseconds, HAS_SWAP] = 4_000
    """Software path of a swap-in or swap-out, device excluded (3-6 us)."""


CAUSES = (
    Cause(
        ("stall_swap_ns", "pswpin", "pswpout"),
        (
            "pswpin", "pswpout", "workingset_refault_anon", "pgsteal_anon", "pgscan_anon", "swap_ra", "swap_ra_hit",
            "zswpin", "busy_ns", "wait_ns", "seeks",
        ),
        ("vmscan:mm_vmscan_write_folio", "vmscan:mm_vmscan_lru_shrink_inactive"),
    ),
)  # fmt: skip

SUBJECTS = (
    Subject(
        "swap",
        "Areas under `machine.swap`: a partition, zram, or one over a link (nbd, nfs, iscsi); swap files are "
        "partitions "
        "here. A compressed cache in front of them is zswap.",
        ("machine.swap", "zswap", "swappiness", "page_cluster", "pswpin", "pswpout"),
        ("swap file", "swapfile", "zram"),
    ),
)
