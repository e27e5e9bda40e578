"""kswapd since 4.8: a node is balanced when any zone the caller may use is above its high watermark.

Priority 12 to 1. Each pass shrinks every group's lruvec of the node; the target of a pass is the sum of the zones' high
watermarks, and the priority falls when a pass scanned less than that or reclaimed nothing. Sixteen fruitless runs and
the daemon gives up until somebody's reclaim on the node makes progress (4.12).

From 4.8 to 4.11 it never gives up: on a node with nothing to reclaim it runs for as long as somebody asks for pages. It
sleeps when all zones are above high that were asked for since it began its run, only the lowest if nobody asked.

Since 5.0 it also reclaims as many pages as fallbacks have boosted the watermarks by, gently, and takes the boost back.
"""

from mmrun.model.core.codes import SWAP_CLUSTER_MAX
from mmrun.model.core.jit import caller, hook, kernel
from mmrun.model.core.parameters import parameters
from mmrun.model.core.sleep import FOREVER, cond_resched, wait
from mmrun.model.core.state import turn
from mmrun.model.machine.state import costs, geometry, nodes, run_settings
from mmrun.model.machine.timers import timeout_ns
from mmrun.model.mm.lru.state import DEF_PRIORITY, lru_settings
from mmrun.model.mm.page.boost import set_boost
from mmrun.model.mm.page.buddy import PAGEBLOCK_ORDER
from mmrun.model.mm.page.flags import ACTIVE_ANON
from mmrun.model.mm.page.state import MAX_ORDER, alloc_settings, zones
from mmrun.model.mm.page.zones import MAX_RECLAIM_RETRIES, blocks_of_order, boost_of, enough, lruvec_of, watermark_ok
from mmrun.model.mm.reclaim.kswapd import NAP_NS
from mmrun.model.mm.reclaim.state import reclaim_count, scans
from mmrun.model.mm.reclaim.throttle import clear_flags
from mmrun.model.mm.reclaim.throttle_direct import nobody_throttled, wake_throttled
from mmrun.model.mm.reclaim.tracepoints import mm_vmscan_kswapd_sleep
from mmrun.model.mm.reclaim.vmscan import begin_kswapd, come_to, own_scan, shrink_node, soft_limits_first
from mmrun.model.mm.swap.state import swap_settings
from mmrun.model.mm.tiering.state import tiers

SOURCE = "mm/vmscan.c: balance_pgdat, kswapd_try_to_sleep, pgdat_balanced, 6.18"
SCOPE = "node"
PARAMS = {
    "age_by_root": (True, "flag", "active anon of all groups is aged when that of the node as a whole runs low (5.5)",
                    "mm/vmscan.c: age_active_anon, 5.5"),
    "gives_up": (True, "flag", "sixteen runs in a row that reclaim nothing are enough (4.12)",
                 "mm/vmscan.c: balance_pgdat, prepare_kswapd_sleep, 4.12"),
    "one_will_do": (True, "flag", "one zone above high is enough for it to sleep, of those that were ever asked for; "
                    "else all that were asked for meanwhile (4.12)", "mm/vmscan.c: prepare_kswapd_sleep, 4.12"),
}  # fmt: skip
params = parameters("kswapd", PARAMS, 313)
age_anon = caller("age_anon")
shrink_active = caller("shrink_active")
end_reclaim = caller("end_reclaim")
shrink_slab_pass = caller("shrink_slab_pass")
reset_isolation_suitable = caller("reset_isolation_suitable")
wakeup_kcompactd = caller("wakeup_kcompactd")


@kernel
def free_for(m, z, order):
    """Free pages that count for the daemon; in whole pageblocks only where types shall never mix (defrag_mode)."""
    if not order or not alloc_settings(m).defrag_mode:
        return zones(m)[z].nr_free
    whole = 0
    for larger in range(PAGEBLOCK_ORDER, MAX_ORDER):
        whole += blocks_of_order(m, z, larger) << larger
    return whole


@kernel
def balanced(m, nid, order, highest_zoneidx):
    """Whether some zone the caller may use has a block of 2^order pages above high, or promo; so is one without zones.

    `promo`: what it keeps free for pages that are promoted to it.
    """
    node, populated = nodes(m)[nid], False
    for z in range(node.first_zone, node.first_zone + node.nr_zones):
        zone = zones(m)[z]
        if zone.kind > highest_zoneidx or zone.managed == 0:
            continue
        populated = True
        mark = zone.wmark_high + tiers(m)[nid].promo[z - node.first_zone]
        if enough(m, z, order, mark, highest_zoneidx, 0, free_for(m, z, order)):
            return True
    return not populated


@hook
def kswapd_needed(m, z, order, highest_zoneidx):
    return 0 if balanced(m, zones(m)[z].node, order, highest_zoneidx) else 1


@kernel
def age_group(m, s, memcg, asks):
    """Shrink one batch of the active anonymous pages of a group on the node; `asks`: if its inactive list runs low."""
    sc = scans(m)[s]
    sc.lruvec = lruvec_of(m, memcg, sc.node, nodes(m)[sc.node].first_zone)
    if (swap_settings(m).total_swap or tiers(m)[sc.node].targets) and not lru_settings(m).lru_gen:
        come_to(m)
    if not asks or age_anon(m, s):
        shrink_active(m, s, sc.lruvec, ACTIVE_ANON, SWAP_CLUSTER_MAX)


@kernel
def age_active_anon(m, s):
    """Let inactive anonymous lists grow, all of them if the node's as a whole runs low (kswapd_age_node)."""
    by_root = params(m).age_by_root and not lru_settings(m).lru_gen
    if by_root:
        scans(m)[s].lruvec = lruvec_of(m, 0, scans(m)[s].node, nodes(m)[scans(m)[s].node].first_zone)
        if not age_anon(m, s):
            return
    for memcg in range(geometry(m).nr_memcgs):
        age_group(m, s, memcg, not by_root)


@kernel
def kswapd_shrink_node(m, s, nid, boost):
    """One pass over the node at the present priority; whether that was a high enough one for it.

    For a `boost` alone nothing is written or swapped.
    """
    sc, node, target = scans(m)[s], nodes(m)[nid], 0
    for z in range(node.first_zone, node.first_zone + node.nr_zones):
        target += max(zones(m)[z].wmark_high, SWAP_CLUSTER_MAX)
    begin_kswapd(m, s, nid, node.first_zone, sc.priority, target, node.kswapd_last)
    if boost:
        sc.may_writepage = sc.may_swap = sc.swap_available = 0
    age_active_anon(m, s)
    soft_limits_first(m, s)
    sc.nr_scanned = 0
    shrink_node(m, s)
    shrink_slab_pass(m, s)
    return sc.nr_scanned >= sc.nr_to_reclaim or sc.nr_reclaimed >= sc.nr_to_reclaim


@kernel
def note_boosts(m, nid):
    """Remember how far each zone is boosted as the run begins; the sum of those that it is for."""
    node = nodes(m)[nid]
    for z in range(node.first_zone, node.first_zone + node.nr_zones):
        zone = zones(m)[z]
        zone.boost_seen = zone.boost if zone.kind <= node.kswapd_last else 0
    return boost_of(m, nid, node.kswapd_last)


@kernel
def end_of_boost(m, nid):
    """The run is over: what was boosted as it began no longer is; what fallbacks added meanwhile stays."""
    node = nodes(m)[nid]
    for z in range(node.first_zone, node.first_zone + node.nr_zones):
        set_boost(m, z, zones(m)[z].boost - min(zones(m)[z].boost, zones(m)[z].boost_seen))


@kernel
def passes(m, s, nid, boost):
    """Passes from priority 12 down to 1 until the node is balanced and as many pages as the `boost` are reclaimed.

    For a boost three priorities are tried, and a pass in vain ends it. As soon as the node is not balanced the boost
    is forgotten, and the run an ordinary one. (pages reclaimed, whether it is a failure if they are none)
    """
    sc, node, reclaimed, boosted = scans(m)[s], nodes(m)[nid], 0, boost > 0
    sc.priority = DEF_PRIORITY
    while sc.priority >= 1:
        unbalanced = not balanced(m, nid, node.kswapd_reclaim_order, node.kswapd_last)
        if unbalanced and boost:
            boost, sc.priority = 0, DEF_PRIORITY
        if not unbalanced and not boost:
            return reclaimed, False
        last = boost and sc.priority == DEF_PRIORITY - 2
        enough = kswapd_shrink_node(m, s, nid, boost)
        wake_throttled(m, nid)
        reclaimed += sc.nr_reclaimed
        if reclaimed >= 2 << node.kswapd_reclaim_order:  # compact_gap: the rest is for compaction to do
            node.kswapd_reclaim_order = 0
        boost -= min(boost, sc.nr_reclaimed)
        if boost and sc.nr_reclaimed == 0:
            return reclaimed, True
        if sc.nr_reclaimed == 0 or not (enough or last):
            sc.priority -= 1
        cond_resched(m)
    return reclaimed, boosted or not balanced(m, nid, node.kswapd_reclaim_order, node.kswapd_last)


@hook
def balance_pgdat(m, nid):
    """Reclaim on the node until a zone is balanced or priority 1 has been tried; count a run that gave nothing."""
    s, node = own_scan(m), nodes(m)[nid]
    node.kswapd_last = node.highest_zoneidx
    if not params(m).one_will_do:
        node.highest_zoneidx = 0
    node.kswapd_alloc_order = node.kswapd_reclaim_order = node.kswapd_order
    node.kswapd_order = 0
    reclaim_count(m).pageoutrun += 1
    boost = note_boosts(m, nid)
    cond_resched(m)
    reclaimed, vain = passes(m, s, nid, boost)
    end_reclaim(m, s)
    if reclaimed == 0 and vain:
        node.kswapd_failures += params(m).gives_up
        m.now += 0 if params(m).gives_up else costs(m).kswapd_wake  # passes in vain take time, too
    if boost:
        end_of_boost(m, nid)
        wakeup_kcompactd(m, nid, PAGEBLOCK_ORDER, node.kswapd_last)
    if node.kswapd_reclaim_order == node.kswapd_alloc_order:  # it rests for what it was woken for meanwhile
        node.kswapd_alloc_order = node.kswapd_reclaim_order = node.kswapd_order
    return 0


@kernel
def all_balanced(m, nid, highest_zoneidx):
    """Whether no zone the caller may use is below high (to 4.11)."""
    node = nodes(m)[nid]
    for z in range(node.first_zone, node.first_zone + node.nr_zones):
        zone = zones(m)[z]
        usable = zone.kind <= highest_zoneidx and zone.managed > 0
        if usable and not watermark_ok(m, z, 0, zone.wmark_high, highest_zoneidx, 0):
            return False
    return True


@kernel
def prepare_kswapd_sleep(m, nid):
    """Whether there is nothing to do, or nothing that could be done."""
    node = nodes(m)[nid]
    nobody_throttled(m, nid)
    if node.kswapd_failures >= MAX_RECLAIM_RETRIES:
        return True
    if not params(m).one_will_do:
        return all_balanced(m, nid, node.highest_zoneidx)
    if balanced(m, nid, node.kswapd_reclaim_order, node.highest_zoneidx):
        clear_flags(m, nid)
        return True
    return False


@hook
def kswapd_try_to_sleep(m, nid):
    """A nap first, and sleep when the node is still balanced after it; else work on at once."""
    node, undisturbed = nodes(m)[nid], True
    if prepare_kswapd_sleep(m, nid):
        reset_isolation_suitable(m, nid)
        wakeup_kcompactd(m, nid, node.kswapd_alloc_order, node.highest_zoneidx)
        nap = timeout_ns(m, NAP_NS)
        undisturbed = wait(m, node.kswapd_wait, nap) >= nap
        if not undisturbed:
            node.kswapd_order = max(node.kswapd_order, node.kswapd_reclaim_order)
    if undisturbed and prepare_kswapd_sleep(m, nid):
        turn(m).pass_over = run_settings(m).check
        mm_vmscan_kswapd_sleep(m, nid)
        wait(m, node.kswapd_wait, FOREVER)
    elif undisturbed:
        reclaim_count(m).kswapd_high_wmark_hit_quickly += 1
    else:
        reclaim_count(m).kswapd_low_wmark_hit_quickly += 1
    return 0
