"""Spinlocks of a domain's addresses: of its tree, its depots, its queue; and 2011's one for all queues."""

from mmrun.model.core.calendar import book
from mmrun.model.core.jit import kernel
from mmrun.model.core.state import turn
from mmrun.model.dma.iova.state import CALENDAR, LOCKS, iova_calendars, iova_count, iova_locks, iova_settings
from mmrun.model.machine.state import cpus


@kernel
def global_lock(m):
    """The lock of the queue that all domains share (async_umap_flush_lock)."""
    return iova_settings(m).domains * LOCKS


@kernel
def _transfer(m, row, cpu):
    """How long the lock's cache line takes to come from where it was held last (ns)."""
    if row.cpu == 0 or row.cpu == cpu + 1:
        return iova_settings(m).line_same_core
    if cpus(m)[row.cpu - 1].node == cpus(m)[cpu].node:
        return iova_settings(m).line_same_node
    return iova_settings(m).line_cross_node


@kernel
def hold_lock(m, lock, ns):
    """The running actor takes a lock, holds it for `ns` and lets go; others' holds come before or after."""
    row, cpu = iova_locks(m)[lock], turn(m).cpu
    ns += _transfer(m, row, cpu)
    row.cpu = cpu + 1
    end = book(iova_calendars(m), lock * CALENDAR, CALENDAR, m.now, ns)
    waited = end - ns - m.now
    row.busy_ns += ns
    row.wait_ns += waited
    iova_count(m).iova_lock_ns += ns
    iova_count(m).iova_lock_wait_ns += waited
    m.now = end
