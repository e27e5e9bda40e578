"""Queues that are full no longer, and who waits for that (mm/backing-dev.c)."""

from mmrun.model.core.jit import kernel
from mmrun.model.core.sleep import ALL, wake
from mmrun.model.mm.reclaim.state import congestion


@kernel
def clear_bdi_congested(m, at):
    """A disk's queue is no longer full: who waits for any of them goes on."""
    wake(m, congestion(m), ALL, at)
