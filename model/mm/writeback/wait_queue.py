"""Who waits for writes to end: reclaimers by node and reason (reclaim_throttle), everybody on full queues."""

from mmrun.model.core.codes import SWAP_CLUSTER_MAX
from mmrun.model.core.jit import kernel
from mmrun.model.core.sleep import ALL, wake
from mmrun.model.machine.state import nodes
from mmrun.model.mm.page.folio import nr_pages
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.reclaim.state import reclaim_count

WRITEBACK, CONGESTED, NOPROGRESS = 0, 1, 2  # reasons of reclaim_throttle


@kernel
def count_written(m, pfn, at):
    """A folio was written; if reclaimers wait for that, 32 a sleeper wake them (__acct_reclaim_writeback)."""
    node = nodes(m)[frames(m)[pfn].node]
    if node.nr_throttled:
        node.throttled_written += nr_pages(m, pfn)
        reclaim_count(m).nr_throttled_written += nr_pages(m, pfn)
        if node.throttled_written - node.reclaim_start > SWAP_CLUSTER_MAX * node.nr_throttled:
            wake(m, node.reclaim_wait[WRITEBACK], ALL, at)
