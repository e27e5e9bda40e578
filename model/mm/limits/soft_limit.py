"""Soft limit reclaim: when the machine is short, groups over their soft limit give first (memory.soft_limit_in_bytes).

kswapd and direct reclaim call it for each zone (node since 4.8) before they shrink it. It takes the group with the
largest excess and shrinks that group and its descendants at priority 0, the whole of their lists, 32 pages a visit,
until a quarter of the excess is gone, the group is under its limit, or a hundred rounds are over. So a caller that
wants 32 pages may take thousands from one group: the over-reclaim the soft limit is known for.
Source: mem_cgroup_soft_limit_reclaim, mem_cgroup_hierarchical_reclaim (3.1), mem_cgroup_soft_reclaim (since 3.2).
"""

from mmrun.model.core.codes import SWAP_CLUSTER_MAX
from mmrun.model.core.jit import hook, kernel
from mmrun.model.mm.lru.state import lru_settings
from mmrun.model.mm.memcg.soft_tree import excess_of, insert, remove, take_largest
from mmrun.model.mm.memcg.state import memcg_count, memcgs
from mmrun.model.mm.memcg.victims import next_by_css, reclaimable
from mmrun.model.mm.page.gfp import GFP_HIGHUSER_MOVABLE, HIGHEST
from mmrun.model.mm.page.zones import lruvec_of
from mmrun.model.mm.reclaim.state import scans
from mmrun.model.mm.reclaim.tracepoints import (
    mm_vmscan_memcg_softlimit_reclaim_begin,
    mm_vmscan_memcg_softlimit_reclaim_end,
)
from mmrun.model.mm.reclaim.vmscan import begin, shrink_lruvec

MAX_ROUNDS = 100  # MEM_CGROUP_MAX_RECLAIM_LOOPS
MAX_EMPTY = 2  # MEM_CGROUP_MAX_SOFT_LIMIT_RECLAIM_LOOPS


@kernel
def _next_victim(m, root):
    """The next group of the subtree in pre-order from where the last walk ended, -1 at its end (mem_cgroup_iter)."""
    row = memcgs(m)[root]
    if row.soft_next == -1:
        row.soft_next = 0
        return -1
    victim = max(root, row.soft_next)
    row.soft_next = victim + 1 if victim + 1 < row.end else -1
    return victim


@kernel
def _shrink(m, caller, memcg):
    """Shrink one group's lruvec at priority 0 until 32 pages are reclaimed (mem_cgroup_shrink_node_zone)."""
    s, outer = caller + 1, scans(m)[caller]
    begin(m, s, memcg, 0, SWAP_CLUSTER_MAX, HIGHEST)
    sc = scans(m)[s]
    sc.kswapd, sc.node, sc.zone, sc.group = outer.kswapd, outer.node, outer.zone, memcg
    mm_vmscan_memcg_softlimit_reclaim_begin(m, 0, 1, GFP_HIGHUSER_MOVABLE, HIGHEST)
    shrink_lruvec(m, s, lruvec_of(m, memcg, sc.node, sc.zone))
    mm_vmscan_memcg_softlimit_reclaim_end(m, sc.nr_reclaimed)
    memcg_count(m).soft_scan += sc.nr_scanned
    memcg_count(m).soft_steal += sc.nr_reclaimed
    outer.nr_scanned += sc.nr_scanned
    return sc.nr_reclaimed


@kernel
def shrink_hierarchy(m, caller, root):
    """Shrink a group and its descendants in turn until a quarter of the excess is gone; pages reclaimed."""
    excess, total, rounds = excess_of(m, root), 0, 0
    while True:
        victim = next_by_css(m, root) if lru_settings(m).double_lru else _next_victim(m, root)
        # 3.1 counts a round when it meets the root again, later kernels when the walk has come to its end.
        if victim < 0 or (lru_settings(m).double_lru and victim == root):
            rounds += 1
            if rounds >= 2 and (total == 0 or total >= excess >> 2 or rounds > MAX_ROUNDS):
                return total
        if victim < 0 or not reclaimable(m, victim):
            continue
        total += _shrink(m, caller, victim)
        if excess_of(m, root) == 0:
            return total


@hook
def soft_limit_reclaim(m, s):
    """Reclaim from the groups furthest over their soft limits until one gives something, on behalf of control `s`."""
    nid, z = scans(m)[s].node, scans(m)[s].zone
    reclaimed, empty, memcg, following = 0, 0, -1, -1
    while reclaimed == 0:
        memcg = following if following >= 0 else take_largest(m, nid, z)
        if memcg < 0:
            break
        reclaimed = shrink_hierarchy(m, s, memcg)
        following = -1 if reclaimed else take_largest(m, nid, z)
        lv = lruvec_of(m, memcg, nid, z)
        remove(m, lv)
        insert(m, lv, excess_of(m, memcg))
        empty += 1
        if reclaimed == 0 and (following < 0 or empty > MAX_EMPTY):
            break
    scans(m)[s].nr_reclaimed += reclaimed
    return 0
