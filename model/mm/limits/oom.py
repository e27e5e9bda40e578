"""The out-of-memory killer: who has to go, in the group over its limit or on the whole machine (mm/oom_kill.c)."""

from mmrun.model.core.accounting import FOR_CPU, OOM, begins, count_time, ends, psi_task_change
from mmrun.model.core.actors import NEVER, schedule
from mmrun.model.core.codes import DONE, KILLED
from mmrun.model.core.jit import kernel
from mmrun.model.core.sleep import sleep_until, sleeps, wake_actor
from mmrun.model.core.state import actors
from mmrun.model.machine.state import geometry, progress
from mmrun.model.machine.timers import SECOND
from mmrun.model.mm.limits.exit import exit_mm
from mmrun.model.mm.memcg.memcontrol import EVENT_OOM_KILL, event
from mmrun.model.mm.memcg.state import memcgs, oom_count
from mmrun.model.mm.page.mempolicy import MODE_BIND
from mmrun.model.mm.task.state import pte, ptpage, tasks
from mmrun.model.sched.turns import put_cpu

NOBODY = -1
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
def eligible(m, t, other, over):
    """Whether killing task `other` may help task `t`: it lives, in the group's subtree, and not on other nodes only."""
    task = tasks(m)[other]
    if task.state == KILLED or not over <= task.memcg < memcgs(m)[over].end:
        return False
    bound = over == 0 and tasks(m)[t].mode == MODE_BIND and task.mode == MODE_BIND
    return not bound or task.mask & tasks(m)[t].mask != 0


@kernel
def victim(m, t, over):
    """The worst of the tasks whose death may help task `t` to memory of group `over`; the first of equals.

    NOBODY while one of them is dying already: it has yet to give back what it has. In the kernel: select_bad_process.
    """
    worst, most = t, 0
    for other in range(geometry(m).nr_tasks):
        if eligible(m, t, other, over):
            if tasks(m)[other].killed:
                return NOBODY
            points = badness(m, other)
            if points > most:
                worst, most = other, points
    return worst


@kernel
def die(m, t):
    """A killed task ends: what it maps is freed."""
    exit_mm(m, t)
    tasks(m)[t].state = KILLED


@kernel
def send_sigkill(m, t):
    """Kill task `t`: it dies on its way out of the kernel, at once where it is not in it."""
    oom_count(m).oom_kill += 1
    event(m, tasks(m)[t].memcg, EVENT_OOM_KILL)
    progress(m).oom += 1
    tasks(m)[t].killed = 1


@kernel
def _kill_another(m, t):
    """Kill task `t`, which is not running just now; one that sleeps in the kernel wakes up to leave it.

    In the kernel: oom_kill_process.
    """
    send_sigkill(m, t)
    if sleeps(m, t):
        wake_actor(m, t, m.now)
        return
    if tasks(m)[t].state != DONE:
        if actors(m)[t].doing & FOR_CPU:
            count_time(m, t, max(actors(m)[t].counted, m.now))
            tasks(m)[t].time = actors(m)[t].counted
        progress(m).tasks_left -= 1
        schedule(m, t, NEVER)
        put_cpu(m, t)
        psi_task_change(m, t, m.now)
    die(m, t)


@kernel
def out_of_memory(m, t, over):
    """Task `t` found nothing to reclaim in group `over`: 1 when it may try again, 0 when it must die.

    Another task is killed for it, or it sleeps for a tick while one is dying (schedule_timeout_uninterruptible).
    """
    dying = victim(m, t, over)
    if dying == t or tasks(m)[t].killed:
        return 0
    if dying == NOBODY:
        begins(m, OOM)
        sleep_until(m, m.now + SECOND // geometry(m).hz)
        ends(m, OOM)
    else:
        _kill_another(m, dying)
    return 1


@kernel
def kill_largest(m):
    """No task in particular asked for memory: kill the one whose death frees most."""
    worst, most = -1, 0
    for t in range(geometry(m).nr_tasks):
        points = badness(m, t) if tasks(m)[t].state != KILLED and not tasks(m)[t].killed else 0
        if points > most:
            worst, most = t, points
    if worst >= 0:
        _kill_another(m, worst)
