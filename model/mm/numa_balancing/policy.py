"""set_mempolicy(2): from now on the task's pages come from elsewhere; those it has stay where they are."""

import numpy as np

from mmrun.model.core.codes import OK
from mmrun.model.core.events import OP_SHIFT
from mmrun.model.core.jit import hook
from mmrun.model.machine.state import MAX_NODES, costs
from mmrun.model.mm.numa_balancing.settings import HOOKS
from mmrun.model.mm.page.mempolicy import MODE_BIND, MODE_INTERLEAVE, MODE_LOCAL, MODE_PREFERRED, popcount
from mmrun.model.mm.task.state import tasks

MODES = {"local": MODE_LOCAL, "bind": MODE_BIND, "preferred": MODE_PREFERRED, "interleave": MODE_INTERLEAVE}
MODE_SHIFT = 32


@hook
def set_mempolicy(m, task, argument):
    """Mode and nodes of the task's policy; a mask of no nodes is that of all."""
    row, mask = tasks(m)[task], argument & ((1 << MAX_NODES) - 1)
    m.now += costs(m).syscall
    row.mode = argument >> MODE_SHIFT
    row.mask = mask if popcount(mask) else (1 << MAX_NODES) - 1
    for node in range(MAX_NODES - 1, -1, -1):
        if row.mask >> node & 1:
            row.home = node
    return OK


def policies(mode: str, nodes: tuple[int, ...] = ()) -> np.ndarray:
    """One event: the task's policy is `mode` (a key of MODES) with these nodes from now on; KeyError for another."""
    argument = MODES[mode] << MODE_SHIFT | sum(1 << node for node in nodes)
    return np.array([argument | HOOKS["set_mempolicy"].slot << OP_SHIFT], dtype=np.int64)
