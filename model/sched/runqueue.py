"""A CPU's queue: its clock, who waits in it, in which order, and who is to run (kernel/sched/fair.c)."""

from mmrun.model.core.accounting import TASK, psi_task_change
from mmrun.model.core.actors import schedule
from mmrun.model.core.jit import kernel
from mmrun.model.core.state import actors
from mmrun.model.mm.task.state import EVERY_NODE, tasks
from mmrun.model.sched.cfs import (
    calc_delta_fair,
    sched_period,
    sched_slice,
    tick_preempts,
    wakeup_preempts,
    woken_vruntime,
)
from mmrun.model.sched.context_switch import picked
from mmrun.model.sched.eevdf import average, entity_lag, is_eligible, last_renewal, placed_lag, virtual_deadline
from mmrun.model.sched.state import CURRENT, OFF, QUEUED, entities, rqs, sched, sched_settings
from mmrun.model.sched.weights import NICE_0_LOAD


@kernel
def insert(m, cpu, who):
    """Put an actor among those that wait, behind all whose vruntime is not larger (__enqueue_entity)."""
    rq, se = rqs(m)[cpu], entities(m)[who]
    before = rq.last
    while before and entities(m)[before - 1].vruntime > se.vruntime:
        before = entities(m)[before - 1].prev
    after = entities(m)[before - 1].next if before else rq.first
    se.prev, se.next = before, after
    if before:
        entities(m)[before - 1].next = who + 1
    else:
        rq.first = who + 1
    if after:
        entities(m)[after - 1].prev = who + 1
    else:
        rq.last = who + 1
    sched(m).nr_waiting += 1


@kernel
def remove(m, cpu, who):
    """Take an actor from among those that wait (__dequeue_entity)."""
    rq, se = rqs(m)[cpu], entities(m)[who]
    if se.prev:
        entities(m)[se.prev - 1].next = se.next
    else:
        rq.first = se.next
    if se.next:
        entities(m)[se.next - 1].prev = se.prev
    else:
        rq.last = se.prev
    se.next = se.prev = 0
    sched(m).nr_waiting -= 1


@kernel
def update_min_vruntime(m, cpu):
    """The vruntime that nobody in the queue is behind of; it only grows."""
    rq = rqs(m)[cpu]
    least = rq.min_vruntime
    if rq.curr:
        least = entities(m)[rq.curr - 1].vruntime
        if rq.first:
            least = min(least, entities(m)[rq.first - 1].vruntime)
    elif rq.first:
        least = entities(m)[rq.first - 1].vruntime
    rq.min_vruntime = max(rq.min_vruntime, least)


@kernel
def _renew(m, se, now):
    """The current actor has used up its slice and gets another (update_deadline)."""
    s = sched_settings(m)
    used_up = now - (se.vruntime - se.deadline) * se.weight // NICE_0_LOAD
    since = now - last_renewal(used_up, now, s.slice, s.tick)
    se.deadline = virtual_deadline(se.vruntime - calc_delta_fair(since, se.weight), s.slice, se.weight)


@kernel
def update_curr(m, cpu, now):
    """A CPU's clock comes to `now`, and whoever it runs is charged for that; it never goes back."""
    rq = rqs(m)[cpu]
    delta = now - rq.clock
    if delta <= 0:
        return
    rq.clock = now
    if rq.curr == 0:
        rq.idle_ns += delta
        return
    se = entities(m)[rq.curr - 1]
    rq.busy_ns += delta
    se.sum_exec += delta
    se.vruntime += calc_delta_fair(delta, se.weight)
    if sched_settings(m).eevdf and se.vruntime >= se.deadline:
        _renew(m, se, now)
        rq.resched = 1 if rq.nr > 1 else 0
    update_min_vruntime(m, cpu)


@kernel
def sum_of_keys(m, cpu):
    """Sum of weight x (vruntime - min_vruntime) over everybody in the queue, the current one included."""
    rq, keys = rqs(m)[cpu], 0
    if rq.curr:
        se = entities(m)[rq.curr - 1]
        keys = (se.vruntime - rq.min_vruntime) * se.weight
    at = rq.first
    while at:
        se = entities(m)[at - 1]
        keys += (se.vruntime - rq.min_vruntime) * se.weight
        at = se.next
    return keys


@kernel
def avg_vruntime(m, cpu):
    """Mean vruntime of a queue."""
    return average(sum_of_keys(m, cpu), rqs(m)[cpu].load, rqs(m)[cpu].min_vruntime)


@kernel
def slice_of(m, cpu, who, more, weight):
    """How long an actor of CFS runs in one go in a queue that has `more` actors, of `weight`, than it has now."""
    rq, s = rqs(m)[cpu], sched_settings(m)
    period = sched_period(rq.nr + more, s.latency, s.min_granularity)
    return sched_slice(period, entities(m)[who].weight, rq.load + weight, s.floor)


@kernel
def place(m, cpu, who):
    """Where an actor that has slept, or never run, joins a queue (place_entity)."""
    rq, se, s = rqs(m)[cpu], entities(m)[who], sched_settings(m)
    first = se.began == 0
    if s.eevdf:
        lag = placed_lag(se.vlag, rq.load, se.weight) if rq.nr else 0
        se.vruntime = avg_vruntime(m, cpu) - lag
        whole = calc_delta_fair(s.slice, se.weight)
        se.deadline = se.vruntime + (whole >> 1 if first else whole)
    elif first:
        debit = calc_delta_fair(slice_of(m, cpu, who, 1, se.weight), se.weight)
        se.vruntime = max(se.vruntime, rq.min_vruntime + debit)
    else:
        se.vruntime = woken_vruntime(se.vruntime, rq.min_vruntime, s.latency)
    se.began = 1


@kernel
def leave(m, cpu, who):
    """An actor is no longer one of the queue's; under EEVDF it keeps its lag."""
    rq, se, s = rqs(m)[cpu], entities(m)[who], sched_settings(m)
    if s.eevdf:
        se.vlag = entity_lag(avg_vruntime(m, cpu), se.vruntime, s.slice, s.tick, se.weight)
    if se.on == QUEUED:
        remove(m, cpu, who)
    else:
        rq.curr = 0
    rq.nr -= 1
    rq.load -= se.weight
    update_min_vruntime(m, cpu)


@kernel
def join(m, cpu, who):
    """An actor is one of the queue's, and waits."""
    rq, se = rqs(m)[cpu], entities(m)[who]
    se.cpu = cpu
    rq.nr += 1
    rq.load += se.weight
    insert(m, cpu, who)
    update_min_vruntime(m, cpu)


@kernel
def _pick_eevdf(m, cpu):
    """The eligible actor with the earliest deadline; the current one until it has used its slice (RUN_TO_PARITY)."""
    rq = rqs(m)[cpu]
    keys, best = sum_of_keys(m, cpu), 0
    if rq.curr:
        se = entities(m)[rq.curr - 1]
        if is_eligible(se.vruntime, keys, rq.load, rq.min_vruntime):
            best = rq.curr
            if se.deadline == se.protected:
                return best - 1
    at = rq.first
    while at and is_eligible(entities(m)[at - 1].vruntime, keys, rq.load, rq.min_vruntime):
        if best == 0 or entities(m)[at - 1].deadline < entities(m)[best - 1].deadline:
            best = at
        at = entities(m)[at - 1].next
    return (best if best else rq.first) - 1


@kernel
def pick(m, cpu):
    """Who of a queue, with the current one, is to run: the leftmost, or what EEVDF chooses; somebody is there."""
    rq = rqs(m)[cpu]
    if rq.first == 0:
        return rq.curr - 1
    if sched_settings(m).eevdf:
        return _pick_eevdf(m, cpu)
    if rq.curr and entities(m)[rq.curr - 1].vruntime <= entities(m)[rq.first - 1].vruntime:
        return rq.curr - 1
    return rq.first - 1


@kernel
def set_next(m, cpu, who, at, cost):
    """A CPU runs an actor of its queue from time `at` on; it goes on with its work after `cost` (set_next_entity)."""
    rq, se = rqs(m)[cpu], entities(m)[who]
    remove(m, cpu, who)
    rq.curr, rq.resched = who + 1, 0
    rq.nr_switches += 1
    se.wait_ns += at - se.since
    se.on, se.since = CURRENT, at
    se.prev_sum_exec, se.protected = se.sum_exec, se.deadline
    se.runs_at, se.left = at + cost + se.left, 0
    if actors(m)[who].kind == TASK:
        tasks(m)[who].switched_in = EVERY_NODE
    schedule(m, who, se.runs_at)
    psi_task_change(m, who, at)
    if m.tracing:
        picked(m, cpu, who, at)


@kernel
def put_prev(m, cpu, who, at, left):
    """The current actor of a CPU waits from time `at` on; `left`: of what it has done it has yet to spend (ns)."""
    rq, se = rqs(m)[cpu], entities(m)[who]
    rq.curr = 0
    se.on, se.since, se.left = QUEUED, at, left
    insert(m, cpu, who)
    psi_task_change(m, who, at)


@kernel
def falls_off(m, cpu, who, at):
    """An actor sleeps from time `at` on, or is dead."""
    se = entities(m)[who]
    leave(m, cpu, who)
    if se.on == QUEUED:
        se.wait_ns += at - se.since
    se.on, se.since, se.left = OFF, at, 0
    psi_task_change(m, who, at)


@kernel
def tick_ends_turn(m, cpu):
    """Whether a timer tick ends the turn of whoever a CPU runs while others wait (entity_tick)."""
    rq, s = rqs(m)[cpu], sched_settings(m)
    if s.eevdf:
        return rq.resched != 0
    who = rq.curr - 1
    se = entities(m)[who]
    slice_ns, leftmost = slice_of(m, cpu, who, 0, 0), entities(m)[rq.first - 1].vruntime
    return tick_preempts(se.sum_exec - se.prev_sum_exec, slice_ns, s.min_granularity, se.vruntime, leftmost)


@kernel
def wakeup_ends_turn(m, cpu, who):
    """Whether an actor that has just joined preempts whoever the CPU runs (check_preempt_wakeup)."""
    rq, s = rqs(m)[cpu], sched_settings(m)
    if s.eevdf:
        return pick(m, cpu) == who
    se = entities(m)[who]
    return wakeup_preempts(entities(m)[rq.curr - 1].vruntime, se.vruntime, s.wakeup_granularity, se.weight)
