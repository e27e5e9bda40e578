"""kswapd of 3.1: every populated zone must be above high before the daemon sleeps.

Priority 12 to 0. Each pass finds the highest unbalanced zone and reclaims all zones up to it, lowest first, each until
it is above high by the balance gap (1 % of the zone, at most low). A run ends after 32 pages and starts over at
priority 12 while a zone is still below high; between passes from priority 9 down it sleeps (`reclaim_throttle`). Since
3.10 (`in_shares`) a pass asks each zone for as many pages as its high watermark, the priority falls when it was not
met, and the daemon does not sleep between passes.
"""

from model.core.sleep import FOREVER, cond_resched, wait
from model.jit import caller, hook, kernel
from model.mm.kswapd import NAP_NS
from model.mm.lists import lruvec_of
from model.mm.state import ACTIVE_ANON, DEF_PRIORITY, SWAP_CLUSTER_MAX
from model.mm.throttle import UNDER_WRITEBACK
from model.mm.vmscan import begin_kswapd, come_to, own_scan, reclaimable_pages, shrink_node, soft_limits_first
from model.mm.zones import HIGHEST, watermark_ok
from model.state.actor import turn
from model.state.lru import lru_settings
from model.state.machine import costs, geometry, nodes, run_settings
from model.state.page import zones
from model.state.reclaim import reclaim_count, scans
from model.state.swap import swap_settings

SOURCE = "mm/vmscan.c: balance_pgdat, sleeping_prematurely, 3.1"
SCOPE = "zone"
PARAMS = {
    "in_shares": (False, "flag", "a zone's target is its high watermark; no waiting between passes (3.10)",
                  "mm/vmscan.c: kswapd_shrink_zone, 3.15"),
}  # fmt: skip
KSWAPD_AXIS = 1  # row of this axis in m.params
GAP_RATIO = 100  # KSWAPD_ZONE_BALANCE_GAP_RATIO
ALL_IT_HAS = 1 << 40
age_anon = caller("age_anon")
shrink_active = caller("shrink_active")
end_reclaim = caller("end_reclaim")
shrink_slab_pass = caller("shrink_slab_pass")
throttle_kswapd = caller("throttle_kswapd")


@kernel
def zone_low(m, z, extra, highest_zoneidx):
    """Whether a reclaimable zone is not above high plus `extra`."""
    zone = zones(m)[z]
    return zone.managed > 0 and not watermark_ok(m, z, zone.wmark_high + extra, highest_zoneidx)


@kernel
def highest_low_zone(m, nid, priority):
    """The highest zone of the node that is below high and not given up, or -1: balanced."""
    node = nodes(m)[nid]
    for z in range(node.first_zone + node.nr_zones - 1, node.first_zone - 1, -1):
        if zones(m)[z].all_unreclaimable and priority != DEF_PRIORITY:
            continue
        if zone_low(m, z, 0, 0):
            return z
        zones(m)[z].reclaim_flags = 0
    return -1


@hook
def kswapd_needed(m, z, highest_zoneidx):
    return 0 if watermark_ok(m, z, zones(m)[z].wmark_low, 0) else 1


@kernel
def age_active_anon(m, s, nid, last):
    """Let inactive anonymous lists that run low grow, in all zones up to `last`."""
    sc = scans(m)[s]
    sc.highest_zoneidx = HIGHEST
    for z in range(nodes(m)[nid].first_zone, last + 1):
        for memcg in range(1 if lru_settings(m).double_lru else geometry(m).nr_memcgs):
            sc.lruvec = lruvec_of(m, memcg, nid, z)
            if swap_settings(m).total_swap and not lru_settings(m).double_lru:
                come_to(m)
            if age_anon(m, s):
                shrink_active(m, s, sc.lruvec, ACTIVE_ANON, SWAP_CLUSTER_MAX)


@kernel
def give_up(m, s, z, nr_slab):
    """Give a zone up when six times its reclaimable pages were scanned for nothing (zone_reclaimable)."""
    sc, zone = scans(m)[s], zones(m)[z]
    if sc.nr_reclaimed:
        zone.pages_scanned = zone.all_unreclaimable = 0
    elif nr_slab == 0 and zone.pages_scanned >= 6 * reclaimable_pages(m, z, sc.swap_available):
        zone.all_unreclaimable = 1


@kernel
def shrink_low_zone(m, s, nid, z, highest_kind, priority):
    """Reclaim in a zone up to the highest low one unless it is well above high; whether it met its target."""
    zone = zones(m)[z]
    gap = min(zone.wmark_low, (zone.managed + GAP_RATIO - 1) // GAP_RATIO)
    zone.reclaim_flags &= ~UNDER_WRITEBACK
    want = max(zone.wmark_high, SWAP_CLUSTER_MAX) if m.params[KSWAPD_AXIS, 0] else ALL_IT_HAS
    begin_kswapd(m, s, nid, z, priority, want, HIGHEST)
    soft_limits_first(m, s)
    if not zone_low(m, z, gap, highest_kind):
        return False
    shrink_node(m, s)
    give_up(m, s, z, shrink_slab_pass(m, s))
    return scans(m)[s].nr_scanned >= want


@kernel
def shrink_zones(m, s, nid, last, priority):
    """One pass over the zones up to `last`, lowest first: pages reclaimed, pages scanned, zones that met targets."""
    reclaimed, scanned, met = 0, 0, 0
    for z in range(nodes(m)[nid].first_zone, last + 1):
        if zones(m)[z].all_unreclaimable and priority != DEF_PRIORITY:
            continue
        met += shrink_low_zone(m, s, nid, z, zones(m)[last].kind, priority)
        reclaimed += scans(m)[s].nr_reclaimed
        scanned += scans(m)[s].nr_scanned
    return reclaimed, scanned, met


@kernel
def lower_priorities(m, s, nid):
    """Passes from priority 12 down until balanced (True), or until it is time to begin again at 12 (False)."""
    total, priority = 0, DEF_PRIORITY
    while priority >= (1 if m.params[KSWAPD_AXIS, 0] else 0):
        last = highest_low_zone(m, nid, priority)
        if last < 0:
            return True
        nodes(m)[nid].kswapd_last = last
        age_active_anon(m, s, nid, last)
        cond_resched(m)
        reclaimed, scanned, met = shrink_zones(m, s, nid, last, priority)
        total += reclaimed
        if m.params[KSWAPD_AXIS, 0]:
            priority -= met == 0 or reclaimed == 0
        elif total >= SWAP_CLUSTER_MAX:
            break
        else:
            if priority and scanned and priority < DEF_PRIORITY - 2:
                throttle_kswapd(m, nid)
            priority -= 1
        cond_resched(m)
    if highest_low_zone(m, nid, max(priority, 0)) < 0:
        return True
    m.now += 0 if total else costs(m).kswapd_wake
    return False


@hook
def balance_pgdat(m, nid):
    """Reclaim on the node until every zone is balanced that can be."""
    s, balanced = own_scan(m), False
    while not balanced:
        reclaim_count(m).pageoutrun += 1
        cond_resched(m)
        balanced = lower_priorities(m, s, nid)
    end_reclaim(m, s)
    return 0


@hook
def kswapd_try_to_sleep(m, nid):
    """A nap first, and sleep when the node is still balanced after it; else work on at once."""
    node = nodes(m)[nid]
    if wait(m, node.kswapd_wait, NAP_NS) < NAP_NS:
        reclaim_count(m).kswapd_low_wmark_hit_quickly += 1
    elif highest_low_zone(m, nid, DEF_PRIORITY) >= 0:
        reclaim_count(m).kswapd_high_wmark_hit_quickly += 1
    else:
        turn(m).pass_over = run_settings(m).check
        wait(m, node.kswapd_wait, FOREVER)
    return 0
