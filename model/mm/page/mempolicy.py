"""Where a task's next page should come from (mm/mempolicy.c, task policies set with set_mempolicy)."""

from mmrun.model.core.jit import kernel
from mmrun.model.machine.state import MAX_NODES
from mmrun.model.mm.task.state import tasks

MODE_LOCAL, MODE_BIND, MODE_PREFERRED, MODE_PREFERRED_MANY, MODE_INTERLEAVE, MODE_WEIGHTED = 0, 1, 2, 3, 4, 5

ALL_NODES = (1 << MAX_NODES) - 1


@kernel
def next_node(mask, node):
    """The next node of `mask` after `node`, wrapping."""
    for step in range(1, MAX_NODES + 1):
        candidate = (node + step) % MAX_NODES
        if mask >> candidate & 1:
            return candidate
    return node


@kernel
def policy_node(m, t):
    """Node whose zonelist the task's next allocation walks; moves interleave state.

    In the kernel: interleave_nodes, weighted_interleave_nodes.
    """
    task = tasks(m)[t]
    if task.mode == MODE_PREFERRED:
        return task.home
    if task.mode == MODE_INTERLEAVE:
        task.il_node = next_node(task.mask, task.il_node)
        return task.il_node
    if task.mode == MODE_WEIGHTED:
        if task.il_weight == 0 or not task.mask >> task.il_node & 1:
            task.il_node = next_node(task.mask, task.il_node)
            task.il_weight = task.weights[task.il_node]
        task.il_weight -= 1
        return task.il_node
    return task.node


@kernel
def policy_nodemask(m, t):
    """Nodes that may serve the task's allocations."""
    return tasks(m)[t].mask if tasks(m)[t].mode == MODE_BIND else ALL_NODES


@kernel
def interleaves(m, t):
    """Whether the task's policy counts interleave_hit."""
    mode = tasks(m)[t].mode
    return mode in (MODE_INTERLEAVE, MODE_WEIGHTED)
