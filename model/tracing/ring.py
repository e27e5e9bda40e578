"""An event goes to the ring."""

from mmrun.model.core.jit import hook
from mmrun.model.core.state import event, turn
from mmrun.model.tracing.state import trace_actors, trace_points, trace_ring, tracing
from mmrun.model.tracing.watch import HEADER


@hook
def trace_event(m, point, fields):
    """Keep an event of the running actor if it is wanted (trace_event_buffer_reserve)."""
    own, who = tracing(m), turn(m).actor
    if not trace_points(m)[point] or not trace_actors(m)[who] or m.now < own.begin or m.now >= own.end:
        return 0
    words, at = trace_ring(m), own.head
    if own.lost or at + HEADER + fields > len(words):  # what comes after a gap is not kept
        own.lost += 1
        return 0
    words[at], words[at + 1] = m.now, point | turn(m).cpu << 16 | who << 32
    for place in range(fields):
        words[at + HEADER + place] = event(m).fields[place]
    own.head = at + HEADER + fields
    return 0
