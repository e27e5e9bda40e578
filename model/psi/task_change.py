"""A task begins or ends to run, to wait or to stall: its groups' states on its CPU (psi_task_change)."""

from mmrun.model.core.accounting import ASLEEP, IN_IOWAIT, IN_MEMSTALL
from mmrun.model.core.actors import due
from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.record import NONE
from mmrun.model.core.state import actors
from mmrun.model.machine.state import geometry
from mmrun.model.mm.memcg.state import memcgs
from mmrun.model.mm.task.state import tasks
from mmrun.model.psi.state import (
    CPU_FULL,
    CPU_SOME,
    IO_FULL,
    IO_SOME,
    IOWAIT,
    MEM_FULL,
    MEM_SOME,
    MEMSTALL,
    NONIDLE,
    ONCPU,
    PSI_OFF,
    PSI_SHARED,
    RUNNING,
    STATES,
    psi_cpus,
    psi_settings,
    psi_tasks,
)
from mmrun.model.sched.state import CURRENT, OFF, entities


@kernel
def states_of(m, row):
    """The states that a group's tasks put it in on a CPU, a bit each (test_states)."""
    s, mask = psi_settings(m), 0
    if row.iowait:
        mask |= 1 << IO_SOME
        mask |= 1 << IO_FULL if row.running == 0 else 0
    if row.memstall:
        mask |= 1 << MEM_SOME
        if s.psi_full_by_running:
            full = row.running == row.memstall_running
        else:
            full = row.running == 0 or row.memstall_oncpu > 0
        mask |= 1 << MEM_FULL if full else 0
    if row.running > (row.oncpu if s.psi_some_by_current else 1):
        mask |= 1 << CPU_SOME
    if s.psi_cpu_full and row.running and row.oncpu == 0:
        mask |= 1 << CPU_FULL
    if row.iowait or row.memstall or row.running:
        mask |= 1 << NONIDLE
    return mask


@kernel
def record_times(row, at):
    """The states so far held until time `at`; actors run ahead of each other, so that may be past (record_times)."""
    ns = at - row.since
    if ns <= 0:
        return
    row.since = at
    for s in range(STATES):
        if row.mask >> s & 1:
            row.times[s] += ns


@kernel
def _count(row, flags, by):
    row.iowait += by if flags & IOWAIT else 0
    row.memstall += by if flags & MEMSTALL else 0
    row.running += by if flags & RUNNING else 0
    row.oncpu += by if flags & ONCPU else 0
    row.memstall_running += by if flags & MEMSTALL and flags & RUNNING else 0
    row.memstall_oncpu += by if flags & MEMSTALL and flags & ONCPU else 0


@kernel
def group_change(m, r, clear, put, at):
    """Of a group on a CPU some tasks have flags no longer, or have others now (psi_group_change)."""
    row = psi_cpus(m)[r]
    record_times(row, at)
    _count(row, clear, -1)
    _count(row, put, 1)
    row.mask = states_of(m, row)


@kernel
def _flags_of(m, who, at):
    """What an actor is about: it sleeps only if its time is yet to come, else its turn is over or others run first."""
    doing = actors(m)[who].doing
    flags = MEMSTALL if doing & IN_MEMSTALL else 0
    if psi_settings(m).mode == PSI_SHARED:
        on = entities(m)[who].on
        runs, has_cpu = on != OFF, on == CURRENT
    else:
        runs = not doing & ASLEEP or due(m, who) <= at
        has_cpu = runs
    if runs:
        return flags | RUNNING | (ONCPU if has_cpu else 0)
    return flags | (IOWAIT if doing & IN_IOWAIT else 0)


@kernel
def _all_groups(m, who, cpu, clear, put, at):
    """The same change in the actor's group and all above it, on a CPU that they share."""
    t = actors(m)[who].task
    group = tasks(m)[t].memcg if t != NONE else 0
    while True:
        group_change(m, group * geometry(m).nr_cpus + cpu, clear, put, at)
        if group == 0:
            return
        group = memcgs(m)[group].parent


@hook
def psi_task_change(m, who, at):
    """An actor's state may have changed at time `at`, or the CPU it is on."""
    if psi_settings(m).mode == PSI_OFF:
        return 0
    own = psi_tasks(m)[who]
    had, flags = own.state, _flags_of(m, who, at)
    own.state = flags
    if psi_settings(m).mode != PSI_SHARED:
        if flags != had:
            group_change(m, who, had, flags, at)
        return 0
    was, cpu = own.cpu, entities(m)[who].cpu
    own.cpu = cpu
    if was != cpu and had:
        _all_groups(m, who, was, had, 0, at)
        had = 0
    if flags != had:
        _all_groups(m, who, cpu, had, flags, at)
    return 0
