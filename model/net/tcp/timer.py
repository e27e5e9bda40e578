"""Who runs sockets' timers: one actor, that sleeps until the first is due (tcp_write_timer, tcp_delack_timer)."""

from mmrun.model.core.actor import actor
from mmrun.model.core.actors import NEVER
from mmrun.model.core.jit import kernel
from mmrun.model.core.sleep import sleep_until
from mmrun.model.core.state import turn
from mmrun.model.net.tcp.receive import delack_timer, write_timer
from mmrun.model.net.tcp.state import (
    DELACK_DEFERRED,
    NO_TIMER,
    OWNED,
    WRITE_TIMER_DEFERRED,
    socks,
    tcp_state,
)


@kernel
def run_timers(m, sk):
    """Do what is due of a socket's, or leave it to its user; when the next is (ns)."""
    sock = socks(m)[sk]
    owned = sock.sk_flags & OWNED
    if sock.delack_at and sock.delack_at <= m.now:
        if owned:
            sock.deferred |= DELACK_DEFERRED
            sock.delack_at = 0
        else:
            delack_timer(m, sk)
    if sock.pending != NO_TIMER and sock.rto_at and sock.rto_at <= m.now:
        if owned:
            sock.deferred |= WRITE_TIMER_DEFERRED
            sock.rto_at = 0
        else:
            write_timer(m, sk)
    after = NEVER
    if sock.delack_at:
        after = sock.delack_at
    if sock.pending != NO_TIMER and sock.rto_at:
        after = min(after, sock.rto_at)
    return after


@actor(per="tcp_timer", apart=True, at_boot=True)
def tcp_timer(m, number):
    """Sleeps until a timer is due, runs what is, for ever."""
    state = tcp_state(m)
    state.timers = turn(m).actor
    while True:
        after = NEVER
        for sk in range(state.nr_sockets):
            after = min(after, run_timers(m, sk))
        for sk in range(state.nr_sockets):  # what one's timer set for another's, meanwhile
            sock = socks(m)[sk]
            if sock.delack_at:
                after = min(after, sock.delack_at)
            if sock.pending != NO_TIMER and sock.rto_at:
                after = min(after, sock.rto_at)
        state.next_timer = max(after, m.now + 1)
        sleep_until(m, state.next_timer)
    return 0
