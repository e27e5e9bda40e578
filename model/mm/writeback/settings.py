"""What can be varied and read: axes, hooks, counters."""

from collections.abc import Iterator
from typing import Any

from mmrun.model.core.mechanism import CORE, Axis, Case, Cause, Matters, Subject, Told, counters, hooks
from mmrun.model.rules.record import Fault, Record, record
from mmrun.model.units import PAGE, Bytes, Nanoseconds


def on_disk(case: Case, _: Any) -> bool:
    """Whether a task has a file on a disk."""
    return any(
        region.disk is not None for task in case.cell.tasks.values() for region in task.memory if region.kind == "file"
    )


ON_DISK = Matters("a cell with files on a disk", on_disk)
AXES = (
    Axis(
        "dirty_limits", 14, "how many dirty pages a zone or node may hold before pages for write() come from elsewhere",
        (), ON_DISK,
    ),
)  # fmt: skip

HOOKS = {
    **hooks(
        CORE,
        9,
        ("finish_writes", "", "pages whose writes have ended by now"),
        ("flusher", "wb", "writes what is dirty, for ever"),
    ),
    **hooks(
        "dirty_limits",
        112,
        ("dirty_ok", "zone", "1 = dirty pages are within its limit, a page for write() may come from it"),
    ),
}

WRITEBACK_COUNTERS = counters("""
nr_dirtied | none | file pages that became dirty
nr_written | none | file pages written back
nr_unstable | none | pages a file server has answered for but not committed, when the run ends; counted to 5.8
nfs_commits | none | COMMIT calls to file servers | events
inode_switch_wbs | none | files that moved to the group whose pages they hold | events
foreign_flushes | none | times a throttled group had the flushers of other groups write its pages | events
writeback_errors | lower | file pages whose write failed and that stay dirty
nr_dirty | none | dirty file pages that are not being written, when the run ends
nr_writeback | none | pages of files and of swap being written when the run ends
nr_dirty_threshold | none | dirty pages at which writers are stopped, when somebody last asked
nr_dirty_background_threshold | none | dirty pages from which the flushers write, when somebody last asked
balance_dirty_pages | none | calls of writers into dirty throttling | events
""")

WB_COUNTERS = counters("""
write_bandwidth | none | estimate of the device's bandwidth when the run ends
avg_write_bandwidth | none | the same, smoothed
dirty_ratelimit | none | base rate of the device's dirtiers when the run ends
""", unit="pages/s")  # fmt: skip

COUNTERS = WRITEBACK_COUNTERS  # of the machine

TOLD = (Told("disk", WB_COUNTERS, sampled=True),)
# Counters that say how it stands.
LEVELS = ("nr_unstable", "nr_dirty", "nr_writeback", "nr_dirty_threshold", "nr_dirty_background_threshold")


@record
class Sysctl(Record):
    """Settings under /proc/sys/vm."""

    MATTERS = ON_DISK
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

    def faults(self) -> Iterator[Fault]:
        """Fewer bytes than the kernel takes for a limit."""
        if self.dirty_bytes and self.dirty_bytes < 2 * PAGE:
            yield Fault(("dirty_bytes",), f"dirty_bytes is {self.dirty_bytes}B", "at least two 4KiB pages")


@record
class Costs(Record):
    """CPU time of its steps."""

    MATTERS = ON_DISK
    dirty_page: Nanoseconds = 70
    """Accounting of a page that becomes dirty (50-100)."""


CAUSES = (
    Cause(
        ("stall_fsync_ns", "nr_written", "nr_dirtied"),
        ("fsyncs", "nr_dirtied", "nr_written", "writes", "pages_written", "busy_ns", "wait_ns", "seeks"),
        ("writeback:*",),
    ),
)  # fmt: skip

SUBJECTS = (
    Subject(
        "writeback",
        "Flushers write what is dirty for long, beyond the background limit, or for reclaim; writers are held back "
        "(`dirty_throttling`). Truncation and laptop mode are not modelled.",
        ("dirty_limits", "dirty_throttling", "dirty_ratio", "nr_written", "write_bandwidth"),
        ("flusher threads", "pdflush", "laptop_mode", "vm.laptop_mode", "truncate", "sync", "syncfs"),
    ),
)
