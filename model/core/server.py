"""Contended things: a server handles one request after the other, so waiting time is what queueing gives."""

from mmrun.model.core.jit import kernel
from mmrun.model.machine.state import servers


@kernel
def serve(m, server, now, service_ns):
    """When a request made at `now` that takes `service_ns` is finished by `server` (all ns)."""
    s = servers(m)[server]
    start = max(now, s.free_at)
    s.wait_ns += start - now
    s.busy_ns += service_ns
    s.requests += 1
    if start > s.free_at:
        s.busy_from = start
    s.free_at = start + service_ns
    return s.free_at


@kernel
def hold(m, server, service_ns):
    """The running actor holds `server` (a lock) for `service_ns`; returns how long it waited first.

    Actors that reclaim run ahead of the others, so their bookings may lie in this one's future: a lock that is still
    free until then is taken at once.
    """
    s = servers(m)[server]
    if m.now + service_ns <= s.busy_from:
        s.busy_ns += service_ns
        s.requests += 1
        m.now += service_ns
        return 0
    done = serve(m, server, m.now, service_ns)
    waited = done - service_ns - m.now
    m.now = done
    return waited


@kernel
def earliest(m, first, count):
    """The one of `count` servers from `first` on that is free first (lowest number on a tie)."""
    best = first
    for server in range(first + 1, first + count):
        if servers(m)[server].free_at < servers(m)[best].free_at:
            best = server
    return best
