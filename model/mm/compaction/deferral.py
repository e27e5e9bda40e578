"""A zone where compaction was in vain is left alone for the next 2^shift requests of that order (4.9: defer_compaction).

To 3.3 for requests of any order.
"""

from mmrun.model.core.jit import kernel
from mmrun.model.mm.compaction.state import compaction_settings, zone_compaction

MAX_DEFER_SHIFT = 6


@kernel
def _concerns(m, z, order):
    return not compaction_settings(m).compact_failed_order or order >= zone_compaction(m)[z].order_failed


@kernel
def defer_compaction(m, z, order):
    """Compaction of zone `z` for this order failed."""
    zone = zone_compaction(m)[z]
    zone.considered = 0
    zone.shift = min(zone.shift + 1, MAX_DEFER_SHIFT)
    zone.order_failed = min(zone.order_failed, order)


@kernel
def compaction_deferred(m, z, order):
    """Whether this request passes the zone over; it is counted."""
    zone = zone_compaction(m)[z]
    if not _concerns(m, z, order):
        return False
    zone.considered = min(zone.considered + 1, 1 << zone.shift)
    return zone.considered < 1 << zone.shift


@kernel
def compaction_defer_reset(m, z, order, allocated):
    """Such a block was seen in the zone, or even allocated."""
    zone = zone_compaction(m)[z]
    if allocated:
        zone.considered = zone.shift = 0
    zone.order_failed = max(zone.order_failed, order + 1)


@kernel
def compaction_restarting(m, z, order):
    """Whether this is the first pass after a deferral of the longest kind."""
    zone = zone_compaction(m)[z]
    return _concerns(m, z, order) and zone.shift == MAX_DEFER_SHIFT and zone.considered >= 1 << MAX_DEFER_SHIFT
