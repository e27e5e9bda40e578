"""A storage server stops, or crashes, and comes back, when its description says so."""

from mmrun.model.core.actor import actor
from mmrun.model.core.actors import NEVER
from mmrun.model.core.jit import kernel
from mmrun.model.core.sleep import FOREVER, sleep_until, wait
from mmrun.model.net.session.requests import wake_all
from mmrun.model.net.session.state import CRASH, GO, STOP, sessions
from mmrun.model.net.tcp.recvmsg import tcp_abort


@kernel
def _happens(m, s, what):
    """The server is stopped or goes on; is gone, which resets its connections, or there again."""
    e = sessions(m)[s]
    if what in (STOP, GO):
        e.stopped = 1 - what
    else:
        e.crashed = 1 if what == CRASH else 0
        if what == CRASH and e.sockets:
            tcp_abort(m, e.far)
    wake_all(m, s)


@actor(per="outages", apart=True, at_boot=True)
def outages(m, s):
    """Wait for what is to happen to the server next."""
    e = sessions(m)[s]
    while True:
        what = 0
        for i in range(len(e.outage)):
            if e.outage[i] < e.outage[what]:
                what = i
        if e.outage[what] >= NEVER:
            wait(m, e.never, FOREVER)
            continue
        sleep_until(m, e.outage[what])
        e.outage[what] = NEVER
        _happens(m, s, what)
    return 0
