"""Shared rounds, a limited subtree visited until enough pages are reclaimed (3.9 to 5.4).

As `unified`, but limit reclaim stops a round only when it has what it wants. memory.min and memory.low protect a
group entirely or not at all: below them it is passed over, above them it is scanned like any other. Until 4.17 a group
is below its low only if all above it are below theirs; since then parents share out what they have. A group over
memory.high reclaims; nothing slows its tasks down beyond that.
"""

from mmrun.model.core.jit import hook
from mmrun.model.mm.limits.limits import reclaim_high
from mmrun.model.mm.memcg.memcg_iter import follow, iterator, join
from mmrun.model.mm.memcg.protection import below_protection, calculate_protection, spares
from mmrun.model.mm.memcg.state import memcg_settings
from mmrun.model.mm.reclaim.state import scans

SOURCE = "mm/memcontrol.c: mem_cgroup_iter, mem_cgroup_protected, mm/vmscan.c: shrink_node, 4.19"
PARAMS = {
    "page_cgroup_bytes": (
        0,
        "B",
        "memory beside every frame: flags and group",
        "struct page_cgroup: 16 until 3.18",
        (0, 256, "a sixteenth of all memory"),
    )
}


@hook
def first_group(m, s):
    return join(m, s, iterator(m, s, scans(m)[s].priority))


@hook
def next_group(m, s, memcg):
    sc = scans(m)[s]
    if sc.memcg and sc.nr_reclaimed >= sc.nr_to_reclaim:
        return -1
    return follow(m, s, iterator(m, s, sc.priority))


@hook
def may_shrink(m, s, memcg):
    if memcg_settings(m).protection == 0:
        return 1
    if not memcg_settings(m).low_in_shares:
        return 0 if spares(m, s, memcg) else 1
    calculate_protection(m, scans(m)[s].memcg, memcg, False)
    return 0 if below_protection(m, s, memcg) else 1


@hook
def over_high(m, t, in_kernel):
    if not in_kernel:
        reclaim_high(m, t)
    return 0
