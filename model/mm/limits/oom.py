"""The out-of-memory killer: who has to go, in the group over its limit or on the whole machine (mm/oom_kill.c)."""

from mmrun.model.core.accounting import FOR_CPU, OOM, begins, count_time, ends, psi_task_change
from mmrun.model.core.actors import NEVER, due, schedule
from mmrun.model.core.codes import DONE, KILLED
from mmrun.model.core.jit import kernel, rare
from mmrun.model.core.sleep import sleep_until, sleeps, wake_actor
from mmrun.model.core.state import actors
from mmrun.model.machine.state import geometry, progress
from mmrun.model.machine.timers import SECOND
from mmrun.model.mm.limits.exit import exit_mm
from mmrun.model.mm.limits.oom_snapshot import note_kill
from mmrun.model.mm.limits.points import TABLE_SHIFT, alive, badness, eligible, points_of, total_pages
from mmrun.model.mm.limits.state import oom_settings
from mmrun.model.mm.limits.tracepoints import mark_victim
from mmrun.model.mm.lru.rmap import pte_frame
from mmrun.model.mm.memcg.memcontrol import EVENT_OOM_GROUP_KILL, EVENT_OOM_KILL, event
from mmrun.model.mm.memcg.state import memcgs, oom_count
from mmrun.model.mm.page.flags import ANON
from mmrun.model.mm.page.folio import folio_of
from mmrun.model.mm.page.state import frames
from mmrun.model.mm.task.state import pte, ptpage, tasks
from mmrun.model.mm.task.words import maps
from mmrun.model.sched.turns import put_cpu
from mmrun.model.tracing.watch import FIRST_PID

NOBODY, UNKILLABLE = -1, -2
KIB = 4  # of a page


@kernel
def _beats(m, points, most):
    """Whether a task with so many points is rather killed than one before it with `most`."""
    return points > most or (points == most and oom_settings(m).oom_last_of_equals)


@kernel
def victim(m, t, over):
    """The worst of the tasks whose death may help task `t`, or a daemon (NOBODY), to memory of group `over`.

    NOBODY while one of them is dying already: it has yet to give back what it has. Tasks that hold nothing are passed
    over; `t` itself goes when no other has anything, UNKILLABLE stands for a daemon's finding nobody.
    In the kernel: select_bad_process.
    """
    total, most = total_pages(m, t, over), -NEVER
    worst = UNKILLABLE if t == NOBODY else t
    for other in range(geometry(m).nr_tasks):
        if eligible(m, t, other, over):
            if tasks(m)[other].killed:
                return NOBODY
            pages = badness(m, other)
            points = points_of(m, pages, tasks(m)[other].oom_score_adj, total)
            if pages and _beats(m, points, most):
                worst, most = other, points
    return worst


@kernel
def die(m, t):
    """A killed task ends: what it maps is freed."""
    exit_mm(m, t)
    tasks(m)[t].state = KILLED


@rare
@kernel
def tell_victim(m, t):
    """Trace who is killed, and what of his is in memory, in KiB."""
    task, anon, file, tables = tasks(m)[t], 0, 0, 0
    for at in range(task.pte_start, task.pte_start + task.npages):
        tables += 1 if at & (1 << TABLE_SHIFT) - 1 == 0 and ptpage(m)[at >> TABLE_SHIFT] else 0
        if maps(pte(m)[at]):
            resident = frames(m)[folio_of(m, pte_frame(pte(m)[at]))].state & ANON
            anon, file = anon + (1 if resident else 0), file + (0 if resident else 1)
    mark_victim(m, FIRST_PID + t, t, task.npages * KIB, anon * KIB, file * KIB, tables * KIB, task.oom_score_adj)


@kernel
def send_sigkill(m, t):
    """Kill task `t`: it dies on its way out of the kernel, at once where it is not in it."""
    oom_count(m).oom_kill += 1
    if m.tracing:
        tell_victim(m, t)
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
        if due(m, t) > m.now:  # else it has only let others catch up, and its time is not to be passed over
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
def oom_group_of(m, t, over):
    """The group whose tasks die together with task `t`: the highest with memory.oom.group up to `over`; 0: none.

    In the kernel: mem_cgroup_get_oom_group.
    """
    at, found = tasks(m)[t].memcg, 0
    while at:
        if memcgs(m)[at].oom_group:
            found = at
        if at == over:
            break
        at = memcgs(m)[at].parent
    return found


@kernel
def _kill_victim(m, dying, t, over):
    """Kill task `dying`, which may be the asking task `t` itself, and whoever is to die with it."""
    group = oom_group_of(m, dying, over)
    if dying == t:
        send_sigkill(m, t)
    else:
        _kill_another(m, dying)
    if group == 0:
        return
    event(m, group, EVENT_OOM_GROUP_KILL)
    for other in range(geometry(m).nr_tasks):
        if not tasks(m)[other].killed and alive(m, other, group):
            if other == t:
                send_sigkill(m, t)
            else:
                _kill_another(m, other)


@kernel
def _note(m, t, over, dying):
    """Write down who is killed for whom."""
    points = 0
    if dying >= 0:
        points = points_of(m, badness(m, dying), tasks(m)[dying].oom_score_adj, total_pages(m, t, over))
    note_kill(m, t, over, max(dying, NOBODY), points)


@kernel
def out_of_memory(m, t, over):
    """Task `t` found nothing to reclaim in group `over`: 1 when it may try again, 0 when it must die.

    Another task is killed for it, or it sleeps for a tick while one is dying (schedule_timeout_uninterruptible).
    """
    dying = victim(m, t, over)
    if tasks(m)[t].killed:
        return 0
    if dying == NOBODY:
        begins(m, OOM)
        sleep_until(m, m.now + SECOND // geometry(m).hz)
        ends(m, OOM)
        return 1
    _note(m, t, over, dying)
    _kill_victim(m, dying, t, over)
    return 0 if tasks(m)[t].killed else 1


@kernel
def kill_largest(m):
    """A daemon asks, for no task in particular: kill the one whose death frees most, unless one is dying."""
    dying = victim(m, NOBODY, 0)
    if dying == NOBODY:
        return
    _note(m, NOBODY, 0, dying)
    if dying >= 0:
        _kill_victim(m, dying, NOBODY, 0)


@kernel
def kill_for_nobody(m, over):
    """Who writes a limit asks for somebody of group `over`: 1 when one was killed, or is dying, 0: there is nobody.

    In the kernel: mem_cgroup_out_of_memory of memory_max_write.
    """
    dying = victim(m, NOBODY, over)
    if dying == NOBODY:
        sleep_until(m, m.now + SECOND // geometry(m).hz)
        return 1
    if dying < 0:
        return 0
    _note(m, NOBODY, over, dying)
    _kill_victim(m, dying, NOBODY, over)
    return 1
