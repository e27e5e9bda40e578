"""What the engine tells NUMA balancing: a process begins, time passes; nothing where it is off."""

from mmrun.model.core.jit import caller, kernel
from mmrun.model.machine.state import geometry
from mmrun.model.mm.numa_balancing.state import NO_NODE, numa_settings, numa_tasks, numab
from mmrun.model.mm.task.state import tasks

numa_tick = caller("numa_tick")


@kernel
def new_mm(m, t):
    """Task `t` is a process that has just begun (init_numa_balancing)."""
    if not numa_settings(m).numa_balancing:
        return
    own, task = numa_tasks(m)[t], tasks(m)[t]
    own.node_stamp, own.scan_period = 0, numa_settings(m).numa_balancing_scan_delay_ms
    own.next_scan = own.offset = own.seq = own.seen_seq = own.retry_at = 0
    own.preferred = NO_NODE
    own.locality[0] = own.locality[1] = own.locality[2] = 0
    for nid in range(geometry(m).nr_nodes):
        for private in range(2):
            own.faults[nid, private] = own.fresh[nid, private] = 0
    for region in range(task.first_region, task.first_region + task.nr_regions):
        numab(m)[region].known = 0


@kernel
def numa_tick_if_due(m, t):
    """Task `t` is in user space: a tick may have come since it last was."""
    if numa_settings(m).numa_balancing and m.now >= numa_tasks(m)[t].next_tick:
        numa_tick(m, t)
