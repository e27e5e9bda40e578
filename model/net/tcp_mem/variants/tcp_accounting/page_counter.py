"""As `res-counter`, but a level of the walk is one atomic operation instead of a lock (3.19 to 4.4).

Only the group's own limit says whether it is over.
"""

from mmrun.model.core.jit import hook
from mmrun.model.net.tcp_mem.groups import CHARGED, OVER, add_usage, walk
from mmrun.model.net.tcp_mem.state import sock_groups

SOURCE = "include/net/sock.h: memcg_memory_allocated_add, mm/page_counter.c, 3.19"
PAYS = "limited"
GROUP_MARKS = 1


@hook
def charge_skmem(m, memcg, pages, how):
    walk(m, memcg, 1, 0)
    add_usage(m, memcg, pages)
    return OVER if sock_groups(m)[memcg].usage > sock_groups(m)[memcg].limit else CHARGED


@hook
def uncharge_skmem(m, memcg, pages):
    walk(m, memcg, 1, 0)
    add_usage(m, memcg, -pages)
    return 0
