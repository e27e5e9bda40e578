"""Having a request of a disk's queue, asleep until there is one (get_request of block/blk-core.c, blk_mq_get_tag).

`slot` is the actor that may have a batch to take, or NONE; see `full_queue`."""

from mmrun.model.block.disk import full_queue
from mmrun.model.block.wait import wait_for_request
from mmrun.model.core.accounting import begins, ends
from mmrun.model.core.jit import kernel
from mmrun.model.core.record import NONE


@kernel
def get_request(m, disk, purpose, slot, stall):
    """Sleep until the disk, or every member of a stripe, has room for a write; that is a stall of the given kind."""
    full = full_queue(m, disk, purpose, slot)
    if full == NONE:
        return
    begins(m, stall)
    while full != NONE:
        wait_for_request(m, full)
        full = full_queue(m, disk, purpose, slot)
    ends(m, stall)
