"""Who waits for writes to end: reclaimers by node and reason (reclaim_throttle), everybody on full queues."""

from model.core.sleep import ALL, wake
from model.jit import kernel
from model.mm.state import SWAP_CLUSTER_MAX
from model.state.machine import nodes
from model.state.page import frames
from model.state.reclaim import congestion, reclaim_count

WRITEBACK, CONGESTED, NOPROGRESS = 0, 1, 2  # reasons of reclaim_throttle


@kernel
def clear_bdi_congested(m, at):
    """A disk's queue is no longer full: who waits for any of them goes on."""
    wake(m, congestion(m), ALL, at)


@kernel
def count_written(m, pfn, at):
    """A page was written; if reclaimers wait for that, 32 a sleeper wake them (__acct_reclaim_writeback)."""
    node = nodes(m)[frames(m)[pfn].node]
    if node.nr_throttled:
        node.throttled_written += 1
        reclaim_count(m).nr_throttled_written += 1
        if node.throttled_written - node.reclaim_start > SWAP_CLUSTER_MAX * node.nr_throttled:
            wake(m, node.reclaim_wait[WRITEBACK], ALL, at)
