"""What tasks ask of their sockets: each is a system call, and takes its time."""

from mmrun.model.core.accounting import ASIDE, FAULT, begins, ends
from mmrun.model.core.codes import BAD_EVENT, OK
from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.panic import panic
from mmrun.model.core.sleep import FOREVER, sleep_until
from mmrun.model.machine.state import costs
from mmrun.model.net.tcp.events import CONNECTION_BITS
from mmrun.model.net.tcp.recvmsg import WAITALL, tcp_abort, tcp_connect, tcp_recvmsg, tcp_shutdown
from mmrun.model.net.tcp.sendmsg import DONTWAIT, tcp_sendmsg
from mmrun.model.net.tcp.sock import interrupted, sk_wait
from mmrun.model.net.tcp.state import EAGAIN, ESTABLISHED, NOSPACE, net_users, socks, tcp_count
from mmrun.model.units import MS

RETRY = MS  # how long a task sleeps that was told to come again


@kernel
def socket_of(m, t, argument):
    """The socket of task `t` that an event's argument names."""
    user, connection = net_users(m)[t], argument & (1 << CONNECTION_BITS) - 1
    if connection >= user.connections:
        panic(m, BAD_EVENT, connection)
        return 0
    m.now += costs(m).syscall
    return user.first + 2 * connection


@kernel
def _noted(m, answer):
    """A call that failed is counted."""
    if answer < 0 and answer != -EAGAIN:
        tcp_count(m).net_errors += 1
    return OK


@hook
def net_send(m, t, argument):
    """Send so many bytes, waiting for room."""
    sk = socket_of(m, t, argument)
    return _noted(m, tcp_sendmsg(m, sk, argument >> CONNECTION_BITS, 0)) if m.broken == 0 else OK


@hook
def net_send_nowait(m, t, argument):
    """Send as many of so many bytes as there is room for; where there is none at all, come back a millisecond later."""
    sk = socket_of(m, t, argument)
    if m.broken:
        return OK
    answer = tcp_sendmsg(m, sk, argument >> CONNECTION_BITS, DONTWAIT)
    if answer == -EAGAIN:
        ends(m, FAULT)
        begins(m, ASIDE)
        sleep_until(m, m.now + RETRY)
        ends(m, ASIDE)
        begins(m, FAULT)
    return _noted(m, answer)


@kernel
def _receive(m, t, argument, marks):
    sk = socket_of(m, t, argument)
    return _noted(m, tcp_recvmsg(m, sk, argument >> CONNECTION_BITS, marks)) if m.broken == 0 else OK


@hook
def net_recv(m, t, argument):
    """Read up to so many bytes, waiting for the first."""
    return _receive(m, t, argument, 0)


@hook
def net_recv_all(m, t, argument):
    """Read so many bytes, waiting for all of them."""
    return _receive(m, t, argument, WAITALL)


@hook
def net_shutdown(m, t, argument):
    """Say that nothing more will be sent."""
    sk = socket_of(m, t, argument)
    if m.broken == 0:
        tcp_shutdown(m, sk)
    return OK


@hook
def net_abort(m, t, argument):
    """Break the connection off."""
    sk = socket_of(m, t, argument)
    if m.broken == 0:
        tcp_abort(m, sk)
    return OK


@hook
def net_connect(m, t, argument):
    """Ask the other end for a new connection, waiting for its answer."""
    sk = socket_of(m, t, argument)
    return _noted(m, tcp_connect(m, sk)) if m.broken == 0 else OK


@hook
def net_transact(m, t, argument):
    """Send a request and wait for the whole answer."""
    sk, began = socket_of(m, t, argument), m.now
    if m.broken:
        return OK
    answer = tcp_sendmsg(m, sk, net_users(m)[t].request, 0)
    if answer > 0:
        answer = tcp_recvmsg(m, sk, net_users(m)[t].answer, WAITALL)
        if answer == net_users(m)[t].answer:
            tcp_count(m).net_transactions += 1
            tcp_count(m).net_transaction_ns += m.now - began
    return _noted(m, answer)


@hook
def net_serve(m, t, argument):
    """Wait for a whole request and answer it."""
    sk = socket_of(m, t, argument)
    if m.broken:
        return OK
    answer = tcp_recvmsg(m, sk, net_users(m)[t].request, WAITALL)
    if answer == net_users(m)[t].request:
        answer = tcp_sendmsg(m, sk, net_users(m)[t].answer, 0)
    return _noted(m, answer)


@hook
def net_drain(m, t, argument):
    """Wait until all that was sent is acknowledged, or the connection is over (close with SO_LINGER)."""
    sk = socket_of(m, t, argument)
    while m.broken == 0 and socks(m)[sk].state == ESTABLISHED and socks(m)[sk].write_queue.n and not interrupted(m):
        socks(m)[sk].sk_flags |= NOSPACE
        sk_wait(m, socks(m)[sk].senders, FOREVER)
    return OK
