"""Direct, limit and proactive reclaim share one round over a subtree, each leaving it when it has enough (since 6.11).

kswapd, and whoever found nothing to reclaim in a partial walk, walk the whole subtree by themselves. Protection and
memory.high as before; large charges beyond memory.high are answered inside the kernel already.
"""

from mmrun.model.core.jit import hook
from mmrun.model.mm.limits.limits import reclaim_and_sleep
from mmrun.model.mm.limits.variants.memcg.full_walk import may_shrink
from mmrun.model.mm.memcg.memcg_iter import begin_shared, choose_walk, next_shared

SOURCE = "mm/vmscan.c: shrink_node_memcgs, mm/memcontrol.c: mem_cgroup_iter, 6.18"
PARAMS = {
    "recursive_protection": (
        False,
        "",
        "children share what they leave unclaimed of their parent's protection, by usage",
        "off unless cgroup2 is mounted with memory_recursiveprot (5.7); systemd does",
    )
}
__all__ = ["may_shrink"]


@hook
def first_group(m, s):
    choose_walk(m, s)
    return begin_shared(m, s)


@hook
def next_group(m, s, memcg):
    return next_shared(m, s, memcg)


@hook
def over_high(m, t, in_kernel):
    reclaim_and_sleep(m, t)
    return 0
