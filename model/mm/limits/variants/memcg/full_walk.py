"""Every reclaimer walks the whole subtree by itself and shrinks all groups alike (5.5 to 6.10).

Protection is proportional: the scan target of a group shrinks with the share of it that memory.min and memory.low
protect. A task whose group stays over memory.high is put to sleep.
"""

from mmrun.model.core.jit import hook
from mmrun.model.core.parameters import parameters
from mmrun.model.mm.limits.limits import reclaim_and_sleep
from mmrun.model.mm.memcg.memcg_iter import after
from mmrun.model.mm.memcg.protection import protect
from mmrun.model.mm.memcg.state import memcg_settings
from mmrun.model.mm.reclaim.state import scans

SOURCE = "mm/vmscan.c: shrink_node_memcgs, mm/memcontrol.c, 5.15"
PARAMS = {
    "recursive_protection": (
        False,
        "",
        "children share what they leave unclaimed of their parent's protection, by usage",
        "off unless cgroup2 is mounted with memory_recursiveprot (5.7); systemd does",
    )
}
params = parameters("memcg", PARAMS, 308)


@hook
def first_group(m, s):
    return scans(m)[s].memcg


@hook
def next_group(m, s, memcg):
    return after(m, s, memcg)


@hook
def may_shrink(m, s, memcg):
    return protect(m, s, memcg, params(m).recursive_protection) if memcg_settings(m).protection else 1


@hook
def over_high(m, t, in_kernel):
    if not in_kernel:
        reclaim_and_sleep(m, t)
    return 0
