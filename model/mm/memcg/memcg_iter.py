"""Walks over the groups of a subtree in pre-order, whole or shared between reclaimers (mem_cgroup_iter).

A shared walk keeps {position, generation} in the root of the subtree. Every reclaimer that joins moves the position on
by one group, and the walk of all of them ends when one of them comes to the end of the subtree: a new generation.
"""

from mmrun.model.core.jit import kernel
from mmrun.model.mm.memcg.state import PRIORITIES, iters, memcgs
from mmrun.model.mm.page.zones import lruvec_of
from mmrun.model.mm.reclaim.state import scans


@kernel
def iterator(m, s, priority):
    """Row of the iterator for the subtree, node (or zone) and priority of scan control `s`."""
    sc = scans(m)[s]
    return lruvec_of(m, sc.memcg, sc.node, sc.zone) * PRIORITIES + priority


@kernel
def gone(m, group):
    """Whether the group was removed, and holds nothing any more."""
    row = memcgs(m)[group]
    return row.offline and row.usage == 0 and row.swap_pages == 0


@kernel
def there(m, group, end):
    """The first group from `group` on that is not gone; at most `end`."""
    while group < end and gone(m, group):
        group += 1
    return group


@kernel
def after(m, s, group):
    """The group that follows `group` in a walk of one's own over the whole subtree; -1 = none."""
    end = memcgs(m)[scans(m)[s].memcg].end
    following = there(m, group + 1, end)
    return following if following < end else -1


@kernel
def advance(m, s, at):
    """Move the shared position of iterator `at` on and return the group it now stands on; -1 = the end, a new round."""
    it, root = iters(m)[at], scans(m)[s].memcg
    group = there(m, max(it.position, root), memcgs(m)[root].end)
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
    scans(m)[s].generation = iters(m)[at].generation
    return group


@kernel
def follow(m, s, at):
    """The next group of the round that `join` joined; -1 when the round is over, whoever ended it."""
    return advance(m, s, at) if scans(m)[s].generation == iters(m)[at].generation else -1


@kernel
def choose_walk(m, s):
    """kswapd, and whoever found nothing in a shared round, walk by themselves; everybody else shares a round (6.11)."""
    sc = scans(m)[s]
    sc.partial = 0 if sc.kswapd or sc.full_walk else 1


@kernel
def begin_shared(m, s):
    """The first group of the walk that `choose_walk` chose."""
    sc = scans(m)[s]
    return join(m, s, iterator(m, s, 0)) if sc.partial else sc.memcg


@kernel
def next_shared(m, s, group):
    """The next group of that walk; a shared round is left when there is enough. -1 = it is over."""
    sc = scans(m)[s]
    if not sc.partial:
        return after(m, s, group)
    return -1 if sc.nr_reclaimed >= sc.nr_to_reclaim else follow(m, s, iterator(m, s, 0))
