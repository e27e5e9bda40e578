"""What can be varied and read: axes, hooks."""

from mmrun.model.core.mechanism import Axis, Cause, hooks
from mmrun.model.mm.writeback.settings import ON_DISK
from mmrun.model.rules.record import Record, record
from mmrun.model.units import Nanoseconds

AXES = (
    Axis("dirty_throttling", 13, "how writers are held back when too much of memory is dirty", ("RULES",), ON_DISK),
)

HOOKS = {
    **hooks(
        "dirty_throttling",
        104,
        ("balance_dirty_pages_ratelimited", "task", "it dirtied a page of task.balance_wb and may sleep for it; 0"),
        ("update_bandwidth", "wb began", "some of what the flusher began at jiffy `began` was submitted; 0"),
    ),
}


@record
class Costs(Record):
    """CPU time of its steps."""

    MATTERS = ON_DISK
    balance_dirty: Nanoseconds = 2_000
    """One turn of balance_dirty_pages: sums of global counters, the device's share (1-3 us)."""


CAUSES = (
    Cause(
        ("stall_dirty_ns", "stall_queue_ns", "dirty_pauses"),
        (
            "dirty_pauses", "balance_dirty_pages", "nr_dirtied", "nr_written", "dirtier_written", "nr_dirty_threshold",
            "nr_dirty_background_threshold", "nr_dirty", "nr_writeback", "write_bandwidth", "busy_ns", "seeks",
        ),
        ("writeback:*",),
    ),
)  # fmt: skip
