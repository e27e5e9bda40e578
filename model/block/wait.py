"""Actors that sleep until a disk's queue has room or until pages of a file are written."""

from mmrun.model.block.batching import begin_batch
from mmrun.model.block.state import disks
from mmrun.model.core.jit import kernel
from mmrun.model.core.sleep import ALL, FOREVER, io_wait, wake
from mmrun.model.mm.task.state import files


@kernel
def wait_for_request(m, disk):
    """Sleep until the disk's queue has room (get_request)."""
    io_wait(m, disks(m)[disk].room, FOREVER)


@kernel
def wake_for_request(m, disk, at):
    """The actor that has waited longest for the disk's queue goes on, all of them when the queue is empty.

    One that is woken may find that it needs no request any more, or that it may not have one yet.
    """
    d = disks(m)[disk]
    while d.room.first:
        if d.batching:
            begin_batch(m, d.room.first - 1, at)
        wake(m, d.room, 1, at)
        if d.nr_allocated:
            return


@kernel
def wait_for_file(m, file):
    """Sleep until some of the file's pages are written."""
    io_wait(m, files(m)[file].written, FOREVER)


@kernel
def wake_for_file(m, file, at):
    """Everybody who waits for pages of the file looks again."""
    wake(m, files(m)[file].written, ALL, at)
