"""kswapd of 3.1: every populated zone must be above high before the daemon sleeps.

Priority 12 to 0. Each pass finds the highest unbalanced zone and reclaims all zones up to it, lowest first, each until
it is above high by the balance gap (1 % of the zone, at most low). A run ends after 32 pages and starts over at
priority 12 while a zone is still below high; after a pass from priority 9 down that left one so it sleeps
(`reclaim_throttle`), unless one is below min. Since 3.11 (`in_shares`) a pass asks each zone for as many pages as its
high watermark, the priority falls when it was not met, and the daemon does not sleep between passes.
"""

from mmrun.model.core.codes import SWAP_CLUSTER_MAX
from mmrun.model.core.jit import caller, hook, kernel
from mmrun.model.core.parameters import parameters
from mmrun.model.core.sleep import FOREVER, cond_resched, wait
from mmrun.model.core.state import turn
from mmrun.model.machine.state import costs, geometry, nodes, run_settings
from mmrun.model.machine.timers import timeout_ns
from mmrun.model.mm.lru.scan_balance import zone_given_up
from mmrun.model.mm.lru.state import DEF_PRIORITY, lru_settings
from mmrun.model.mm.page.flags import ACTIVE_ANON
from mmrun.model.mm.page.gfp import HIGHEST
from mmrun.model.mm.page.state import zones
from mmrun.model.mm.page.zones import lruvec_of, watermark_ok
from mmrun.model.mm.reclaim.kswapd import NAP_NS
from mmrun.model.mm.reclaim.state import reclaim_count, scans
from mmrun.model.mm.reclaim.throttle import UNDER_WRITEBACK
from mmrun.model.mm.reclaim.throttle_direct import nobody_throttled, wake_throttled
from mmrun.model.mm.reclaim.tracepoints import mm_vmscan_kswapd_sleep
from mmrun.model.mm.reclaim.vmscan import (
    begin_kswapd,
    come_to,
    own_scan,
    reclaimable_pages,
    shrink_node,
    soft_limits_first,
)
from mmrun.model.mm.swap.state import swap_settings
from mmrun.model.mm.swap.swap import nr_swap_pages

SOURCE = "mm/vmscan.c: balance_pgdat, sleeping_prematurely, 3.1"
SCOPE = "zone"
PARAMS = {
    "in_shares": (False, "flag", "a zone's target is its high watermark; no waiting between passes (3.11)",
                  "mm/vmscan.c: kswapd_shrink_zone, 3.15"),
}  # fmt: skip
params = parameters("kswapd", PARAMS, 312)
GAP_RATIO = 100  # KSWAPD_ZONE_BALANCE_GAP_RATIO
ALL_IT_HAS = 1 << 40
OK, LOW, BELOW_MIN = 0, 1, 2
age_anon = caller("age_anon")
shrink_active = caller("shrink_active")
end_reclaim = caller("end_reclaim")
shrink_slab_pass = caller("shrink_slab_pass")
reset_isolation_suitable = caller("reset_isolation_suitable")
wakeup_kcompactd = caller("wakeup_kcompactd")
throttle_kswapd = caller("throttle_kswapd")


@kernel
def zone_low(m, z, extra, highest_zoneidx):
    """Whether a reclaimable zone is not above high plus `extra`."""
    zone = zones(m)[z]
    return zone.managed > 0 and not watermark_ok(m, z, 0, zone.wmark_high + extra, highest_zoneidx, 0)


@kernel
def may_sleep(m, nid, last):
    """Whether every zone up to `last` is above high or given up (sleeping_prematurely; pgdat_balanced, 3.8)."""
    for z in range(nodes(m)[nid].first_zone, last + 1):
        if not zone_given_up(m, z, nr_swap_pages(m)) and zone_low(m, z, 0, 0):
            return False
    return True


@hook
def kswapd_needed(m, z, order, highest_zoneidx):
    return 0 if watermark_ok(m, z, 0, zones(m)[z].wmark_low, 0, 0) else 1


@kernel
def age_active_anon(m, s, nid, z):
    """Let the inactive anonymous lists of a zone that run low grow."""
    sc = scans(m)[s]
    sc.highest_zoneidx = HIGHEST
    for memcg in range(1 if lru_settings(m).double_lru else geometry(m).nr_memcgs):
        sc.lruvec = lruvec_of(m, memcg, nid, z)
        if swap_settings(m).total_swap and not lru_settings(m).double_lru:
            come_to(m)
        if age_anon(m, s):
            shrink_active(m, s, sc.lruvec, ACTIVE_ANON, SWAP_CLUSTER_MAX)


@kernel
def end_zone(m, s, nid, priority):
    """The highest zone of the node that is below high and not given up, or -1: balanced.

    From the top down to it zones are aged.
    """
    node = nodes(m)[nid]
    for z in range(node.first_zone + node.nr_zones - 1, node.first_zone - 1, -1):
        if zones(m)[z].managed == 0 or (priority != DEF_PRIORITY and zone_given_up(m, z, nr_swap_pages(m))):
            continue
        age_active_anon(m, s, nid, z)
        if zone_low(m, z, 0, 0):
            return z
        zones(m)[z].reclaim_flags = 0
    return -1


@kernel
def give_up(m, s, z, nr_slab):
    """Give a zone up when six times its reclaimable pages were scanned for nothing (to 3.11)."""
    sc, zone = scans(m)[s], zones(m)[z]
    if sc.nr_reclaimed:
        zone.pages_scanned = zone.all_unreclaimable = 0
    elif nr_slab == 0 and zone.pages_scanned >= 6 * reclaimable_pages(m, z, sc.swap_available):
        zone.all_unreclaimable = 1


@kernel
def shrink_low_zone(m, s, nid, z, highest_kind, priority):
    """Reclaim in a zone up to the highest low one unless it is well above high; whether it met its target.

    One that is well above high needs no higher priority (kswapd_shrink_zone, 3.11).
    """
    zone = zones(m)[z]
    gap = min(zone.wmark_low, (zone.managed + GAP_RATIO - 1) // GAP_RATIO)
    want = max(zone.wmark_high, SWAP_CLUSTER_MAX) if params(m).in_shares else ALL_IT_HAS
    begin_kswapd(m, s, nid, z, priority, want, HIGHEST)
    soft_limits_first(m, s)
    if not zone_low(m, z, gap, highest_kind):
        return True
    shrink_node(m, s)
    give_up(m, s, z, shrink_slab_pass(m, s))
    zone.reclaim_flags &= ~UNDER_WRITEBACK
    return scans(m)[s].nr_scanned >= want


@kernel
def state_of(m, z, highest_kind):
    """How a zone is when its turn in a pass is over: OK, also when it was given up, LOW or BELOW_MIN."""
    zone = zones(m)[z]
    if zone.managed == 0 or zone_given_up(m, z, nr_swap_pages(m)):
        return OK
    if watermark_ok(m, z, 0, zone.wmark_high, highest_kind, 0):
        zone.reclaim_flags = 0
        return OK
    return LOW if watermark_ok(m, z, 0, zone.wmark_min, highest_kind, 0) else BELOW_MIN


@kernel
def shrink_zones(m, s, nid, last, priority):
    """One pass over the zones up to `last`, lowest first.

    (pages reclaimed, pages scanned, zones that met targets, state of the worst zone)
    """
    reclaimed, scanned, met, worst, kind = 0, 0, 0, OK, zones(m)[last].kind
    for z in range(nodes(m)[nid].first_zone, last + 1):
        if priority != DEF_PRIORITY and zone_given_up(m, z, nr_swap_pages(m)):
            continue
        met += shrink_low_zone(m, s, nid, z, kind, priority)
        reclaimed += scans(m)[s].nr_reclaimed
        scanned += scans(m)[s].nr_scanned
        worst = max(worst, state_of(m, z, kind))
    return reclaimed, scanned, met, worst


@kernel
def until_32(m, s, nid):
    """Passes from priority 12 down to 0 until 32 pages are reclaimed; whether the node is balanced (loop_again)."""
    reclaimed = scanned = 0
    for priority in range(DEF_PRIORITY, -1, -1):
        last = end_zone(m, s, nid, priority)
        if last < 0:
            return True
        nodes(m)[nid].kswapd_last = last
        cond_resched(m)
        got, looked_at, _, worst = shrink_zones(m, s, nid, last, priority)
        reclaimed += got
        scanned += looked_at
        wake_throttled(m, nid)
        if worst == OK:
            return True
        if scanned and priority < DEF_PRIORITY - 2:
            throttle_kswapd(m, nid, 1 if worst == BELOW_MIN else 0)
        if reclaimed >= SWAP_CLUSTER_MAX:
            break
        cond_resched(m)
    m.now += 0 if reclaimed else costs(m).kswapd_wake  # passes in vain take time, too
    return False


@kernel
def in_shares(m, s, nid):
    """Passes from priority 12 down to 1, lower when too little was scanned or nothing reclaimed, until balanced."""
    total, priority = 0, DEF_PRIORITY
    while priority >= 1:
        last = end_zone(m, s, nid, priority)
        if last < 0:
            return
        nodes(m)[nid].kswapd_last = last
        cond_resched(m)
        reclaimed, _, met, _ = shrink_zones(m, s, nid, last, priority)
        wake_throttled(m, nid)
        total += reclaimed
        priority -= met == 0 or reclaimed == 0
        cond_resched(m)
        if may_sleep(m, nid, nodes(m)[nid].first_zone + nodes(m)[nid].nr_zones - 1):
            return
    m.now += 0 if total else costs(m).kswapd_wake  # likewise


@hook
def balance_pgdat(m, nid):
    """Reclaim on the node until every zone is balanced that can be; in shares once through the priorities."""
    s, balanced, node = own_scan(m), False, nodes(m)[nid]
    node.kswapd_last = node.first_zone
    while not balanced:
        reclaim_count(m).pageoutrun += 1
        cond_resched(m)
        if params(m).in_shares:
            in_shares(m, s, nid)
            balanced = True
        else:
            balanced = until_32(m, s, nid)
    end_reclaim(m, s)
    return 0


@kernel
def prepare_kswapd_sleep(m, nid):
    """Whether the zones reclaimed in are balanced, and nobody waits for the reserves."""
    return nobody_throttled(m, nid) and may_sleep(m, nid, nodes(m)[nid].kswapd_last)


@hook
def kswapd_try_to_sleep(m, nid):
    """A nap first, and sleep when the zones reclaimed in are still balanced after it; else work on at once."""
    node, undisturbed = nodes(m)[nid], True
    if prepare_kswapd_sleep(m, nid):
        reset_isolation_suitable(m, nid)
        wakeup_kcompactd(m, nid, node.kswapd_order, HIGHEST)
        node.kswapd_order = 0
        nap = timeout_ns(m, NAP_NS)
        undisturbed = wait(m, node.kswapd_wait, nap) >= nap
    if not undisturbed:
        reclaim_count(m).kswapd_low_wmark_hit_quickly += 1
    elif not prepare_kswapd_sleep(m, nid):
        reclaim_count(m).kswapd_high_wmark_hit_quickly += 1
    else:
        turn(m).pass_over = run_settings(m).check
        mm_vmscan_kswapd_sleep(m, nid)
        wait(m, node.kswapd_wait, FOREVER)
    return 0
