"""The client's threads: nbd_thread sends (since 4.0 a dispatch worker), NBD_DO_IT receives (since 4.10 recv_work)."""

from mmrun.model.core.actor import actor
from mmrun.model.core.jit import kernel
from mmrun.model.core.sleep import FOREVER, cond_resched, sleep_until, wait
from mmrun.model.machine.timers import SECOND
from mmrun.model.mm.swap.state import SWAP_NBD
from mmrun.model.net.session.connection import lose, set_rights
from mmrun.model.net.session.find import nth
from mmrun.model.net.session.messages import (
    LOST,
    await_reply,
    await_request,
    begin_noreclaim,
    end_noreclaim,
    send_rq,
)
from mmrun.model.net.session.requests import end_rq, give_up, nr_on_way
from mmrun.model.net.session.state import (
    DEAD,
    DOWN,
    INCOMING,
    OUTGOING,
    SERVED,
    UP,
    rqs,
    session_settings,
    sessions,
)


@kernel
def _lost(m, s):
    """The connection is gone: requests fail now, or when nobody has made another in time."""
    lose(m, s)
    if sessions(m)[s].state == DOWN and sessions(m)[s].dead_conn == 0:
        give_up(m, s)


@actor(per="nbd", at_boot=True)
def nbd_thread(m, number):
    """Send what the queue has, for ever."""
    s = nth(m, SWAP_NBD, number)
    set_rights(m, s)
    while True:
        rq = await_request(m, s)
        begin_noreclaim(m, s)
        sent = send_rq(m, s, rq)
        end_noreclaim(m, s)
        if sent == LOST:
            _lost(m, s)
        cond_resched(m)
    return 0


@actor(per="nbd_client", at_boot=True)
def nbd_do_it(m, number):
    """Take replies, for ever."""
    s = nth(m, SWAP_NBD, number)
    while True:
        begin_noreclaim(m, s)
        rq = await_reply(m, s)
        end_noreclaim(m, s)
        if rq == LOST:
            _lost(m, s)
        else:
            end_rq(m, rq, rqs(m)[rq].failed)
        cond_resched(m)
    return 0


@kernel
def _oldest(m, s):
    """When the oldest request that is on its way was sent."""
    e = sessions(m)[s]
    for where in (INCOMING, SERVED, OUTGOING):
        if e.lists[where].n:
            return rqs(m)[e.lists[where].head].at
    return m.now


@kernel
def _limit(m, s):
    """When the present state of things is a fault (ns), FOREVER: never."""
    e = sessions(m)[s]
    if e.state == DOWN:
        return e.since + e.dead_conn
    if e.state == DEAD or nr_on_way(m, s) == 0:
        return FOREVER
    if session_settings(m).blk_mq_timeouts:
        return _oldest(m, s) + e.timeout if e.timeout else FOREVER
    return e.sending + e.timeout if e.timeout and e.sending else FOREVER


@actor(per="nbd_timer", apart=True, at_boot=True)
def nbd_timer(m, number):
    """End a connection that keeps a request, to 4.1 a send, for longer than it may (nbd_xmit_timeout)."""
    s = nth(m, SWAP_NBD, number)
    e = sessions(m)[s]
    while True:
        at = _limit(m, s)
        if at <= m.now:
            if e.state == DOWN:
                give_up(m, s)
            else:
                _lost(m, s)
        elif e.timeout and e.state == UP:  # requests come and go: looked at again in a second, as timers of a queue are
            if nr_on_way(m, s):
                sleep_until(m, min(at, m.now + SECOND))
            else:
                wait(m, e.watchers, FOREVER)
        else:
            wait(m, e.watchers, at - m.now if at < FOREVER else FOREVER)
    return 0
