"""What can be varied and read: axes, hooks, counters."""

from mmrun.model.core.mechanism import Axis, counters, hooks
from mmrun.model.rules.record import Record, record
from mmrun.model.units import Nanoseconds

AXES = (Axis("swap_readahead", 7, "which swap slots are read around a faulting one", ("BY_VMA",)),)

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
""")

COUNTERS = SWAP_COUNTERS  # of the machine


@record
class Sysctl(Record):
    """Settings under /proc/sys/vm."""

    page_cluster: int | None = None
    """log2 of the swap readahead window; default 3; 0 turns readahead off."""


@record
class Costs(Record):
    """CPU time of its steps."""

    swap_path: Nanoseconds = 4_000
    """Software path of a swap-in or swap-out, device excluded (3-6 us)."""
