"""Who would free most by dying: the points of a task (oom_badness), and of what they are a part."""

from mmrun.model.core.codes import DONE, KILLED
from mmrun.model.core.jit import kernel
from mmrun.model.machine.state import geometry
from mmrun.model.mm.limits.state import oom_settings
from mmrun.model.mm.memcg.state import memcgs
from mmrun.model.mm.page.mempolicy import MODE_BIND
from mmrun.model.mm.page.state import zones
from mmrun.model.mm.reclaim.state import reclaim_settings
from mmrun.model.mm.swap.state import swap_settings
from mmrun.model.mm.task.state import NOBODY, pte, ptpage, tasks

TABLE_SHIFT = 9  # page-table words a table page holds


@kernel
def badness(m, t):
    """Pages a task's death would free: mapped ones, swapped ones, page tables (oom_badness)."""
    task, words, found = tasks(m)[t], pte(m), 0
    first = task.pte_start
    for at in range(first, first + task.npages):
        if words[at]:
            found += 1
    for table in range(first >> TABLE_SHIFT, (first + task.npages + (1 << TABLE_SHIFT) - 1) >> TABLE_SHIFT):
        if ptpage(m)[table]:
            found += 1
    return found


@kernel
def points_of(m, pages, adj, total):
    """The points of a task with so many pages and this oom_score_adj, of `total` pages in all (oom_badness)."""
    if oom_settings(m).oom_per_mille:
        return min(max(pages * 1000 // total + adj, 1), 1000)
    points = pages + adj * (total // 1000)
    return max(points, 1) if oom_settings(m).oom_at_least_one else points


@kernel
def is_bound(m, t, over):
    """Whether task `t` asks for memory of certain nodes of the machine (CONSTRAINT_MEMORY_POLICY)."""
    return over == 0 and t != NOBODY and tasks(m)[t].mode == MODE_BIND


@kernel
def total_pages(m, t, over):
    """Pages that points are a part of: all that task `t` may get of group `over`, swap included (constrained_alloc)."""
    if over:
        group, swap = memcgs(m)[over], swap_settings(m).total_swap
        own = reclaim_settings(m).swappiness if group.swappiness < 0 else group.swappiness
        if not own and not oom_settings(m).oom_per_mille:  # mem_cgroup_get_limit, 9a5a8f19b434
            swap = 0
        return max(group.limit + min(swap, group.swap_limit), 1)
    total = swap_settings(m).total_swap
    for z in range(geometry(m).nr_zones):
        if not is_bound(m, t, over) or tasks(m)[t].mask >> zones(m)[z].node & 1:
            total += zones(m)[z].managed
    return max(total, 1)


@kernel
def alive(m, t, over):
    """Whether task `t` has an address space and runs in the subtree of group `over`."""
    task = tasks(m)[t]
    if task.state == KILLED or (task.state == DONE and not task.stays):
        return False
    if task.filled == 0 and task.time > m.now:  # it starts later
        return False
    return over <= task.memcg < memcgs(m)[over].end


@kernel
def eligible(m, t, other, over):
    """Whether killing task `other` may help task `t`: it lives, in the group's subtree, and not on other nodes only."""
    if not alive(m, other, over):
        return False
    bound = is_bound(m, t, over) and tasks(m)[other].mode == MODE_BIND
    return not bound or tasks(m)[other].mask & tasks(m)[t].mask != 0
