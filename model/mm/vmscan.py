"""Shrinking a lruvec in rounds, and a node or zone lruvec by lruvec (shrink_node of mm/vmscan.c).

What a round is depends on the kind of lists (`two_lists`, `policies/lru/mglru`). The scan control keeps what is left,
so that kswapd can work in small pieces on its own clock while a direct reclaimer runs the same rounds to the end.
"""

from model.jit import caller, kernel, memcgs
from model.layout import MAX_NODES
from model.mm.lists import lruvec_of
from model.mm.memcontrol import room_for_swap
from model.mm.pageout import unplug
from model.mm.reclaim_stat import clear_stat
from model.mm.swap import nr_swap_pages

prepare_scan = caller("prepare_scan")
first_group = caller("first_group")
next_group = caller("next_group")
may_shrink = caller("may_shrink")
shrink_slab = caller("shrink_slab")
lruvec_begin = caller("lruvec_begin")
lruvec_round = caller("lruvec_round")
lruvec_end = caller("lruvec_end")
soft_limit_reclaim = caller("soft_limit_reclaim")
throttle_node = caller("throttle_node")

DIRECT = MAX_NODES  # the scan control of whoever reclaims in its own context
SOFT = MAX_NODES + 1  # the one of soft limit reclaim, which runs inside the others


@kernel
def begin(m, s, memcg, priority, nr_to_reclaim, highest_zoneidx):
    """Reset scan control `s` for one reclaim call; `memcg` 0 means reclaim for the whole machine."""
    sc = m.sc[s]
    sc.memcg, sc.priority, sc.nr_to_reclaim, sc.highest_zoneidx = memcg, priority, nr_to_reclaim, highest_zoneidx
    sc.nr_reclaimed = sc.nr_scanned = 0
    sc.may_unmap = sc.may_writepage = 1
    sc.force_deactivate = sc.skipped_deactivate = sc.may_deactivate = 0
    sc.cache_trim = sc.cache_trim_failed = sc.no_cache_trim = sc.file_is_tiny = 0
    sc.stall_lock = sc.ignore_references = sc.at = sc.total_scanned = 0
    clear_stat(sc.node_stat)
    sc.kswapd = 1 if s < MAX_NODES else 0
    sc.may_enter_fs = 1 if sc.kswapd or not m.clock.nofs else 0
    sc.partial = sc.full_walk = sc.low_reclaim = sc.low_skipped = sc.protection = sc.proactive = 0
    sc.given_swappiness = -1
    sc.swap_available = sc.may_swap = 1 if nr_swap_pages(m) > 0 else 0
    set_swappiness(m, s, memcg)


@kernel
def set_swappiness(m, s, memcg):
    """What user space asked for, else the group's own setting, else the machine's."""
    sc, own = m.sc[s], memcgs(m)[memcg].swappiness
    sc.swappiness = m.cfg.swappiness if own < 0 else own
    if sc.given_swappiness >= 0:
        sc.swappiness = sc.given_swappiness


@kernel
def come_to(m):
    """Account for a step of a walk over groups."""
    m.vm.memcg_visits += 1
    m.clock.now += m.cfg.lruvec_visit


@kernel
def visit(m, s, memcg):
    """Look at a group in scope: whether its lruvec is to be shrunk, and under which protection and swap limit."""
    sc = m.sc[s]
    come_to(m)
    sc.protection = 0
    sc.may_swap = 1 if sc.swap_available and room_for_swap(m, memcg) else 0
    set_swappiness(m, s, memcg)
    return may_shrink(m, s, memcg)


@kernel
def to_shrink(m, s, memcg):
    """The first group from `memcg` on, in the order of the walk, that is to be shrunk; -1 = the walk is over."""
    while memcg >= 0 and not visit(m, s, memcg):
        memcg = next_group(m, s, memcg)
    m.sc[s].group = memcg
    return memcg


@kernel
def begin_lruvec(m, s, lv):
    """Start on lruvec `lv` at the present priority."""
    sc = m.sc[s]
    sc.lruvec = lv
    sc.round_reclaimed, sc.lruvec_scanned = 0, sc.nr_scanned
    sc.more = lruvec_begin(m, s)


@kernel
def more_rounds(m, s):
    """Whether the current lruvec has work left."""
    return m.sc[s].more


@kernel
def shrink_round(m, s):
    """Do one bounded piece of work on the current lruvec; 1 when there is more."""
    m.sc[s].more = lruvec_round(m, s)
    return m.sc[s].more


@kernel
def finish_lruvec(m, s):
    """Book what the lruvec gave."""
    sc = m.sc[s]
    sc.nr_reclaimed += sc.round_reclaimed
    sc.round_reclaimed = sc.more = 0
    unplug(m, s)
    lruvec_end(m, s)


@kernel
def shrink_lruvec(m, s, lv):
    """Shrink one lruvec at the present priority, in one go."""
    begin_lruvec(m, s, lv)
    while more_rounds(m, s) and m.clock.blocked_until == 0:
        if not shrink_round(m, s):
            break
    finish_lruvec(m, s)


@kernel
def soft_limits_first(m, s):
    """Let groups over their soft limits give before scan control `s` shrinks its node (or zone) for the machine."""
    sc = m.sc[s]
    if m.cfg.soft_limits and sc.memcg == 0:
        sc.nr_reclaimed += soft_limit_reclaim(m, sc.node, sc.zone, sc.kswapd)
        sc.nr_scanned += m.sc[SOFT].nr_scanned


@kernel
def lruvec_at(m, s, memcg):
    """The lruvec of a group on the node (or zone) that scan control `s` works on."""
    return lruvec_of(m, memcg, m.sc[s].node, m.sc[s].zone)


@kernel
def shrink_node(m, s):
    """Shrink the groups in scope of one node (or zone): the limited group and its descendants, or every group.

    A reclaimer that has fallen asleep leaves early.
    """
    prepare_scan(m, s)
    clear_stat(m.sc[s].node_stat)
    group = to_shrink(m, s, first_group(m, s))
    while group >= 0:
        shrink_lruvec(m, s, lruvec_at(m, s, group))
        shrink_slab(m, s, group)
        if m.clock.blocked_until:
            return
        group = to_shrink(m, s, next_group(m, s, group))
    end_node(m, s)


@kernel
def end_node(m, s):
    """The lruvecs of the node (or zone) were shrunk once; the generations of a whole machine never sleep over it."""
    if not m.cfg.lru_gen:
        throttle_node(m, s)


@kernel
def reclaimable_pages(m, zone, may_swap):
    """Pages of the zone on lists that reclaim could free (zone_reclaimable_pages)."""
    nr = m.zones[zone].nr_lru
    return nr[2] + nr[3] + (nr[0] + nr[1] if may_swap else 0)
