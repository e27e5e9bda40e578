"""Where a task's next page should come from (mm/mempolicy.c, task policies set with set_mempolicy)."""

from mmrun.model.core.jit import kernel
from mmrun.model.machine.state import MAX_NODES
from mmrun.model.mm.task.state import tasks

MODE_LOCAL, MODE_BIND, MODE_PREFERRED, MODE_PREFERRED_MANY, MODE_INTERLEAVE, MODE_WEIGHTED = 0, 1, 2, 3, 4, 5

ALL_NODES = (1 << MAX_NODES) - 1
NO_INTERLEAVE_INDEX = -1  # a page of no mapping: the task's own counter decides


@kernel
def next_node(mask, node):
    """The next node of `mask` after `node`, wrapping."""
    for step in range(1, MAX_NODES + 1):
        candidate = (node + step) % MAX_NODES
        if mask >> candidate & 1:
            return candidate
    return node


@kernel
def interleave_nid(mask, index):
    """The node of `mask` for page `index` of a mapping (offset_il_node, today interleave_nid)."""
    target = index % popcount(mask)
    for node in range(MAX_NODES):
        if mask >> node & 1:
            if target == 0:
                return node
            target -= 1
    return 0


@kernel
def popcount(mask):
    """How many nodes `mask` has."""
    found = 0
    for node in range(MAX_NODES):
        found += mask >> node & 1
    return found


@kernel
def weighted_interleave_nid(m, t, index):
    """The node for page `index` of a mapping if each has as many pages in turn as it weighs."""
    task, total = tasks(m)[t], 0
    for node in range(MAX_NODES):
        total += task.weights[node] if task.mask >> node & 1 else 0
    target = index % total
    for node in range(MAX_NODES):
        if task.mask >> node & 1:
            if target < task.weights[node]:
                return node
            target -= task.weights[node]
    return 0


@kernel
def policy_node(m, t, index):
    """Node whose zonelist the task's allocation of page `index` of a mapping walks.

    Where a policy interleaves, that goes by the page's address; for pages of no mapping (NO_INTERLEAVE_INDEX: page
    tables, slabs, page cache) by a counter of the task's, which moves.
    In the kernel: interleave_nodes, weighted_interleave_nodes.
    """
    task = tasks(m)[t]
    if task.mode == MODE_PREFERRED:
        return task.home
    if task.mode == MODE_INTERLEAVE and index >= 0:
        return interleave_nid(task.mask, index)
    if task.mode == MODE_WEIGHTED and index >= 0:
        return weighted_interleave_nid(m, t, index)
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
