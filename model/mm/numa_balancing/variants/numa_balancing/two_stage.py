"""Two-stage filter: a page moves once two faults in a row came from the same node, or from its one user.

Since 4.20 a task's first faults need no second. Tasks here have one thread and share only files, so there are no
groups of tasks to compare nodes for.
"""

from mmrun.model.core.jit import hook
from mmrun.model.mm.numa_balancing.cpupid import is_own, node_of_user
from mmrun.model.mm.numa_balancing.state import NO_NODE, UNSET, numa_settings, numa_tasks

SOURCE = "kernel/sched/fair.c: should_numa_migrate_memory, 6.12; mm/mempolicy.c: mpol_misplaced, 3.13"
EARLY = 4  # scans


@hook
def should_numa_migrate(m, task, last_cpupid, node):
    own, unset = numa_tasks(m)[task], last_cpupid == UNSET
    early = own.preferred == NO_NODE or own.seen_seq <= EARLY
    if numa_settings(m).early_faults_migrate and early and (unset or is_own(task, last_cpupid)):
        return 1
    return 1 if unset or node_of_user(m, last_cpupid) == node else 0
