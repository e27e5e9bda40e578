"""What users wait for: calls and page faults from entry to return, sleeps included; histograms by task and kind."""

from model.jit import kernel, latencies, tasks
from model.layout import LATENCY_BUCKETS
from model.mm.integers import ilog2

NO_CALL, CALL_READ, CALL_WRITE, CALL_FAULT, CALL_FSYNC = -1, 0, 1, 2, 3


@kernel
def bucket_of(ns):
    """Histogram bucket of a latency: four to an octave."""
    if ns < 4:
        return max(0, ns)
    octave = ilog2(ns)
    return min(4 * (octave - 1) + ((ns >> (octave - 2)) & 3), LATENCY_BUCKETS - 1)


@kernel
def call_begins(m, t, call):
    """Task `t` enters the kernel; of a call that is tried again after a sleep the first time counts."""
    task = tasks(m)[t]
    if task.call == NO_CALL:
        task.call, task.call_began = call, m.clock.now


@kernel
def call_ends(m, t):
    """Task `t` comes back from its call, if it is in one."""
    task = tasks(m)[t]
    if task.call != NO_CALL:
        latencies(m)[t].calls[task.call, bucket_of(m.clock.now - task.call_began)] += 1
        task.call = NO_CALL
