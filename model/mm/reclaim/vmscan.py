"""Shrinking a node or zone lruvec by lruvec, in rounds (shrink_node, shrink_lruvec of mm/vmscan.c).

What a round is depends on the kind of lists (`two_lists`, the variant `mglru`). After each others get their turn.
Every actor has scan controls of its own: one for its reclaim, one for soft limit reclaim inside that.
"""

from mmrun.model.core.jit import caller, kernel
from mmrun.model.core.sleep import cond_resched, current
from mmrun.model.core.state import turn
from mmrun.model.machine.state import nodes
from mmrun.model.mm.huge.state import thp_settings
from mmrun.model.mm.lru.state import lru_settings, lruvecs
from mmrun.model.mm.memcg.memcontrol import room_for_swap
from mmrun.model.mm.memcg.state import memcg_count, memcg_settings, memcgs
from mmrun.model.mm.page.mempolicy import ALL_NODES
from mmrun.model.mm.page.state import zones
from mmrun.model.mm.page.zones import lruvec_of
from mmrun.model.mm.reclaim.reclaim_stat import clear_stat
from mmrun.model.mm.reclaim.state import reclaim_settings, scans
from mmrun.model.mm.swap.swap import nr_swap_pages
from mmrun.model.mm.tiering.state import tiers
from mmrun.model.mm.writeback.plug import unplug
from mmrun.model.mm.writeback.state import writeback_settings
from mmrun.model.net.tcp_mem.state import tcp_mem_settings

prepare_scan = caller("prepare_scan")
first_group = caller("first_group")
next_group = caller("next_group")
may_shrink = caller("may_shrink")
shrink_slab = caller("shrink_slab")
shrink_deferred = caller("shrink_deferred")
lruvec_begin = caller("lruvec_begin")
lruvec_round = caller("lruvec_round")
lruvec_end = caller("lruvec_end")
soft_limit_reclaim = caller("soft_limit_reclaim")
throttle_node = caller("throttle_node")
vmpressure = caller("vmpressure")


@kernel
def own_scan(m):
    """The scan control of the running actor's reclaim; the next row is that of soft limit reclaim inside it."""
    return 2 * turn(m).actor


@kernel
def begin(m, s, memcg, priority, nr_to_reclaim, highest_zoneidx):
    """Reset scan control `s` for one reclaim call by a task; `memcg` 0 means reclaim for the whole machine."""
    sc = scans(m)[s]
    sc.memcg, sc.priority, sc.nr_to_reclaim, sc.highest_zoneidx = memcg, priority, nr_to_reclaim, highest_zoneidx
    sc.nr_reclaimed = sc.nr_scanned = 0
    sc.may_unmap = sc.may_writepage = 1
    sc.force_deactivate = sc.skipped_deactivate = sc.may_deactivate = 0
    sc.cache_trim = sc.file_is_tiny = 0
    sc.ignore_references = sc.kswapd = 0
    clear_stat(sc.node_stat)
    sc.may_enter_fs, sc.may_io = 0 if current(m).nofs else 1, 1
    sc.nodemask = ALL_NODES
    sc.partial = sc.full_walk = sc.low_reclaim = sc.low_skipped = sc.protection = sc.proactive = 0
    sc.given_swappiness = -1
    sc.swap_available = sc.may_swap = 1 if nr_swap_pages(m) > 0 else 0
    set_swappiness(m, s, memcg)


@kernel
def begin_kswapd(m, s, nid, zone, priority, nr_to_reclaim, highest_zoneidx):
    """The same for the daemon of a node, which works on `zone`, or on the whole node from that zone on."""
    begin(m, s, 0, priority, nr_to_reclaim, highest_zoneidx)
    sc = scans(m)[s]
    sc.kswapd, sc.node, sc.zone, sc.may_enter_fs = 1, nid, zone, 1


@kernel
def set_swappiness(m, s, memcg):
    """What user space asked for, else the group's own setting, else the machine's."""
    sc, own = scans(m)[s], memcgs(m)[memcg].swappiness
    sc.swappiness = reclaim_settings(m).swappiness if own < 0 else own
    if sc.given_swappiness >= 0:
        sc.swappiness = sc.given_swappiness


@kernel
def come_to(m):
    """Account for a step of a walk over groups."""
    memcg_count(m).memcg_visits += 1
    m.now += memcg_settings(m).lruvec_visit


@kernel
def visit(m, s, memcg):
    """Look at a group in scope: whether its lruvec is to be shrunk, and under which protection and swap limit."""
    sc = scans(m)[s]
    come_to(m)
    sc.protection = 0
    sc.may_swap = 1 if sc.swap_available and room_for_swap(m, memcg) else 0
    set_swappiness(m, s, memcg)
    return may_shrink(m, s, memcg)


@kernel
def to_shrink(m, s, memcg):
    """The first group from `memcg` on, in the order of the walk, that is to be shrunk; -1 = the walk is over.

    In the kernel: the loop of shrink_node_memcgs.
    """
    while memcg >= 0 and not visit(m, s, memcg):
        memcg = next_group(m, s, memcg)
    scans(m)[s].group = memcg
    return memcg


@kernel
def shrink_lruvec(m, s, lv):
    """Shrink one lruvec at the present priority."""
    sc = scans(m)[s]
    sc.lruvec, sc.round_reclaimed, sc.lruvec_scanned = lv, 0, sc.nr_scanned
    more = lruvec_begin(m, s)
    cond_resched(m)
    while more:
        more = lruvec_round(m, s)
        if more:
            cond_resched(m)
    sc.nr_reclaimed += sc.round_reclaimed
    sc.round_reclaimed = 0
    unplug(m)
    lruvec_end(m, s)


@kernel
def soft_limits_first(m, s):
    """Let groups over their soft limits give before scan control `s` shrinks its node (or zone) for the machine."""
    if memcg_settings(m).soft_limits and scans(m)[s].memcg == 0:
        soft_limit_reclaim(m, s)


@kernel
def lruvec_at(m, s, memcg):
    """The lruvec of a group on the node (or zone) that scan control `s` works on."""
    return lruvec_of(m, memcg, scans(m)[s].node, scans(m)[s].zone)


@kernel
def throttling_is_sane(m, s):
    """Whether balance_dirty_pages holds those back who dirty what is reclaimed (writeback_throttling_sane, 4.2).

    That is so for the whole machine, and for groups with cgroup writeback; others reclaim must hold back itself.
    """
    return scans(m)[s].memcg == 0 or writeback_settings(m).cgroup_writeback


@kernel
def mark_group_congested(m, s):
    """Note of a limited group with cgroup writeback that all dirty pages met were congested; whether it is so marked.

    The mark stays until its reclaimer has been through all priorities (LRUVEC_CGROUP_CONGESTED).
    """
    sc, stat = scans(m)[s], scans(m)[s].node_stat
    if sc.memcg == 0:
        return False
    vec = lruvecs(m)[lruvec_at(m, s, sc.memcg)]
    if writeback_settings(m).cgroup_writeback and stat.dirty and stat.dirty == stat.congested:
        vec.congested = 1
    return vec.congested > 0


@kernel
def shrink_node(m, s):
    """Shrink the groups in scope of one node (or zone): the limited group and its descendants, or every group.

    Then the reclaimer may have to sleep; one of a whole machine's generations never does over it. Whoever frees
    anything on a node gives its daemon hope again.
    """
    before = scans(m)[s].nr_reclaimed
    prepare_scan(m, s)
    clear_stat(scans(m)[s].node_stat)
    group = to_shrink(m, s, first_group(m, s))
    while group >= 0:
        scanned, reclaimed = scans(m)[s].nr_scanned, scans(m)[s].nr_reclaimed
        shrink_lruvec(m, s, lruvec_at(m, s, group))
        shrink_slab(m, s, group)
        if thp_settings(m).enabled:
            shrink_deferred(m, s, group)
        if tcp_mem_settings(m).reclaim_tells:
            vmpressure(m, group, scans(m)[s].nr_scanned - scanned, scans(m)[s].nr_reclaimed - reclaimed)
        group = to_shrink(m, s, next_group(m, s, group))
    if not lru_settings(m).lru_gen:
        throttle_node(m, s)
    if scans(m)[s].nr_reclaimed > before:
        nodes(m)[scans(m)[s].node].kswapd_failures = 0


@kernel
def reclaimable_pages(m, zone, may_swap):
    """Pages of the zone on lists that reclaim could free (zone_reclaimable_pages)."""
    nr = zones(m)[zone].nr_lru
    return nr[2] + nr[3] + (nr[0] + nr[1] if may_swap or tiers(m)[zones(m)[zone].node].targets else 0)
