"""Context switches, for who watches them (trace_sched_switch): from which actor to which, told at the time they are.

Where every actor has a CPU of its own, one comes in place of nobody and goes in favour of nobody.
"""

from mmrun.model.core.accounting import ASIDE, ASLEEP, FAULT, FOR_CPU, IN_MEMSTALL
from mmrun.model.core.actors import NEVER, due
from mmrun.model.core.jit import kernel, rare
from mmrun.model.core.state import actors, turn
from mmrun.model.sched.state import OFF, entities, rqs
from mmrun.model.sched.tracepoints import DEAD, IN_DISK_SLEEP, RUNNING, SLEEPING, sched_switch, sched_wakeup
from mmrun.model.tracing.state import trace_cpus, trace_off

NOBODY = -1
NO_WAIT = ASLEEP | FAULT | FOR_CPU | IN_MEMSTALL | ASIDE  # a sleep that nothing must end soon: it can be interrupted


@kernel
def _state(m, who):
    """How an actor sleeps (__trace_sched_switch_state)."""
    if actors(m)[who].done and due(m, who) >= NEVER:
        return DEAD
    return IN_DISK_SLEEP if actors(m)[who].doing & ~NO_WAIT else SLEEPING


@kernel
def _tell(m, cpu, prev, state, following, at):
    """A CPU goes from one actor to another, NOBODY: to or from nobody, at time `at`."""
    own, now = turn(m), m.now
    who, on = own.actor, own.cpu
    own.actor, own.cpu, m.now = following if prev == NOBODY else prev, cpu, at
    idle = -1 - cpu
    sched_switch(m, idle if prev == NOBODY else prev, state, idle if following == NOBODY else following)
    own.actor, own.cpu, m.now = who, on, now


@rare
@kernel
def switched_in(m, who):
    """An actor on a CPU of its own goes on: it may have been woken."""
    if trace_off(m)[who]:
        trace_off(m)[who], cpu = 0, actors(m)[who].cpu
        turn(m).actor, turn(m).cpu = who, cpu
        sched_wakeup(m, who, cpu)
        _tell(m, cpu, NOBODY, RUNNING, who, m.now)


@rare
@kernel
def switched_out(m, who):
    """It has had its turn: it may sleep now."""
    if due(m, who) > m.now:
        trace_off(m)[who] = 1
        _tell(m, actors(m)[who].cpu, who, _state(m, who), NOBODY, m.now)


@rare
@kernel
def picked(m, cpu, who, at):
    """A CPU that actors share runs another one, NOBODY: nobody, from time `at` on."""
    prev = trace_cpus(m)[cpu] - 1
    if prev == who:
        return
    trace_cpus(m)[cpu], state = who + 1, RUNNING
    if prev != NOBODY and entities(m)[prev].on == OFF:
        state = _state(m, prev)
    _tell(m, cpu, prev, state, who, at)


@rare
@kernel
def left_idle(m, cpu):
    """A CPU may have nobody to run any more."""
    if rqs(m)[cpu].curr == 0:
        picked(m, cpu, NOBODY, rqs(m)[cpu].clock)
