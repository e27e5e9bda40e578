"""One list a page: the global lists are gone, reclaim of any scope visits the groups of the subtree (3.3 to 3.8).

Global reclaim, by kswapd or directly, shares one round over all groups with whoever else reclaims the zone at the same
priority. Limit reclaim shrinks one group a pass, the next in turn, and goes on at the next priority.
"""

from model.jit import hook
from model.mm.memcg_iter import follow, iterator, join

SOURCE = "mm/memcontrol.c: mem_cgroup_iter, mm/vmscan.c: shrink_zone, 3.3"


@hook
def first_group(m, s):
    return join(m, s, iterator(m, s, m.sc[s].priority))


@hook
def next_group(m, s, memcg):
    return -1 if m.sc[s].memcg else follow(m, s, iterator(m, s, m.sc[s].priority))


@hook
def may_shrink(m, s, memcg):
    return 1


@hook
def over_high(m, t, in_kernel):
    return 0
