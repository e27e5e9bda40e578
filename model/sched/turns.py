"""What the engine asks the scheduler: may an actor run, has it done with its CPU, a tick is due.

An actor whose time has come but which has no CPU waits: it stands in the tournament tree with NEVER until its CPU picks
it. The time from then on is counted as a stall of its own (sched_info.run_delay), the switch to it included.
"""

from mmrun.model.core.accounting import FOR_CPU, TASK, count_time, psi_task_change
from mmrun.model.core.actors import NEVER, due, schedule
from mmrun.model.core.jit import kernel
from mmrun.model.core.state import actors
from mmrun.model.machine.state import geometry, task_count
from mmrun.model.sched.context_switch import left_idle
from mmrun.model.sched.placement import arrive, load_balance, select_rq, take_work
from mmrun.model.sched.runqueue import (
    falls_off,
    pick,
    put_prev,
    set_next,
    tick_ends_turn,
    update_curr,
    wakeup_ends_turn,
)
from mmrun.model.sched.state import CURRENT, OFF, QUEUED, entities, rqs, sched, sched_settings
from mmrun.model.sched.tracepoints import sched_wakeup


@kernel
def _await_tick(m):
    """Ticks come while anybody waits."""
    s = sched(m)
    if s.nr_waiting and s.next_tick >= NEVER:
        tick = sched_settings(m).tick
        s.next_tick = (m.now // tick + 1) * tick


@kernel
def _preempt(m, cpu):
    """Somebody better may run in place of a CPU's current actor, which goes on waiting (__schedule)."""
    rq = rqs(m)[cpu]
    who, at = rq.curr - 1, rq.clock
    best = pick(m, cpu)
    rq.resched = 0
    if best == who:  # not picked anew: under EEVDF it is no longer protected
        return
    put_prev(m, cpu, who, at, max(0, due(m, who) - at))
    schedule(m, who, NEVER)
    actors(m)[who].doing |= FOR_CPU
    if actors(m)[who].kind == TASK:
        task_count(m)[who].nr_involuntary_switches += 1
    set_next(m, cpu, best, at, sched_settings(m).context_switch)


@kernel
def _wake_up(m, who):
    """An actor that had no business wants to run now (try_to_wake_up)."""
    se = entities(m)[who]
    cpu = select_rq(m, who)
    rq = rqs(m)[cpu]
    update_curr(m, cpu, m.now)
    se.sleep_ns += m.now - se.since
    se.on, se.since = QUEUED, m.now
    arrive(m, cpu, who)
    psi_task_change(m, who, m.now)
    sched_wakeup(m, who, cpu)
    if rq.curr == 0:
        set_next(m, cpu, who, rq.clock, 0)
    elif wakeup_ends_turn(m, cpu, who):
        _preempt(m, cpu)
    if se.on == QUEUED:
        schedule(m, who, NEVER)
    if se.on == QUEUED or se.runs_at > m.now:
        count_time(m, who, m.now)
        actors(m)[who].doing |= FOR_CPU
    _await_tick(m)


@kernel
def get_cpu(m, who):
    """Whether actor `who`, whose time has come, runs now; else it waits until it is picked: then its time comes."""
    se = entities(m)[who]
    if se.on == OFF:
        _wake_up(m, who)
    if se.on == QUEUED:
        schedule(m, who, NEVER)  # it may have been woken a second time
        return False
    if se.runs_at > m.now:
        schedule(m, who, se.runs_at)
        return False
    if actors(m)[who].doing & FOR_CPU:
        count_time(m, who, m.now)
        actors(m)[who].doing &= ~FOR_CPU
    return True


@kernel
def put_cpu(m, who):
    """Actor `who` has had its turn, or has been killed: its CPU is free if it sleeps now or does nothing any more."""
    se, cpu = entities(m)[who], entities(m)[who].cpu
    if se.on == OFF or due(m, who) <= m.now:
        return
    update_curr(m, cpu, m.now)
    was = se.on
    falls_off(m, cpu, who, rqs(m)[cpu].clock if was == CURRENT else max(m.now, se.since))
    actors(m)[who].doing &= ~FOR_CPU
    if was == CURRENT:
        if actors(m)[who].kind == TASK:
            task_count(m)[who].nr_voluntary_switches += 1
        take_work(m, cpu, m.now, sched_settings(m).context_switch)
        if m.tracing:
            left_idle(m, cpu)


@kernel
def scheduler_tick(m):
    """A timer tick on every CPU: turns end, idle CPUs find work (nohz_balance_kick), busy ones share load."""
    s = sched(m)
    for cpu in range(geometry(m).nr_cpus):
        rq = rqs(m)[cpu]
        if rq.curr == 0:
            if rq.clock <= m.now:
                take_work(m, cpu, m.now, 0)
            continue
        update_curr(m, cpu, m.now)
        if rq.first and tick_ends_turn(m, cpu):
            _preempt(m, cpu)
        if m.now >= rq.next_balance:
            load_balance(m, cpu)
    s.next_tick = m.now + sched_settings(m).tick if s.nr_waiting else NEVER
