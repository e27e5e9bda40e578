"""The formulas of earliest eligible virtual deadline first (kernel/sched/fair.c since 6.6); virtual ns."""

from mmrun.model.core.jit import kernel
from mmrun.model.sched.cfs import calc_delta_fair


@kernel
def average(keys, load, min_vruntime):
    """The queue's mean vruntime: `keys` is the sum of weight x (vruntime - min_vruntime), `load` that of weights."""
    return min_vruntime + (keys // load if load else 0)


@kernel
def is_eligible(vruntime, keys, load, min_vruntime):
    """Whether the queue owes a task time: its vruntime is not beyond the mean, without rounding that."""
    return keys >= (vruntime - min_vruntime) * load


@kernel
def entity_lag(mean, vruntime, slice_ns, tick, weight):
    """What the queue owes a task that leaves it, within two slices, or a tick if that is longer."""
    limit = calc_delta_fair(max(2 * slice_ns, tick), weight)
    return min(max(mean - vruntime, -limit), limit)


@kernel
def placed_lag(lag, load, weight):
    """The lag to place a task with so that `lag` is left once it has moved the mean of a queue of this load."""
    grown = lag * (load + weight)
    return grown // load if grown >= 0 else -(-grown // load)


@kernel
def virtual_deadline(vruntime, slice_ns, weight):
    """When a task's slice is used up."""
    return vruntime + calc_delta_fair(slice_ns, weight)


@kernel
def last_renewal(used_up, now, slice_ns, tick):
    """When the current task last got a new slice: at the tick after its old one was used up, and then every so often.

    Where no tick has come since then, now. While a task runs alone no ticks are simulated: this makes up for them.
    """
    first = -(-used_up // tick) * tick
    if first > now:
        return now
    whole = -(-slice_ns // tick) * tick
    return first + (now - first) // whole * whole
