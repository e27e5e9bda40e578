"""Watermark tests and waking the daemons (zone_watermark_ok, wakeup_kswapd)."""

from mmrun.model.core.jit import caller, kernel
from mmrun.model.core.sleep import wake
from mmrun.model.machine.state import costs, geometry, node_count, nodes
from mmrun.model.mm.lru.state import lru_settings
from mmrun.model.mm.page.state import pcp_settings, zones

kswapd_needed = caller("kswapd_needed")
MAX_RECLAIM_RETRIES = 16
HIGHEST = 3  # user pages may come from any zone up to MOVABLE


@kernel
def watermark_ok(m, z, mark, highest_zoneidx):
    """Whether an order-0 allocation leaves zone `z` above `mark` plus what it keeps for lower callers.

    In the kernel: zone_watermark_ok.
    """
    zone = zones(m)[z]
    return zone.nr_free > mark + zone.reserve[highest_zoneidx]


@kernel
def wake_kswapd(m, z, highest_zoneidx):
    """Wake the daemon of the zone's node unless it runs, has given up, or is not needed (wakeup_kswapd)."""
    nid = zones(m)[z].node
    node = nodes(m)[nid]
    if node.kswapd_failures >= MAX_RECLAIM_RETRIES:
        return
    node.highest_zoneidx = max(node.highest_zoneidx, highest_zoneidx)
    if not node.kswapd_wait.first or not kswapd_needed(m, z, highest_zoneidx):
        return
    wake(m, node.kswapd_wait, 1, m.now + costs(m).kswapd_wake)
    node_count(m)[nid].kswapd_wake += 1


@kernel
def set_reclaim_active(m, nid):
    """From 5.14 on, per-CPU lists of the zones that kswapd is to balance hold little (set_reclaim_active)."""
    node = nodes(m)[nid]
    for z in range(node.first_zone, node.first_zone + node.nr_zones):
        zones(m)[z].reclaim_active = int(pcp_settings(m).high_orders and zones(m)[z].kind <= node.highest_zoneidx)


@kernel
def clear_reclaim_active(m, nid):
    """kswapd is done with the node."""
    for z in range(nodes(m)[nid].first_zone, nodes(m)[nid].first_zone + nodes(m)[nid].nr_zones):
        zones(m)[z].reclaim_active = 0


@kernel
def lruvec_of(m, memcg, node, zone):
    """Number of the lruvec of a group's pages on a node (or in a zone, while lists are per zone)."""
    return memcg * geometry(m).nr_zones + (zone if lru_settings(m).zone_lruvecs else nodes(m)[node].first_zone)
