"""What users wait for: calls and page faults from entry to return, sleeps included; histograms by task and kind."""

from mmrun.model.core.integers import ilog2
from mmrun.model.core.jit import kernel
from mmrun.model.mm.task.state import LATENCY_BUCKETS, REGION_READ, REGION_SLAB, latencies, regions

CALL_READ, CALL_WRITE, CALL_FAULT, CALL_FSYNC = 0, 1, 2, 3


@kernel
def bucket_of(ns):
    """Histogram bucket of a latency: four to an octave."""
    if ns < 4:
        return max(0, ns)
    octave = ilog2(ns)
    return min(4 * (octave - 1) + ((ns >> (octave - 2)) & 3), LATENCY_BUCKETS - 1)


@kernel
def count_call(m, t, call, began):
    """Task `t` comes back from a call that it entered at time `began`."""
    latencies(m)[t].calls[call, bucket_of(m.now - began)] += 1


@kernel
def call_kind(m, region, op):
    """What a latency counts as, -1: as nothing (slab objects)."""
    kind = regions(m)[region].kind
    if kind == REGION_SLAB:
        return -1
    if kind == REGION_READ:
        return CALL_WRITE if op else CALL_READ
    return CALL_FAULT
