"""Walks over the groups of a subtree in pre-order, whole or shared between reclaimers (mem_cgroup_iter).

A shared walk keeps {position, generation} in the root of the subtree. Every reclaimer that joins moves the position on
by one group, and the walk of all of them ends when one of them comes to the end of the subtree: a new generation.
"""

from model.jit import iters, kernel, memcgs
from model.layout import PRIORITIES
from model.mm.lists import lruvec_of


@kernel
def iterator(m, s, priority):
    """Row of the iterator for the subtree, node (or zone) and priority of scan control `s`."""
    sc = m.sc[s]
    return lruvec_of(m, sc.memcg, sc.node, sc.zone) * PRIORITIES + priority


@kernel
def after(m, s, group):
    """The group that follows `group` in a walk of one's own over the whole subtree; -1 = none."""
    return group + 1 if group + 1 < memcgs(m)[m.sc[s].memcg].end else -1


@kernel
def advance(m, s, at):
    """Move the shared position of iterator `at` on and return the group it now stands on; -1 = the end, a new round."""
    it, root = iters(m)[at], m.sc[s].memcg
    group = max(it.position, root)
    if group < memcgs(m)[root].end:
        it.position = group + 1
        return group
    it.position = 0
    it.generation += 1
    return -1


@kernel
def join(m, s, at):
    """Join the round under way, or begin one at its end: everybody sees at least one group."""
    group = advance(m, s, at)
    if group < 0:
        group = advance(m, s, at)
    m.sc[s].generation = iters(m)[at].generation
    return group


@kernel
def follow(m, s, at):
    """The next group of the round that `join` joined; -1 when the round is over, whoever ended it."""
    return advance(m, s, at) if m.sc[s].generation == iters(m)[at].generation else -1
