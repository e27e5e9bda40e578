"""What is told of writeback: for what dirty throttling takes the disks."""

from mmrun.model.counters import WB_COUNTERS
from mmrun.model.machine.built import Built
from mmrun.model.mm.writeback.state import bdis


def sampled(built: Built) -> dict[str, int]:
    """`disk.<name>.<metric>` of dirty throttling: what it takes the device for, with groups of their own in sum."""
    rows, wbs = bdis(built.memory.m), built.memory.table("wbs")
    return {
        f"disk.{name}.{metric}": int(wbs[metric][int(rows[d].first_wb) :][: int(rows[d].nr_wbs)].sum())
        for d, name in enumerate(built.disks)
        for metric in WB_COUNTERS
    }
