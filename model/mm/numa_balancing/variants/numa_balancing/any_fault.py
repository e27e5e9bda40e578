"""No filter: whoever uses a page pulls it to his node at once, and users on several nodes pull it to and fro."""

from mmrun.model.core.jit import hook

SOURCE = "mm/mempolicy.c: mpol_misplaced with MPOL_F_MORON before the two-stage filter, posted for 3.8"


@hook
def should_numa_migrate(m, task, last_cpupid, node):
    return 1
