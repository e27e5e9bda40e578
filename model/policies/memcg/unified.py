"""One list a page: reclaim of any scope visits every group of the subtree in pre-order and shrinks it alike (3.3)."""

from model.jit import hook, memcgs

SOURCE = "mm/memcontrol.c: mem_cgroup_iter, mm/vmscan.c: shrink_zone, 3.3"


@hook
def first_group(m, s):
    return m.sc[s].memcg


@hook
def next_group(m, s, memcg):
    return memcg + 1 if memcg + 1 < memcgs(m)[m.sc[s].memcg].end else -1
