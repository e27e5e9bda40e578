"""One list a page: the global lists are gone, reclaim of any scope visits the groups of the subtree (3.3 to 3.8).

Global reclaim, by kswapd or directly, shares one round over all groups with whoever else reclaims the zone at the same
priority. Limit reclaim shrinks one group a pass, the next in turn, and goes on at the next priority.
"""

from mmrun.model.core.jit import caller, hook
from mmrun.model.mm.limits.limits import ITS_OWN
from mmrun.model.mm.memcg.memcg_iter import follow, iterator, join
from mmrun.model.mm.memcg.memcontrol import drain_all_stocks
from mmrun.model.mm.memcg.state import memcgs
from mmrun.model.mm.reclaim.state import scans

SOURCE = "mm/memcontrol.c: mem_cgroup_iter, mm/vmscan.c: shrink_zone; include/linux/page_cgroup.h, 3.3"
PARAMS = {
    "page_cgroup_bytes": (
        16,
        "B",
        "memory beside every frame: flags and group",
        "struct page_cgroup, 3.3; 0 since 3.19",
        (0, 256, "a sixteenth of all memory"),
    )
}
memcg_reclaim = caller("memcg_reclaim")


MAX_LOOPS = 100  # MEM_CGROUP_MAX_RECLAIM_LOOPS


@hook
def first_group(m, s):
    return join(m, s, iterator(m, s, scans(m)[s].priority))


@hook
def next_group(m, s, memcg):
    return -1 if scans(m)[s].memcg else follow(m, s, iterator(m, s, scans(m)[s].priority))


@hook
def limit_reclaim(m, memcg, want):
    """Again and again while that frees anything, until there is room (mem_cgroup_reclaim)."""
    total, group = 0, memcgs(m)[memcg]
    for loop in range(MAX_LOOPS):
        if loop:
            drain_all_stocks(m, memcg)
        total += memcg_reclaim(m, memcg, want, ITS_OWN, 0)
        if group.usage < group.limit or (loop and total == 0):
            break
    return total


@hook
def may_shrink(m, s, memcg):
    return 1


@hook
def over_high(m, t, in_kernel):
    return 0
