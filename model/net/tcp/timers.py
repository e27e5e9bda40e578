"""Setting a socket's timers; who runs them is mmrun.model.net.tcp.timer."""

from mmrun.model.core.jit import kernel
from mmrun.model.core.sleep import wake_actor
from mmrun.model.net.tcp.state import socks, tcp_state


@kernel
def _before(m, at):
    """The timers' actor wakes by time `at`."""
    state = tcp_state(m)
    if at < state.next_timer:
        state.next_timer = at
        wake_actor(m, state.timers, at)


@kernel
def arm_rto(m, sk, what, at):
    """The socket's retransmission timer is set for `what` at time `at`."""
    socks(m)[sk].pending, socks(m)[sk].rto_at = what, at
    _before(m, at)


@kernel
def arm_delack(m, sk, at):
    """The socket's timer of delayed acknowledgements is set."""
    socks(m)[sk].delack_at = at
    _before(m, at)
