"""Nobody but the machine: all sockets' memory is on the protocol's counter, no group pays for it (to 3.2)."""

from mmrun.model.core.jit import hook
from mmrun.model.net.tcp_mem.groups import CHARGED

SOURCE = "net/core/sock.c: __sk_mem_schedule, 3.1"
PAYS = "nobody"


@hook
def charge_skmem(m, memcg, pages, how):
    return CHARGED


@hook
def uncharge_skmem(m, memcg, pages):
    return 0
