"""kswapd of 3.1: every populated zone must be above high before the daemon sleeps.

Priority 12 to 0. Each pass finds the highest unbalanced zone and reclaims all zones up to it, lowest first, each until
it is above high by the balance gap (1 % of the zone, at most low). A run ends after 32 pages and starts over at
priority 12 while a zone is still below high; between passes from priority 9 down it sleeps (`reclaim_throttle`). Since
3.10 (`in_shares`) a pass asks each zone for as many pages as its high watermark, the priority falls when it was not
met, and the daemon does not sleep between passes.
"""

from model.jit import caller, hook, kernel
from model.mm.lists import lruvec_of
from model.mm.state import ACTIVE_ANON, DEF_PRIORITY, SWAP_CLUSTER_MAX
from model.mm.throttle import UNDER_WRITEBACK
from model.mm.vmscan import (
    begin,
    begin_lruvec,
    come_to,
    end_node,
    finish_lruvec,
    more_rounds,
    reclaimable_pages,
    shrink_round,
    soft_limits_first,
    to_shrink,
)
from model.mm.zones import watermark_ok

SOURCE = "mm/vmscan.c: balance_pgdat, sleeping_prematurely, 3.1"
SCOPE = "zone"
PARAMS = {
    "in_shares": (False, "flag", "a zone's target is its high watermark; no waiting between passes (3.10)",
                  "mm/vmscan.c: kswapd_shrink_zone, 3.15"),
}  # fmt: skip
KSWAPD_AXIS = 1  # row of this axis in m.params
START, PASS, LRUVEC, NAP = 0, 1, 2, 3
NAP_NS = 100_000_000
GAP_RATIO = 100  # KSWAPD_ZONE_BALANCE_GAP_RATIO
prepare_scan = caller("prepare_scan")
age_anon = caller("age_anon")
shrink_active = caller("shrink_active")
end_reclaim = caller("end_reclaim")
first_group = caller("first_group")
next_group = caller("next_group")
shrink_slab = caller("shrink_slab")
shrink_slab_pass = caller("shrink_slab_pass")
throttle_kswapd = caller("throttle_kswapd")
throttle_node = caller("throttle_node")


@kernel
def zone_low(m, z, extra, highest_zoneidx):
    """Whether a reclaimable zone is not above high plus `extra`."""
    zone = m.zones[z]
    return zone.managed > 0 and not watermark_ok(m, z, zone.wmark_high + extra, highest_zoneidx)


@kernel
def highest_low_zone(m, nid):
    """The highest zone of the node that is below high and not given up, or -1: balanced."""
    node = m.nodes[nid]
    for z in range(node.first_zone + node.nr_zones - 1, node.first_zone - 1, -1):
        if m.zones[z].all_unreclaimable and node.kswapd_priority != DEF_PRIORITY:
            continue
        if zone_low(m, z, 0, 0):
            return z
        m.zones[z].reclaim_flags = 0
    return -1


@hook
def kswapd_needed(m, z, highest_zoneidx):
    return 0 if watermark_ok(m, z, m.zones[z].wmark_low, 0) else 1


@kernel
def begin_zone(m, nid):
    """Start on zone `node.kswapd_zone` if it needs reclaim; 1 when a lruvec is under way."""
    node = m.nodes[nid]
    z = node.kswapd_zone
    zone = m.zones[z]
    gap = min(zone.wmark_low, (zone.managed + GAP_RATIO - 1) // GAP_RATIO)
    if zone.all_unreclaimable and node.kswapd_priority != DEF_PRIORITY:
        return 0
    zone.reclaim_flags &= ~UNDER_WRITEBACK
    want = max(zone.wmark_high, SWAP_CLUSTER_MAX) if m.params[KSWAPD_AXIS, 0] else 1 << 40
    begin(m, nid, 0, node.kswapd_priority, want, 3)
    sc = m.sc[nid]
    sc.node, sc.zone = nid, z
    soft_limits_first(m, nid)
    if not zone_low(m, z, gap, node.kswapd_zonelast):
        node.kswapd_reclaimed += sc.nr_reclaimed
        node.kswapd_pass += sc.nr_scanned
        return 0
    prepare_scan(m, nid)
    if to_shrink(m, nid, first_group(m, nid)) < 0:
        return 0
    begin_lruvec(m, nid, lruvec_of(m, sc.group, nid, z))
    return 1


@kernel
def end_zone(m, nid):
    """Book what the zone gave; give it up when six times its reclaimable pages were scanned for nothing."""
    node, sc = m.nodes[nid], m.sc[nid]
    zone = m.zones[node.kswapd_zone]
    end_node(m, nid)
    nr_slab = shrink_slab_pass(m, nid)
    if sc.nr_reclaimed:
        zone.pages_scanned = zone.all_unreclaimable = 0
    elif nr_slab == 0 and zone.pages_scanned >= 6 * reclaimable_pages(m, node.kswapd_zone, sc.swap_available):
        zone.all_unreclaimable = 1
    node.kswapd_reclaimed += sc.nr_reclaimed
    node.kswapd_pass += sc.nr_scanned
    if sc.nr_scanned >= sc.nr_to_reclaim:
        node.kswapd_met = 1
    node.kswapd_zone += 1


@kernel
def end_pass(m, nid):
    """After the last zone of a pass: next priority, a rest, or a fresh run."""
    node = m.nodes[nid]
    if m.params[KSWAPD_AXIS, 0]:
        end_shares(m, nid)
        return
    if node.kswapd_reclaimed >= SWAP_CLUSTER_MAX or node.kswapd_priority == 0:
        node.kswapd_phase = START
        if highest_low_zone(m, nid) < 0:
            go_to_sleep(m, nid)
        elif node.kswapd_priority == 0 and node.kswapd_reclaimed == 0:
            m.clock.now += m.cfg.kswapd_wake  # cond_resched
        return
    if node.kswapd_pass and node.kswapd_priority < DEF_PRIORITY - 2:
        throttle_kswapd(m, nid)
    node.kswapd_priority -= 1
    node.kswapd_phase = PASS


@kernel
def end_shares(m, nid):
    """After a pass in shares: sleep when balanced, else go on, at the next priority unless a zone met its share."""
    node = m.nodes[nid]
    if node.kswapd_met == 0 or node.kswapd_reclaimed == 0:
        node.kswapd_priority -= 1
    node.kswapd_reclaimed = node.kswapd_met = 0
    if highest_low_zone(m, nid) < 0:
        node.kswapd_phase = START
        go_to_sleep(m, nid)
    else:
        node.kswapd_phase = PASS if node.kswapd_priority >= 1 else START


@kernel
def go_to_sleep(m, nid):
    """End the reclaim run and nap; after the nap the zones are checked once more (sleeping_prematurely)."""
    node = m.nodes[nid]
    end_reclaim(m, nid)
    node.kswapd_run, node.kswapd_phase, node.kswapd_at = 2, NAP, m.clock.now + NAP_NS


@kernel
def begin_pass(m, nid):
    """Start a pass over the zones up to the highest low one, aging their anonymous pages; nap when none is low."""
    node = m.nodes[nid]
    last = highest_low_zone(m, nid)
    if last < 0:
        go_to_sleep(m, nid)
        return
    node.kswapd_zonelast, node.kswapd_zone, node.kswapd_pass = m.zones[last].kind, node.first_zone, 0
    node.kswapd_last, node.kswapd_phase = last, LRUVEC
    m.sc[nid].highest_zoneidx = 3
    for z in range(node.first_zone, last + 1):
        for memcg in range(1 if m.cfg.double_lru else m.cfg.nr_memcgs):
            m.sc[nid].lruvec = lruvec_of(m, memcg, nid, z)
            if m.cfg.total_swap and not m.cfg.double_lru:
                come_to(m)
            if age_anon(m, nid):
                shrink_active(m, nid, m.sc[nid].lruvec, ACTIVE_ANON, SWAP_CLUSTER_MAX)
    m.sc[nid].nr[0] = m.sc[nid].nr[2] = m.sc[nid].nr[3] = 0
    m.sc[nid].group = -1


@hook
def kswapd_step(m, nid):
    node = m.nodes[nid]
    if m.sc[nid].writeout:
        throttle_node(m, nid)
    if m.clock.blocked_until:
        return 1
    if node.kswapd_phase == NAP:
        node.kswapd_priority = DEF_PRIORITY
        if highest_low_zone(m, nid) < 0:
            node.kswapd_run = 0
        else:
            m.vm.kswapd_high_wmark_hit_quickly += 1
            node.kswapd_run, node.kswapd_phase = 1, START
    elif node.kswapd_phase == START:
        m.vm.pageoutrun += 1
        node.kswapd_priority, node.kswapd_reclaimed, node.kswapd_phase = DEF_PRIORITY, 0, PASS
    elif node.kswapd_phase == PASS:
        begin_pass(m, nid)
    elif m.sc[nid].group >= 0 and more_rounds(m, nid) and shrink_round(m, nid):
        return 1
    else:
        next_lruvec(m, nid)
    return 1


@kernel
def next_lruvec(m, nid):
    """Finish the current lruvec and start the next one: of the next group, else of the next zone."""
    node, sc = m.nodes[nid], m.sc[nid]
    if sc.group >= 0:
        finish_lruvec(m, nid)
        shrink_slab(m, nid, sc.group)
        if to_shrink(m, nid, next_group(m, nid, sc.group)) >= 0:
            begin_lruvec(m, nid, lruvec_of(m, sc.group, nid, node.kswapd_zone))
            return
        end_zone(m, nid)
        if m.clock.blocked_until:
            return
    while node.kswapd_zone <= node.kswapd_last:
        if begin_zone(m, nid):
            return
        node.kswapd_zone += 1
    end_pass(m, nid)
