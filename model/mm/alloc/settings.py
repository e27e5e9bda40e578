"""What can be varied and read: hooks."""

from mmrun.model.core.mechanism import CORE, NO_FRAME, hooks
from mmrun.model.rules.record import Record, record

HOOKS = {
    **hooks(
        CORE,
        6,
        ("charged_frame", "task gfp", "a frame, or NONE", NO_FRAME),
        ("kernel_frame", "task gfp", "a frame, or NONE", NO_FRAME),
    ),
}


@record
class Sysctl(Record):
    """Settings under /proc/sys/vm."""

    zone_reclaim_mode: int | None = None
    """Bits 1 reclaim, 2 write, 4 unmap. Default 0; before 3.16, 1 if a node is farther than RECLAIM_DISTANCE (30)."""
    min_unmapped_ratio: int | None = None
    """Percent of a node that must be unmapped page cache before node_reclaim runs; default 1."""
