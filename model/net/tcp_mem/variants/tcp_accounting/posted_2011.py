"""Every socket is in a group, and each charge walks locked counters from there up to the root (postings of 2011).

No static key: on a machine whose groups have no limits, or that has none, each charge takes the root's lock all the
same, and the protocol's variables are reached through functions. Charges go through beyond a limit; the group's own
marks and flag decide what its sockets get. Never merged in this form.
"""

from mmrun.model.core.jit import hook
from mmrun.model.net.tcp_mem.groups import CHARGED, NO_GROUP, OVER, add_usage, walk
from mmrun.model.net.tcp_mem.state import tcp_mem_settings

SOURCE = "per-cgroup tcp buffer pressure settings, posted 7 September to 3 October 2011"
PAYS = "everybody"
GROUP_MARKS = 1
ACCESSOR = 1


@hook
def charge_skmem(m, memcg, pages, how):
    walk(m, memcg, 1, tcp_mem_settings(m).res_counter_level)
    return CHARGED if add_usage(m, memcg, pages) == NO_GROUP else OVER


@hook
def uncharge_skmem(m, memcg, pages):
    walk(m, memcg, 1, tcp_mem_settings(m).res_counter_level)
    add_usage(m, memcg, -pages)
    return 0
