"""Messages of a session on its connection: a request with its data one way, the answer with what was read the other.

Who sends and who receives may sleep in TCP; meanwhile the connection may be lost, and another made. So whoever comes
back looks whether it is still the same (`epoch`) before it touches a request.
"""

from mmrun.model.block.state import requests
from mmrun.model.core.jit import kernel
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import ALL, FOREVER, cond_resched, current, wait, wake
from mmrun.model.mm.swap.state import swapcache
from mmrun.model.net.session.requests import move, nr_on_way
from mmrun.model.net.session.state import INCOMING, OUTGOING, UP, WAITING, rqs, sessions
from mmrun.model.net.tcp.recvmsg import WAITALL, tcp_recvmsg
from mmrun.model.net.tcp.sendmsg import MORE, PAGES, tcp_sendmsg
from mmrun.model.net.tcp.state import tcp_state
from mmrun.model.units import PAGE

LOST = -1  # the connection


@kernel
def begin_noreclaim(m, s):
    """From here on the running thread may go below the watermarks, if the session's threads may."""
    if sessions(m)[s].memalloc:
        current(m).memalloc += 1


@kernel
def end_noreclaim(m, s):
    """Until here."""
    if sessions(m)[s].memalloc:
        current(m).memalloc -= 1


@kernel
def _send(m, s, nbytes, marks):
    """Give the connection all of so many bytes; LOST if it is gone before."""
    e = sessions(m)[s]
    epoch, left = e.epoch, nbytes
    while left > 0:
        e.sending = m.now
        taken = tcp_sendmsg(m, e.sock, left, marks)
        if e.epoch != epoch or taken <= 0:
            return LOST
        e.sending = 0
        left -= taken
    return 0


@kernel
def _send_pages(m, s, rq, number):
    """Send the pages of a write, one after the other."""
    e, r, left = sessions(m)[s], rqs(m)[rq], rqs(m)[rq].pages
    epoch = e.epoch
    while number != NONE:
        q = requests(m)[number]
        for slot in range(q.first, q.first + q.count):
            left -= 1
            marks = MORE if left else 0
            if e.by_page:
                tcp_state(m).page = swapcache(m)[slot] - 1
                marks |= PAGES
            if _send(m, s, PAGE, marks) == LOST or e.epoch != epoch or r.list != OUTGOING:
                return LOST
        number = q.chain
    return 0


@kernel
def send_rq(m, s, rq):
    """Send a request that waits; 0, or LOST when the connection went meanwhile, which nobody may have noticed yet."""
    e, r = sessions(m)[s], rqs(m)[rq]
    if e.timed and nr_on_way(m, s) == 0:
        wake(m, e.watchers, ALL, m.now)
    move(m, rq, OUTGOING)
    r.at = m.now
    r.tries += 1
    if _send(m, s, e.call[r.write], MORE if r.write else 0) == LOST:
        return LOST
    return _send_pages(m, s, rq, r.number) if r.write else 0


@kernel
def receive(m, s, sock, nbytes):
    """Take so many bytes from the session's connection; LOST if that is gone before."""
    e = sessions(m)[s]
    epoch, left = e.epoch, nbytes
    while left > 0:
        got = tcp_recvmsg(m, sock, left, WAITALL)
        if e.epoch != epoch or got <= 0:
            return LOST
        left -= got
    return 0


@kernel
def receive_reply(m, s):
    """The request whose answer has come, or LOST."""
    e = sessions(m)[s]
    if receive(m, s, e.sock, min(e.reply[0], e.reply[1])) == LOST:
        return LOST
    rq = e.lists[INCOMING].head
    r = rqs(m)[rq]
    data = 0 if r.write or r.failed else r.pages * PAGE
    rest = e.reply[r.write] - min(e.reply[0], e.reply[1]) + data
    if rest and receive(m, s, e.sock, rest) == LOST:
        return LOST
    e.heard = m.now
    return rq


@kernel
def to_send(m, s):
    """The request that is sent next, or NONE."""
    e = sessions(m)[s]
    return e.lists[WAITING].head if e.state == UP and e.lists[WAITING].n else NONE


@kernel
def await_request(m, s):
    """The request that is sent next; the sender sleeps until there is one, and a connection."""
    while to_send(m, s) == NONE:
        wait(m, sessions(m)[s].senders, FOREVER)
    return to_send(m, s)


@kernel
def await_reply(m, s):
    """The request whose answer has come; the receiver sleeps until one has.

    LOST: the connection on which it waited is gone, and nobody has noticed yet.
    """
    e = sessions(m)[s]
    while True:
        if e.state != UP:
            wait(m, e.receivers, FOREVER)
            continue
        epoch = e.epoch
        rq = receive_reply(m, s)
        if rq != LOST or e.epoch == epoch:
            return rq
        cond_resched(m)
