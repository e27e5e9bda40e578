"""Two lists a page: the zone's, which global reclaim scans blind to groups, and its group's, which limit reclaim scans.

A page_cgroup beside every frame, allocated at boot, links a charged page into its group's list; root's pages are on the
zone's list only. A group at its limit takes victims from its hierarchy in css id order, 32 pages each, until there is
room or it has met itself twice.
"""

from mmrun.model.core.codes import SWAP_CLUSTER_MAX
from mmrun.model.core.jit import caller, hook
from mmrun.model.mm.limits.limits import ITS_OWN
from mmrun.model.mm.limits.variants.memcg.unified import may_shrink, over_high
from mmrun.model.mm.memcg.memcontrol import drain_all_stocks
from mmrun.model.mm.memcg.state import memcgs
from mmrun.model.mm.memcg.victims import next_by_css, reclaimable
from mmrun.model.mm.reclaim.state import scans

SOURCE = "mm/memcontrol.c: mem_cgroup_hierarchical_reclaim, mem_cgroup_add_lru_list; include/linux/page_cgroup.h, 3.1"
SCOPE = "zone"
__all__ = ["may_shrink", "over_high"]
DOUBLE_LRU = True
PARAMS = {
    "page_cgroup_bytes": (
        32, "B", "memory beside every frame: flags, group, list links", "struct page_cgroup, 3.1; 40 up to 2.6.38",
        (0, 256, "a sixteenth of all memory"),
    ),
}  # fmt: skip
memcg_reclaim = caller("memcg_reclaim")


@hook
def first_group(m, s):
    return scans(m)[s].memcg


@hook
def next_group(m, s, memcg):
    return -1


@hook
def limit_reclaim(m, memcg, want):
    total = met = 0
    group = memcgs(m)[memcg]
    while True:
        victim = next_by_css(m, memcg)
        if victim == memcg:
            met += 1
            drain_all_stocks(m, memcg)
            if met == 2:
                return total
        if reclaimable(m, victim):
            total += memcg_reclaim(m, victim, SWAP_CLUSTER_MAX, ITS_OWN, 0)
            if group.usage < group.limit:
                return total
