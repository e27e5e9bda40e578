"""Requests of sessions: having one, where it is, its end, and what a lost connection means for those on their way."""

from mmrun.model.block.completions import announce
from mmrun.model.block.state import disks, requests
from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.links import link_head, link_tail, unlink_row
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import ALL, wake
from mmrun.model.mm.task.calls import bucket_of
from mmrun.model.net.session.state import (
    DEAD,
    DOWN,
    INCOMING,
    OUTGOING,
    SERVED,
    UP,
    WAITING,
    request_times,
    rqs,
    session_count,
    sessions,
)


@kernel
def nr_on_way(m, s):
    """Requests that were sent and not answered yet."""
    lists = sessions(m)[s].lists
    return lists[OUTGOING].n + lists[SERVED].n + lists[INCOMING].n


@kernel
def new_rq(m, s, number):
    """A request that waits to be sent; `number`: the block layer's, or NONE for a ping."""
    e = sessions(m)[s]
    rq = e.free_rq
    r = rqs(m)[rq]
    e.free_rq = r.next
    r.session, r.number, r.list, r.buffer = s, number, WAITING, NONE
    r.write = r.pages = r.failed = r.tries = 0
    r.block, r.at, r.began = 0, 0, m.now
    if number != NONE:
        q = requests(m)[number]
        r.write, r.pages, r.block = 1 - q.read, q.pages, q.block
    link_tail(rqs(m), e.lists[WAITING], rq)
    return rq


@kernel
def _leave(m, rq, where):
    """Take the request out of its list, for list `where`; its session."""
    r = rqs(m)[rq]
    e = sessions(m)[r.session]
    unlink_row(rqs(m), e.lists[r.list], rq)
    r.list = where
    return e


@kernel
def move(m, rq, where):
    """The request is elsewhere now, behind the others there."""
    link_tail(rqs(m), _leave(m, rq, where).lists[where], rq)


@kernel
def _to_front(m, rq):
    link_head(rqs(m), _leave(m, rq, WAITING).lists[WAITING], rq)


@kernel
def free_rq(m, rq):
    """The request is over."""
    r = rqs(m)[rq]
    e = sessions(m)[r.session]
    unlink_row(rqs(m), e.lists[r.list], rq)
    r.next, e.free_rq = e.free_rq, rq


@kernel
def _finish(m, number, failed):
    q = requests(m)[number]
    if failed:
        q.failed = 1
        session_count(m).netswap_errors += 1
    else:
        request_times(m).calls[1 - q.read, bucket_of(m.now - q.submitted)] += 1
    announce(m, number, m.now)


@kernel
def end_rq(m, rq, failed):
    """The request was answered, or is given up: its pages go on (blk_mq_end_request)."""
    number = rqs(m)[rq].number
    free_rq(m, rq)
    if number != NONE:
        session_count(m).netswap_replies += 1 - failed
        _finish(m, number, failed)


@hook
def queue_rq(m, disk, number):
    """The transport takes a request of the block layer; without a session it fails at once."""
    s = disks(m)[disk].session
    e = sessions(m)[s]
    session_count(m).netswap_requests += 1
    if e.state == DEAD:
        _finish(m, number, 1)
        return 0
    new_rq(m, s, number)
    wake(m, e.senders, ALL, m.now)
    return 0


@kernel
def wake_all(m, s):
    """Everybody who has to do with the session looks again."""
    e = sessions(m)[s]
    wake(m, e.senders, ALL, m.now)
    wake(m, e.receivers, ALL, m.now)
    wake(m, e.watchers, ALL, m.now)
    wake(m, e.workers, ALL, m.now)


@kernel
def hold(m, s):
    """The connection is gone: what was on its way waits in its old order to be sent again; pings do not."""
    e = sessions(m)[s]
    e.state, e.since, e.pinged, e.sending = DOWN, m.now, 0, 0
    e.epoch += 1
    for where in (OUTGOING, SERVED, INCOMING):
        while e.lists[where].n:
            rq = e.lists[where].tail
            if rqs(m)[rq].number == NONE:
                free_rq(m, rq)
            else:
                _to_front(m, rq)
                session_count(m).netswap_resent += 1
    wake_all(m, s)


@kernel
def goes_on(m, s):
    """There is a connection again."""
    e = sessions(m)[s]
    e.state, e.since, e.heard, e.pinged = UP, m.now, m.now, 0
    session_count(m).netswap_reconnects += 1
    wake_all(m, s)


@kernel
def give_up(m, s):
    """All requests fail, and so do those that come until there is a connection again."""
    e = sessions(m)[s]
    e.state, e.since = DEAD, m.now
    while e.lists[WAITING].n:
        end_rq(m, e.lists[WAITING].head, 1)
