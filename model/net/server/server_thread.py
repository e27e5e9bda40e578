"""A thread of a storage server: reads a request, serves it, answers. One of them reads and one writes at a time."""

from mmrun.model.block.device import fails
from mmrun.model.block.serving import read_pages, write_pages
from mmrun.model.core.actor import actor
from mmrun.model.core.jit import kernel
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import ALL, FOREVER, sleep_until, wait, wake
from mmrun.model.net.server.cache import cached_read, cached_write
from mmrun.model.net.server.journal import log_wait_commit
from mmrun.model.net.server.state import server_threads
from mmrun.model.net.session.messages import LOST, receive
from mmrun.model.net.session.requests import move
from mmrun.model.net.session.state import INCOMING, OUTGOING, SERVED, UP, rqs, sessions
from mmrun.model.net.tcp.sendmsg import tcp_sendmsg
from mmrun.model.units import PAGE


@kernel
def _next_call(m, s):
    """Read a request from the connection; LOST when that is gone."""
    e = sessions(m)[s]
    if receive(m, s, e.far, min(e.call[0], e.call[1])) == LOST:
        return LOST
    rq = e.lists[OUTGOING].head
    r = rqs(m)[rq]
    rest = e.call[r.write] - min(e.call[0], e.call[1]) + (r.pages * PAGE if r.write else 0)
    if rest and receive(m, s, e.far, rest) == LOST:
        return LOST
    move(m, rq, SERVED)
    return rq


@kernel
def _do(m, s, rq):
    """Serve a request: its blocks are read or written when the thread wakes."""
    e, r = sessions(m)[s], rqs(m)[rq]
    done = m.now + e.protocol
    if r.pages and e.cache_pages and r.write:
        done = cached_write(m, s, r.block, r.pages, done)
    elif r.pages and e.cache_pages:
        done = cached_read(m, s, r.block, r.pages, done)
    elif r.pages and e.server != NONE and r.write:
        done = write_pages(m, e.server, done, r.pages, r.block)
    elif r.pages and e.server != NONE:
        done = read_pages(m, e.server, done, r.pages, r.block)
    if r.write and e.server != NONE and fails(m, e.server, done):
        r.failed = 1
    sleep_until(m, done)
    if r.write and e.journal:
        log_wait_commit(m, s)


@kernel
def _answer(m, s, rq):
    """Send the answer to a request."""
    e, r = sessions(m)[s], rqs(m)[rq]
    epoch, data = e.epoch, 0 if r.write or r.failed else r.pages * PAGE
    move(m, rq, INCOMING)
    left = e.reply[r.write] + data
    while left > 0:
        taken = tcp_sendmsg(m, e.far, left, 0)
        if taken <= 0 or e.epoch != epoch:
            return
        left -= taken


@kernel
def _receive(m, s):
    """Take the next request when it is this thread's turn to read; LOST: there was none."""
    e = sessions(m)[s]
    while e.receiving or e.stopped or e.crashed or e.state != UP:
        wait(m, e.workers, FOREVER)
    e.receiving = 1
    rq = _next_call(m, s)
    e.receiving = 0
    if rq == LOST and e.state == UP:  # the connection's other end has yet to notice
        wait(m, e.workers, FOREVER)
    else:
        wake(m, e.workers, ALL, m.now)
    return rq


@actor(per="server_thread", apart=True, at_boot=True)
def server_thread(m, number):
    """Serve requests for ever; one whose connection goes meanwhile is dropped, the client has it still."""
    s = server_threads(m)[number]
    e = sessions(m)[s]
    while True:
        rq = _receive(m, s)
        if rq == LOST:
            continue
        epoch = e.epoch
        while e.stopped and e.epoch == epoch:
            wait(m, e.workers, FOREVER)
        if e.epoch == epoch:
            _do(m, s, rq)
        while e.epoch == epoch and (e.replying or e.stopped):
            wait(m, e.workers, FOREVER)
        if e.epoch != epoch:
            continue
        e.replying = 1
        _answer(m, s, rq)
        e.replying = 0
        wake(m, e.workers, ALL, m.now)
    return 0
