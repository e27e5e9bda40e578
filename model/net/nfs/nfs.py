"""The client of sunrpc: rpciod sends calls, answers end them, a worker connects again; time-outs by call."""

from mmrun.model.core.actor import actor
from mmrun.model.core.jit import kernel
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import FOREVER, cond_resched, current, sleep_until, wait
from mmrun.model.machine.timers import SECOND
from mmrun.model.mm.swap.state import SWAP_NFS
from mmrun.model.net.nfs.rpc_buffer import mempool_create, rpc_free, rpc_malloc
from mmrun.model.net.session.connection import lose, reconnect, set_rights
from mmrun.model.net.session.find import nth
from mmrun.model.net.session.messages import (
    LOST,
    await_reply,
    await_request,
    begin_noreclaim,
    end_noreclaim,
    send_rq,
)
from mmrun.model.net.session.requests import end_rq, nr_on_way
from mmrun.model.net.session.state import INCOMING, OUTGOING, SERVED, UP, WAITING, rqs, sessions

RPC_DELAY = SECOND // 16  # HZ >> 4: until a call asks for its buffer again
REESTABLISH, MOST_REESTABLISH = 3 * SECOND, 300 * SECOND  # XS_TCP_INIT_REEST_TO, XS_TCP_MAX_REEST_TO


@kernel
def _transmit(m, s, rq):
    """Send a call that waits, if it has a buffer; else it is tried again a little later."""
    if rqs(m)[rq].buffer == NONE and not rpc_malloc(m, s, rq):
        sleep_until(m, m.now + RPC_DELAY)
    elif send_rq(m, s, rq) == LOST:
        lose(m, s)


@actor(per="rpciod", at_boot=True)
def rpciod(m, number):
    """Send calls, for ever. Who works for swap may use reserves (PF_MEMALLOC in xprt_transmit, by era)."""
    s = nth(m, SWAP_NFS, number)
    mempool_create(m, s)
    set_rights(m, s)
    while True:
        rq = await_request(m, s)
        begin_noreclaim(m, s)
        _transmit(m, s, rq)
        end_noreclaim(m, s)
        cond_resched(m)
    return 0


@actor(per="xprt_receiver", at_boot=True)
def xs_stream_data_receive(m, number):
    """Take answers, for ever."""
    s = nth(m, SWAP_NFS, number)
    while True:
        begin_noreclaim(m, s)
        rq = await_reply(m, s)
        end_noreclaim(m, s)
        if rq == LOST:
            lose(m, s)
        else:
            rpc_free(m, s, rq)
            end_rq(m, rq, rqs(m)[rq].failed)
        cond_resched(m)
    return 0


@kernel
def _overdue(m, s):
    """Whether a call has waited for longer than it may: since it was sent; a soft one since it came."""
    e = sessions(m)[s]
    for where in (INCOMING, SERVED, OUTGOING, WAITING):
        if e.lists[where].n == 0:
            continue
        r = rqs(m)[e.lists[where].head]
        if (where != WAITING and m.now - r.at >= e.timeo) or (e.soft and m.now - r.began >= _soft_limit(m, s)):
            return True
    return False


@kernel
def _soft_limit(m, s):
    """How long a soft call is tried for (xprt_calc_majortimeo)."""
    return sessions(m)[s].timeo * (1 + sessions(m)[s].retrans)


@kernel
def _end_soft(m, s):
    """Soft calls that have been tried for long enough fail (call_timeout)."""
    rq = sessions(m)[s].lists[WAITING].head
    while rq != NONE:
        following = rqs(m)[rq].next
        if m.now - rqs(m)[rq].began >= _soft_limit(m, s):
            rpc_free(m, s, rq)
            end_rq(m, rq, 1)
        rq = following


@actor(per="xprt_worker", at_boot=True)
def xs_tcp_setup_socket(m, number):
    """Connect again when the connection is lost, ever later; give it up when calls go unanswered."""
    s, delay = nth(m, SWAP_NFS, number), REESTABLISH
    e = sessions(m)[s]
    while True:
        if e.state != UP:
            if e.soft:
                _end_soft(m, s)
            current(m).memalloc += e.connects_memalloc
            connected = reconnect(m, s)
            current(m).memalloc -= e.connects_memalloc
            if connected:
                delay = REESTABLISH
            else:
                sleep_until(m, m.now + delay)
                delay = min(2 * delay, MOST_REESTABLISH)
        elif nr_on_way(m, s) == 0:
            wait(m, e.watchers, FOREVER)
        elif _overdue(m, s):
            lose(m, s)
        else:
            wait(m, e.watchers, SECOND)
    return 0
