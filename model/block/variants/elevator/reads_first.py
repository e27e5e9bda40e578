"""Reads are served at once, after what the disk is at; a disk's `scheduler` orders the writes that wait.

Every 32 reads past waiting writes a batch of those goes first.
"""

from mmrun.model.core.jit import hook
from mmrun.model.core.record import NONE

SOURCE = "block/deadline-iosched.c, 3.1, for writes"
QUEUES_READS, SORTED = False, True


@hook
def elevator_event(m, disk, event, request, at):
    """Nobody asks."""
    return NONE
