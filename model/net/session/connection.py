"""A session's connection goes and comes: both ends of it are told, and the socket's rights are those of its kind."""

from mmrun.model.core.jit import kernel
from mmrun.model.net.session.requests import goes_on, hold
from mmrun.model.net.session.state import UP, sessions
from mmrun.model.net.tcp.recvmsg import tcp_abort, tcp_connect
from mmrun.model.net.tcp.sock import sk_set_memalloc
from mmrun.model.net.tcp.state import socks


@kernel
def set_rights(m, s):
    """What the socket's allocations may do; whether it may use reserves (sk_set_memalloc)."""
    e = sessions(m)[s]
    socks(m)[e.sock].gfp = e.gfp
    if e.tagged:
        sk_set_memalloc(m, e.sock)


@kernel
def lose(m, s):
    """The connection is given up, by whoever noticed first: its requests wait."""
    e = sessions(m)[s]
    if e.state == UP:
        hold(m, s)
        tcp_abort(m, e.sock)
        tcp_abort(m, e.far)


@kernel
def reconnect(m, s):
    """Try to connect again; whether there is a connection now."""
    e = sessions(m)[s]
    if e.crashed or tcp_connect(m, e.sock) != 0:
        return False
    set_rights(m, s)
    goes_on(m, s)
    return True
