"""The formulas of the completely fair scheduler (kernel/sched/fair.c, 2.6.23 to 6.5); everything in ns.

`calc_delta_fair` divides; the kernel multiplies with 2**32 / weight, which is off by less than a millionth.
"""

from mmrun.model.core.jit import kernel
from mmrun.model.sched.weights import NICE_0_LOAD

NR_LATENCY = 8  # sched_nr_latency: with more runnable tasks the period grows


@kernel
def calc_delta_fair(delta, weight):
    """Virtual time that `delta` of running is to a task of this weight."""
    return delta * NICE_0_LOAD // weight


@kernel
def sched_period(nr, latency, min_granularity):
    """In which time each of `nr` tasks runs once."""
    return latency if nr <= NR_LATENCY else nr * min_granularity


@kernel
def sched_slice(period, weight, load, floor):
    """A task's part of the period, of a queue whose weights sum up to `load`; at least `floor`."""
    return max(period * weight // load, floor)


@kernel
def woken_vruntime(own, min_vruntime, latency):
    """Where a sleeper comes back: at most half a latency before the others (GENTLE_FAIR_SLEEPERS)."""
    return max(own, min_vruntime - (latency >> 1))


@kernel
def wakeup_preempts(current, woken, granularity, weight):
    """Whether a task that wakes preempts: it is behind by more than the granularity in its own virtual time."""
    return current - woken > calc_delta_fair(granularity, weight)


@kernel
def tick_preempts(ran, slice_ns, min_granularity, current, leftmost):
    """Whether a tick ends the turn of a task that ran for `ran`, another's vruntime being `leftmost`."""
    if ran > slice_ns:
        return True
    return ran >= min_granularity and current - leftmost > slice_ns
