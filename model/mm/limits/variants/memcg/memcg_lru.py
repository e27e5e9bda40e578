"""Global reclaim takes groups from a node's LRU of groups, so that it need not visit all of them (6.3 and later).

Groups stand in an old and a young generation; reclaim goes through the old one from a random bin on and stops when it
has enough. A group that had to be aged becomes young; one too small to scan is tried once more, then becomes young; the
others stay old and are met again. Reclaim below a limit walks the subtree as `shared-cookie` does. A group below
memory.min is passed over, one below memory.low until its second turn, one over its soft limit comes first.
"""

from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.parameters import parameters
from mmrun.model.machine.state import geometry
from mmrun.model.mm.generations.scan import enough, evictable, swappiness_of
from mmrun.model.mm.generations.state import lrugens
from mmrun.model.mm.limits.variants.memcg.shared_cookie import over_high
from mmrun.model.mm.memcg.memcg_iter import begin_shared, choose_walk, next_shared
from mmrun.model.mm.memcg.memcg_lru import NOP, TAIL, YOUNG, begin_walk, go_on, rotate
from mmrun.model.mm.memcg.memcontrol import EVENT_LOW, event
from mmrun.model.mm.memcg.protection import calculate_protection, proportional, protect
from mmrun.model.mm.memcg.state import memcg_settings, memcgs
from mmrun.model.mm.reclaim.state import scans
from mmrun.model.mm.reclaim.vmscan import lruvec_at

SOURCE = "mm/vmscan.c: lru_gen_shrink_node, shrink_many, shrink_one, lru_gen_age_node, 6.18"
DRAWS = "with cgroups"
SCOPE = "node"
NEEDS = "generations"
MEMCG_LRU = True
PARAMS = {
    "recursive_protection": (
        False,
        "",
        "children share what they leave unclaimed of their parent's protection, by usage",
        "off unless cgroup2 is mounted with memory_recursiveprot (5.7); systemd does",
    )
}
params = parameters("memcg", PARAMS, 309)
SHRINK = -1  # may_shrink found nothing against it: what follows depends on what shrinking comes to
__all__ = ["over_high"]


@hook
def first_group(m, s):
    sc, recursive = scans(m)[s], params(m).recursive_protection
    choose_walk(m, s)
    if sc.memcg:
        return begin_shared(m, s)
    if sc.kswapd and memcg_settings(m).protection:
        for memcg in range(1, geometry(m).nr_memcgs):
            calculate_protection(m, 0, memcg, recursive)
    return begin_walk(m, s)


@hook
def may_shrink(m, s, memcg):
    """Direct reclaim goes by the protection that kswapd worked out last."""
    sc, group = scans(m)[s], memcgs(m)[memcg]
    sc.memcg_event, sc.aged = SHRINK, 0
    if sc.memcg:
        return protect(m, s, memcg, params(m).recursive_protection) if memcg_settings(m).protection else 1
    if memcg and group.usage <= group.emin:
        sc.memcg_event = YOUNG
    elif memcg and group.usage <= group.elow:
        if lrugens(m)[lruvec_at(m, s, memcg)].memcg_seg != TAIL:
            sc.memcg_event = TAIL
        else:
            event(m, memcg, EVENT_LOW)
    if sc.memcg_event != SHRINK:
        return 0
    proportional(m, s, memcg)
    return 1


@kernel
def outcome(m, s, lv):
    """What becomes of a group that reclaim has visited (the return value of shrink_one)."""
    sc = scans(m)[s]
    if sc.memcg_event != SHRINK:
        return sc.memcg_event
    if sc.aged:
        return YOUNG
    if evictable(m, lv, swappiness_of(m, s, lv)) >> sc.priority:
        return NOP
    return YOUNG if lrugens(m)[lv].memcg_seg == TAIL else TAIL


@hook
def next_group(m, s, memcg):
    sc, lv = scans(m)[s], lruvec_at(m, s, memcg)
    if sc.memcg == 0:
        stop = enough(m, s)
        following = go_on(m, s, lv, outcome(m, s, lv))
        return -1 if stop else following
    if sc.memcg_event == SHRINK and sc.aged:
        rotate(m, lv, YOUNG)
    return next_shared(m, s, memcg)
