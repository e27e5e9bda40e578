"""The initiator: a worker sends (iscsi_xmitworker), what comes is read in softirq, here by a thread of its own."""

from mmrun.model.core.actor import actor
from mmrun.model.core.jit import kernel
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import ALL, FOREVER, cond_resched, wait, wake
from mmrun.model.mm.swap.state import SWAP_ISCSI
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
from mmrun.model.net.session.requests import end_rq, give_up, new_rq
from mmrun.model.net.session.state import DOWN, UP, rqs, sessions


@actor(per="iscsi_q", at_boot=True)
def iscsi_xmitworker(m, number):
    """Send commands with their data, and pings, for ever."""
    s = nth(m, SWAP_ISCSI, number)
    set_rights(m, s)
    while True:
        rq = await_request(m, s)
        begin_noreclaim(m, s)
        if send_rq(m, s, rq) == LOST:
            lose(m, s)
        end_noreclaim(m, s)
        cond_resched(m)
    return 0


@actor(per="iscsi_receiver", apart=True, at_boot=True)
def iscsi_sw_tcp_recv(m, number):
    """Take responses, for ever."""
    s = nth(m, SWAP_ISCSI, number)
    while True:
        rq = await_reply(m, s)
        if rq == LOST:
            lose(m, s)
        else:
            if rqs(m)[rq].number == NONE:
                sessions(m)[s].pinged = 0
            end_rq(m, rq, rqs(m)[rq].failed)
        cond_resched(m)
    return 0


@kernel
def iscsi_check_transport_timeouts(m, s):
    """Ping a target that has been silent, give up one that did not answer; when to look again (ns)."""
    e = sessions(m)[s]
    if e.nop_interval == 0:
        return FOREVER
    if e.pinged:
        if m.now < e.pinged + e.nop_timeout:
            return e.pinged + e.nop_timeout
        lose(m, s)
        return m.now
    if m.now < e.heard + e.nop_interval:
        return e.heard + e.nop_interval
    e.pinged = m.now
    new_rq(m, s, NONE)
    wake(m, e.senders, ALL, m.now)
    return m.now + e.nop_timeout


@actor(per="iscsi_timer", apart=True, at_boot=True)
def iscsi_timers(m, number):
    """Watch the connection, and how long requests have been held without one."""
    s = nth(m, SWAP_ISCSI, number)
    e = sessions(m)[s]
    while True:
        at = FOREVER
        if e.state == UP:
            at = iscsi_check_transport_timeouts(m, s)
        elif e.state == DOWN:
            at = e.since + e.replacement
            if m.now >= at:
                give_up(m, s)  # session_recovery_timedout
                continue
        if at > m.now:
            wait(m, e.watchers, at - m.now if at < FOREVER else FOREVER)
    return 0
