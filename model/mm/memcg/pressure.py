"""Pressure stall information of a group, from the stall counters of its tasks.

The kernel watches task states; here the share of time in which *some* task stalls follows from each task's own share as
if stalls of different tasks were independent: exact for one task. All waits for file reads count, although the kernel
counts only those for pages that had been in memory before.
"""

from mmrun.model.core.accounting import count_sleeper
from mmrun.model.core.jit import kernel
from mmrun.model.machine.state import geometry, task_count
from mmrun.model.mm.memcg.state import memcgs
from mmrun.model.mm.task.state import stalled_before, tasks

MILLION = 1_000_000


@kernel
def stalled_ns(m, t):
    """Time the task has waited because of memory so far."""
    s = task_count(m)[t]
    return s.stall_alloc_ns + s.stall_memcg_ns + s.stall_high_ns + s.stall_swap_ns + s.stall_file_ns


@kernel
def either(some, share):
    """Chance in parts per million that one of two independent things happens."""
    return some + share - some * share // MILLION


@kernel
def some_ppm(m, memcg, window):
    """Share of the last `window` ns in which some task of the group's subtree stalled; the next window begins."""
    some = 0
    for t in range(geometry(m).nr_tasks):
        if memcg <= tasks(m)[t].memcg < memcgs(m)[memcg].end:
            count_sleeper(m, t, m.now)
            total = stalled_ns(m, t)
            some = either(some, min(MILLION, (total - stalled_before(m)[t]) * MILLION // window))
            stalled_before(m)[t] = total
    return some


@kernel
def senpai_pages(current, ratio_ppm, some, threshold_ppm):
    """Pages that Senpai asks for: current * ratio * max(0, 1 - some / threshold)."""
    return current * ratio_ppm * max(0, threshold_ppm - some) // threshold_ppm // MILLION


@kernel
def is_target(m, memcg):
    """Whether a controller acts on the group: one without children, or the root of a machine without groups."""
    return memcgs(m)[memcg].end == memcg + 1
