"""What can be varied and read: hooks."""

from typing import Annotated

from mmrun.model.core.mechanism import CORE, NO_FRAME, Matters, hooks
from mmrun.model.rules.record import Record, record

RECLAIMS_ZONES = Matters(
    "a cell with vm.zone_reclaim_mode, or whose version sets it",
    lambda case, _: case.cell.vm.zone_reclaim_mode != 0,
)
HOOKS = {
    **hooks(
        CORE,
        6,
        ("charged_frame", "task gfp index", "a frame, or NONE; index: in its mapping, -1 for page cache", NO_FRAME),
        ("kernel_frame", "task gfp", "a frame, or NONE", NO_FRAME),
    ),
}


@record
class Sysctl(Record):
    """Settings under /proc/sys/vm."""

    zone_reclaim_mode: int | None = None
    """Bits 1 reclaim, 2 write, 4 unmap. Default 0; before 3.16, 1 if a node is farther than RECLAIM_DISTANCE (30)."""
    min_unmapped_ratio: Annotated[int, RECLAIMS_ZONES] | None = None
    """Percent of a node that must be unmapped page cache before node_reclaim runs; default 1."""
