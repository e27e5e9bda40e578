"""Who may have a request of a queue that has run full: batches, until blk-mq (get_request, ioc_batching, 3.1).

Whoever takes a queue's last request, and whoever is woken after waiting for one, may take 32 within a fiftieth of a
second, up to half as many again as the queue has. So the writes of several tasks alternate by many requests.
"""

from mmrun.model.block.state import batches, disks
from mmrun.model.core.jit import kernel

REQUESTS, BATCH_NS = 32, 20_000_000  # BLK_BATCH_REQ, BLK_BATCH_TIME (HZ/50)


@kernel
def is_batching(m, slot, at):
    """Whether actor `slot` has some of its batch left."""
    b = batches(m)[slot]
    return b.left == REQUESTS or (b.left > 0 and at < b.since + BATCH_NS)


@kernel
def begin_batch(m, slot, at):
    """Actor `slot` may take a batch of requests (ioc_set_batching)."""
    if not is_batching(m, slot, at):
        batches(m)[slot].left, batches(m)[slot].since = REQUESTS, at


@kernel
def count_request(m, slot):
    """Actor `slot` takes one."""
    b = batches(m)[slot]
    if b.left and is_batching(m, slot, m.now):
        b.left -= 1


@kernel
def may_take(m, disk, slot):
    """Whether actor `slot` gets a request of a disk whose requests are all but taken."""
    d = disks(m)[disk]
    if not d.full:
        d.full = 1
        begin_batch(m, slot, m.now)
    return is_batching(m, slot, m.now) and d.nr_allocated - d.nr_sync < d.nr_requests * 3 // 2
