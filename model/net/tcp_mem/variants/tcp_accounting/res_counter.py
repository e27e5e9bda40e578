"""Groups with a limit have a counter of socket bytes, locked level by level (res_counter, 3.3 to 3.18).

A static key keeps all of it out of the way until a group is given a limit. From then on each charge of its sockets, in
no batch, takes the lock of the group and of every group above it, with interrupts off, beside the machine's counter. It
is never refused: a group over its limit puts its sockets under pressure, whose marks are the lesser of the machine's
and the limit.
"""

from mmrun.model.core.jit import hook
from mmrun.model.net.tcp_mem.groups import CHARGED, NO_GROUP, OVER, add_usage, walk
from mmrun.model.net.tcp_mem.state import tcp_mem_settings

SOURCE = "include/net/sock.h: memcg_memory_allocated_add, kernel/res_counter.c, 3.6"
PAYS = "limited"
GROUP_MARKS = 1


@hook
def charge_skmem(m, memcg, pages, how):
    walk(m, memcg, 1, tcp_mem_settings(m).res_counter_level)
    return CHARGED if add_usage(m, memcg, pages) == NO_GROUP else OVER


@hook
def uncharge_skmem(m, memcg, pages):
    walk(m, memcg, 1, tcp_mem_settings(m).res_counter_level)
    add_usage(m, memcg, -pages)
    return 0
