"""On which CPU an actor runs: where it wakes, where it is pulled to (select_task_rq_fair, load_balance; reduced)."""

from mmrun.model.core.accounting import psi_task_change
from mmrun.model.core.jit import kernel
from mmrun.model.machine.state import geometry
from mmrun.model.sched.runqueue import join, leave, pick, place, set_next, update_curr
from mmrun.model.sched.state import ANY_NODE, entities, rqs, sched, sched_settings

ANY_WEIGHT, MOST_HALVINGS = 1 << 32, 20


@kernel
def may_run(m, who, cpu):
    """Whether a CPU is one of those an actor is confined to."""
    node = entities(m)[who].node
    return node == ANY_NODE or node == rqs(m)[cpu].node


@kernel
def _is_idle(m, cpu):
    """Whether a CPU runs nobody now; it may run somebody until later than now, who has then fallen asleep."""
    return rqs(m)[cpu].curr == 0 and rqs(m)[cpu].clock <= m.now


@kernel
def select_rq(m, who):
    """The CPU on which an actor wakes: its last one if that is idle, another idle one, or the one with least load."""
    last, count = entities(m)[who].cpu, geometry(m).nr_cpus
    if _is_idle(m, last):
        return last
    for i in range(1, count):
        cpu = (last + i) % count
        if may_run(m, who, cpu) and _is_idle(m, cpu):
            return cpu
    best = last
    for cpu in range(count):
        if may_run(m, who, cpu) and rqs(m)[cpu].load < rqs(m)[best].load:
            best = cpu
    return best


@kernel
def arrive(m, cpu, who):
    """An actor that is in no queue joins that of a CPU, which may not be the one it ran on last."""
    se, last = entities(m)[who], entities(m)[who].cpu
    if last != cpu and not sched_settings(m).eevdf:
        se.vruntime += rqs(m)[cpu].min_vruntime - rqs(m)[last].min_vruntime
    place(m, cpu, who)
    join(m, cpu, who)


@kernel
def _pull(m, cpu, who):
    """An actor that waits elsewhere waits in this CPU's queue: where it stood, it stands (detach_task, attach_task)."""
    se, there = entities(m)[who], entities(m)[who].cpu
    ahead = se.deadline - se.vruntime
    update_curr(m, there, m.now)
    leave(m, there, who)
    if sched_settings(m).eevdf:
        place(m, cpu, who)
        se.deadline = se.vruntime + ahead
    else:
        se.vruntime += rqs(m)[cpu].min_vruntime - rqs(m)[there].min_vruntime
    join(m, cpu, who)
    psi_task_change(m, who, m.now)


@kernel
def _longest_waiting(m, queue, cpu, most):
    """Actor + 1 of a queue that has waited longest and may move to a CPU, of a weight up to `most`; 0: nobody."""
    found, at = 0, rqs(m)[queue].first
    while at:
        se = entities(m)[at - 1]
        if may_run(m, at - 1, cpu) and se.weight <= most and (found == 0 or se.since < entities(m)[found - 1].since):
            found = at
        at = se.next
    return found


@kernel
def newidle_balance(m, cpu):
    """A CPU without work takes an actor from the longest queue that has one for it: whether there was one."""
    if sched(m).nr_waiting == 0:
        return False
    taken, most, count = 0, 0, geometry(m).nr_cpus
    for i in range(1, count):
        other = (cpu + i) % count
        if rqs(m)[other].first and rqs(m)[other].nr > most:
            who = _longest_waiting(m, other, cpu, ANY_WEIGHT)
            if who:
                taken, most = who, rqs(m)[other].nr
    if taken:
        _pull(m, cpu, taken - 1)
    return taken > 0


@kernel
def _busiest(m, cpu):
    """(the CPU with most load among those where somebody waits who may run on this one, the mean load); -1: none.

    The first of equals, going round from this one (sched groups are a ring).
    """
    found, total, count = -1, rqs(m)[cpu].load, geometry(m).nr_cpus
    for i in range(1, count):
        other = (cpu + i) % count
        rq = rqs(m)[other]
        total += rq.load
        if (found < 0 or rq.load > rqs(m)[found].load) and _longest_waiting(m, other, cpu, ANY_WEIGHT):
            found = other
    return found, total // count


@kernel
def load_balance(m, cpu):
    """A busy CPU takes an actor from the one with most load, if that is so much more (load_balance, migrate_load).

    An actor that is heavier than what is out of balance moves after some attempts in vain, when half, a quarter, an
    eighth ... of its weight is not; so five equal tasks take turns on four CPUs.
    """
    rq = rqs(m)[cpu]
    rq.next_balance = m.now + sched_settings(m).balance
    busiest, mean = _busiest(m, cpu)
    if busiest < 0 or rqs(m)[busiest].load * 100 <= sched_settings(m).imbalance_pct * rq.load or rq.load >= mean:
        rq.nr_failed = 0
        return
    imbalance = min(rqs(m)[busiest].load - mean, mean - rq.load)
    if sched_settings(m).small_imbalance:
        imbalance = max(imbalance, rqs(m)[busiest].load - rq.load)
    who = _longest_waiting(m, busiest, cpu, ((imbalance + 1) << min(rq.nr_failed, MOST_HALVINGS)) - 1)
    if who:
        _pull(m, cpu, who - 1)
        rq.nr_failed = 0
    else:
        rq.nr_failed += 1


@kernel
def take_work(m, cpu, at, cost):
    """A CPU that runs nobody from time `at` on takes somebody of its queue, or of another's; else it is idle."""
    rq = rqs(m)[cpu]
    if rq.nr == 0 and not newidle_balance(m, cpu):
        return
    who = pick(m, cpu)
    update_curr(m, cpu, max(at, entities(m)[who].since))  # who has begun to wait later than now has run ahead
    set_next(m, cpu, who, rq.clock, cost)
