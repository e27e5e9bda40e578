"""Every page of a slow node that faults is promoted if there is room: what was used last counts as hot (5.18)."""

from mmrun.model.core.jit import hook

SOURCE = "mm/mempolicy.c: mpol_misplaced, kernel/sched/fair.c: should_numa_migrate_memory, 5.18"


@hook
def should_promote(m, task, frame, node):
    return 1
