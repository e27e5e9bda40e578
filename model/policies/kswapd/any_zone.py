"""kswapd since 4.8: a node is balanced when any zone the caller may use is above its high watermark.

Priority 12 to 1. Each pass shrinks every group's lruvec of the node; the target of a pass is the sum of the zones' high
watermarks, and the priority falls when a pass scanned less than that or reclaimed nothing. Sixteen fruitless runs and
the daemon gives up until direct reclaim makes progress.
"""

from model.jit import caller, hook, kernel
from model.mm.lists import lruvec_of
from model.mm.state import ACTIVE_ANON, DEF_PRIORITY, SWAP_CLUSTER_MAX
from model.mm.throttle import clear_flags
from model.mm.vmscan import (
    begin,
    begin_lruvec,
    come_to,
    end_node,
    finish_lruvec,
    more_rounds,
    shrink_round,
    soft_limits_first,
    to_shrink,
)
from model.mm.zones import MAX_RECLAIM_RETRIES, watermark_ok

SOURCE = "mm/vmscan.c: balance_pgdat, kswapd_try_to_sleep, pgdat_balanced, 6.18"
SCOPE = "node"
START, PASS, LRUVEC, NAP = 0, 1, 2, 3
NAP_NS = 100_000_000  # HZ/10
prepare_scan = caller("prepare_scan")
age_anon = caller("age_anon")
shrink_active = caller("shrink_active")
end_reclaim = caller("end_reclaim")
first_group = caller("first_group")
next_group = caller("next_group")
shrink_slab = caller("shrink_slab")
shrink_slab_pass = caller("shrink_slab_pass")


@kernel
def balanced(m, nid, highest_zoneidx):
    """Whether some zone the caller may use is above high; a node without such a zone is balanced."""
    node, populated = m.nodes[nid], False
    for z in range(node.first_zone, node.first_zone + node.nr_zones):
        zone = m.zones[z]
        if zone.kind > highest_zoneidx or zone.managed == 0:
            continue
        populated = True
        if watermark_ok(m, z, zone.wmark_high, highest_zoneidx):
            return True
    return not populated


@hook
def kswapd_needed(m, z, highest_zoneidx):
    return 0 if balanced(m, m.zones[z].node, highest_zoneidx) else 1


@kernel
def start_pass(m, nid):
    """Set the target of a pass at the present priority and let inactive anonymous lists that run low grow."""
    node, target = m.nodes[nid], 0
    for z in range(node.first_zone, node.first_zone + node.nr_zones):
        target += max(m.zones[z].wmark_high, SWAP_CLUSTER_MAX)
    begin(m, nid, 0, node.kswapd_priority, target, node.highest_zoneidx)
    sc = m.sc[nid]
    sc.node, sc.zone = nid, node.first_zone
    for memcg in range(m.cfg.nr_memcgs):
        sc.lruvec = lruvec_of(m, memcg, nid, node.first_zone)
        if m.cfg.total_swap and not m.cfg.lru_gen:
            come_to(m)
        if age_anon(m, nid):
            shrink_active(m, nid, sc.lruvec, ACTIVE_ANON, SWAP_CLUSTER_MAX)
    soft_limits_first(m, nid)
    sc.nr_scanned = 0
    prepare_scan(m, nid)
    to_shrink(m, nid, first_group(m, nid))


@kernel
def end_pass(m, nid):
    """Lower the priority if the pass did not reach its target; 0 when the run is over."""
    node, sc = m.nodes[nid], m.sc[nid]
    end_node(m, nid)
    shrink_slab_pass(m, nid)
    node.kswapd_reclaimed += sc.nr_reclaimed
    if (sc.nr_scanned < sc.nr_to_reclaim and sc.nr_reclaimed < sc.nr_to_reclaim) or sc.nr_reclaimed == 0:
        node.kswapd_priority -= 1
    return node.kswapd_priority >= 1


@kernel
def end_run(m, nid):
    """The run is over: count a failure if it reclaimed nothing, then nap or sleep."""
    node = m.nodes[nid]
    end_reclaim(m, nid)
    if node.kswapd_reclaimed:
        node.kswapd_failures = 0
    elif not balanced(m, nid, node.highest_zoneidx):
        node.kswapd_failures += 1
    if balanced(m, nid, node.highest_zoneidx):
        clear_flags(m, nid)
        node.kswapd_run, node.kswapd_phase, node.kswapd_at = 2, NAP, m.clock.now + NAP_NS
    elif node.kswapd_failures >= MAX_RECLAIM_RETRIES:
        node.kswapd_run = 0
    else:
        m.vm.kswapd_high_wmark_hit_quickly += 1
        node.kswapd_phase = START


@hook
def kswapd_step(m, nid):
    node = m.nodes[nid]
    if node.kswapd_phase == NAP:
        if balanced(m, nid, node.highest_zoneidx):
            node.kswapd_run = 0
        else:
            m.vm.kswapd_high_wmark_hit_quickly += 1
            node.kswapd_run, node.kswapd_phase = 1, START
    elif node.kswapd_phase == START:
        m.vm.pageoutrun += 1
        node.kswapd_priority, node.kswapd_reclaimed, node.kswapd_phase = DEF_PRIORITY, 0, PASS
    elif node.kswapd_phase == PASS:
        if balanced(m, nid, node.highest_zoneidx):
            end_run(m, nid)
        else:
            start_pass(m, nid)
            node.kswapd_phase = LRUVEC
            if m.sc[nid].group >= 0:
                begin_lruvec(m, nid, lruvec_of(m, m.sc[nid].group, nid, node.first_zone))
    elif m.sc[nid].group >= 0 and more_rounds(m, nid) and shrink_round(m, nid):
        return 1
    elif not another_group(m, nid):
        node.kswapd_phase = PASS
        if not end_pass(m, nid):
            end_run(m, nid)
    return 1


@kernel
def another_group(m, nid):
    """Finish the current group's lruvec and start on the next one's; 0 when the walk over groups is done."""
    sc = m.sc[nid]
    if sc.group < 0:
        return 0
    finish_lruvec(m, nid)
    shrink_slab(m, nid, sc.group)
    if to_shrink(m, nid, next_group(m, nid, sc.group)) < 0:
        return 0
    begin_lruvec(m, nid, lruvec_of(m, sc.group, nid, m.nodes[nid].first_zone))
    return 1
