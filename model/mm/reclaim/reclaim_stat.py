"""What scanned pages were, of one batch or of a node at one priority (struct reclaim_stat of mm/vmscan.c)."""

from mmrun.model.core.jit import kernel


@kernel
def clear_stat(stat):
    """Start counting."""
    stat.taken = stat.file = stat.dirty = stat.unqueued_dirty = stat.congested = stat.writeback = stat.immediate = 0
    stat.late_dirty = stat.late_congested = stat.ref_keep = 0


@kernel
def add_stat(total, stat):
    """Add a batch to what came before it."""
    total.taken += stat.taken
    total.file += stat.file
    total.dirty += stat.dirty
    total.unqueued_dirty += stat.unqueued_dirty
    total.congested += stat.congested
    total.writeback += stat.writeback
    total.immediate += stat.immediate
