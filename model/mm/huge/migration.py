"""What migration asks of large folios: to be split, and to leave the queue of those that wait for that."""

from mmrun.model.core.jit import hook
from mmrun.model.mm.huge.queue import leave_queue
from mmrun.model.mm.huge.split import split_folio_to
from mmrun.model.mm.reclaim.vmscan import own_scan


@hook
def split_isolated(m, pfn):
    """Split a folio that its mover has isolated (try_split_folio)."""
    return split_folio_to(m, pfn, own_scan(m))


@hook
def leave_deferred(m, pfn):
    """A folio that is about to move waits no more (folio_unqueue_deferred_split)."""
    leave_queue(m, pfn)
    return 0
