"""The card: posts what waits, and tells the end of what has come back. Its work takes no CPU's time.

A queue pair retries what is not acknowledged seven times, 67 ms apart (4.096 us * 2^14), then it is in error and the
device is gone.
"""

from mmrun.model.core.actor import actor
from mmrun.model.core.jit import kernel
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import FOREVER, cond_resched, sleep_until, wait
from mmrun.model.mm.swap.state import SWAP_RDMA
from mmrun.model.net.link.state import IN, OUT, wires
from mmrun.model.net.session.find import nth
from mmrun.model.net.session.messages import to_send
from mmrun.model.net.session.requests import end_rq, give_up, move
from mmrun.model.net.session.state import OUTGOING, rqs, sessions
from mmrun.model.units import PAGE

ACK_TIMEOUT, RETRIES = 67_108_864, 7
REQUEST_BYTES, FRAME_BYTES = 30, 58  # of a read request or an acknowledgement; headers and gap of a frame of 4 KiB


@kernel
def occupy(m, link, way, nbytes, at):
    """When the last bit of so many bytes has left, behind what the wire carries already; without competing for CPUs."""
    w = wires(m)[link]
    w.free_at[way] = max(at, w.free_at[way]) + nbytes * w.byte_ps // 1000
    w.bytes[way] += nbytes
    return w.free_at[way]


@kernel
def _served(m, s, rq):
    """When a request that is posted now has been answered."""
    e, r = sessions(m)[s], rqs(m)[rq]
    data, half = r.pages * (PAGE + FRAME_BYTES), wires(m)[e.link].rtt // 2
    there = occupy(m, e.link, OUT, data if r.write else REQUEST_BYTES + FRAME_BYTES, m.now) + half
    return occupy(m, e.link, IN, REQUEST_BYTES + FRAME_BYTES if r.write else data, there + e.protocol) + half


@kernel
def _retry(m, s):
    """Wait for a link that is cut; False: for too long."""
    e, tries = sessions(m)[s], 0
    while wires(m)[e.link].cut or e.crashed:
        tries += 1
        if tries > RETRIES:
            return False
        sleep_until(m, m.now + ACK_TIMEOUT)
    return True


@actor(per="rdma", apart=True, at_boot=True)
def rdma_card(m, number):
    """Post requests, take completions, for ever."""
    s = nth(m, SWAP_RDMA, number)
    e = sessions(m)[s]
    while True:
        if e.lists[OUTGOING].n and rqs(m)[e.lists[OUTGOING].head].at <= m.now:
            if _retry(m, s):
                end_rq(m, e.lists[OUTGOING].head, 0)
            else:
                _error(m, s)
            continue
        rq = to_send(m, s)
        if rq != NONE:
            move(m, rq, OUTGOING)
            rqs(m)[rq].at = _served(m, s, rq)
            continue
        if e.lists[OUTGOING].n:
            wait(m, e.senders, max(0, rqs(m)[e.lists[OUTGOING].head].at - m.now))
        else:
            wait(m, e.senders, FOREVER)
        cond_resched(m)
    return 0


@kernel
def _error(m, s):
    """The queue pair is in error: everything fails."""
    e = sessions(m)[s]
    while e.lists[OUTGOING].n:
        end_rq(m, e.lists[OUTGOING].head, 1)
    give_up(m, s)
