"""Which groups are over their soft limit: a tree for every zone (node), ordered by usage - soft limit.

A group's position is not kept current: it is entered again every 1024 pages that came or went on one CPU, and when soft
limit reclaim has taken it off. The tree stands here as one row a lruvec; among equals the last one entered is the
largest, as the insertion rule of the kernel's red-black tree has it.
Source: mem_cgroup_update_tree, __mem_cgroup_insert_exceeded, __mem_cgroup_largest_soft_limit_node.
"""

from mmrun.model.core.jit import kernel
from mmrun.model.machine.state import geometry
from mmrun.model.mm.memcg.state import memcg_state, memcgs, soft_nodes
from mmrun.model.mm.page.state import zones
from mmrun.model.mm.page.zones import lruvec_of


@kernel
def excess_of(m, memcg):
    """Pages the group with its descendants is over its soft limit."""
    group = memcgs(m)[memcg]
    return max(0, group.usage - group.soft_limit)


@kernel
def insert(m, lv, excess):
    """Enter a lruvec under `excess`; nothing happens at 0."""
    node = soft_nodes(m)[lv]
    node.excess = excess
    if excess:
        memcg_state(m).soft_order += 1
        node.order = memcg_state(m).soft_order


@kernel
def remove(m, lv):
    """Take a lruvec off its tree."""
    soft_nodes(m)[lv].order = 0


@kernel
def update_tree(m, memcg, z):
    """Enter the group and its ancestors anew on the tree of zone `z` (its node, when lists are per node)."""
    while memcg:
        lv, excess = lruvec_of(m, memcg, zones(m)[z].node, z), excess_of(m, memcg)
        remove(m, lv)
        insert(m, lv, excess)
        memcg = memcgs(m)[memcg].parent


@kernel
def take_largest(m, nid, z):
    """Take the group with the largest entered excess off the tree; -1 when no group on it is over its limit still."""
    while True:
        best = -1
        for memcg in range(1, geometry(m).nr_memcgs):
            node = soft_nodes(m)[lruvec_of(m, memcg, nid, z)]
            if node.order == 0:
                continue
            if best < 0:
                best = memcg
                continue
            top = soft_nodes(m)[lruvec_of(m, best, nid, z)]
            if node.excess > top.excess or (node.excess == top.excess and node.order > top.order):
                best = memcg
        if best < 0:
            return -1
        remove(m, lruvec_of(m, best, nid, z))
        if excess_of(m, best):
            return best
