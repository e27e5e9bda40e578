"""Watermark tests and waking the daemons (zone_watermark_ok, wakeup_kswapd)."""

from model.actors import schedule
from model.jit import caller, kernel

kswapd_needed = caller("kswapd_needed")
MAX_RECLAIM_RETRIES = 16
HIGHEST = 3  # user pages may come from any zone up to MOVABLE


@kernel
def watermark_ok(m, z, mark, highest_zoneidx):
    """Whether an order-0 allocation leaves zone `z` above `mark` plus what it keeps for lower callers."""
    zone = m.zones[z]
    return zone.nr_free > mark + zone.reserve[highest_zoneidx]


@kernel
def wake_kswapd(m, z, highest_zoneidx):
    """Wake the daemon of the zone's node unless it runs (1), has given up, or is not needed; 2 is its nap."""
    nid = m.zones[z].node
    node = m.nodes[nid]
    if node.kswapd_failures >= MAX_RECLAIM_RETRIES:
        return
    node.highest_zoneidx = max(node.highest_zoneidx, highest_zoneidx)
    if node.kswapd_run == 1 or not kswapd_needed(m, z, highest_zoneidx):
        return
    if node.kswapd_run == 2:
        m.vm.kswapd_low_wmark_hit_quickly += 1
    node.kswapd_run, node.kswapd_phase = 1, 0
    node.kswapd_at = m.clock.now + m.cfg.kswapd_wake
    schedule(m, m.cfg.kswapd_slot + nid, node.kswapd_at)
    m.clock.wake = 1  # the running task stops soon, so that the daemon gets its turn
    node.vm.kswapd_wake += 1
