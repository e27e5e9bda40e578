"""What a socket's buffers are charged to it as, and who may work on it (net/core/sock.c).

A socket is its user's or its interrupts'. While a user has it, what arrives waits in the backlog, and timers and
completions leave a note; the user does both when he lets it go (mmrun.model.net.tcp.release).
"""

from mmrun.model.core.accounting import ASIDE, FAULT, begins, ends
from mmrun.model.core.jit import kernel
from mmrun.model.core.links import link_tail, unlink_row
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import ALL, FOREVER, current, wait, wake
from mmrun.model.mm.task.state import tasks
from mmrun.model.net.skb.skb import kfree_skb
from mmrun.model.net.skb.state import skb_state, skbs
from mmrun.model.net.tcp.state import (
    MEMALLOC,
    NOSPACE,
    OWNED,
    RCV_SHUTDOWN,
    socks,
)
from mmrun.model.net.tcp_mem.sock import sk_mem_charge, sk_mem_reclaim, sk_mem_uncharge


@kernel
def skb_set_owner_r(m, sk, s):
    """A received buffer is in a queue of the socket's."""
    skb = skbs(m)[s]
    skb.sock = sk
    socks(m)[sk].rmem_alloc += skb.truesize
    sk_mem_charge(m, sk, skb.truesize)


@kernel
def sock_rfree(m, sk, truesize):
    """A received buffer of that size has left the socket's queues."""
    socks(m)[sk].rmem_alloc -= truesize
    sk_mem_uncharge(m, sk, truesize)


@kernel
def drop_received(m, sk, queue, s):
    """A buffer of one of the socket's receive queues is freed."""
    unlink_row(skbs(m), queue, s)
    sock_rfree(m, sk, skbs(m)[s].truesize)
    kfree_skb(m, s)


@kernel
def entail(m, sk, s):
    """A buffer becomes the last of the send queue, and is charged."""
    sock, skb = socks(m)[sk], skbs(m)[s]
    skb.sock = sk
    link_tail(skbs(m), sock.write_queue, s)
    sock.wmem_queued += skb.truesize
    sk_mem_charge(m, sk, skb.truesize)
    if sock.send_head == NONE:
        sock.send_head = s


@kernel
def free_queued(m, sk, s):
    """A buffer of the send queue is freed: it has been acknowledged, or will not be sent (tcp_wmem_free_skb)."""
    sock, skb = socks(m)[sk], skbs(m)[s]
    if sock.send_head == s:
        sock.send_head = skb.next
    unlink_row(skbs(m), sock.write_queue, s)
    sock.wmem_queued -= skb.truesize
    sk_mem_uncharge(m, sk, skb.truesize)
    skb.sock = NONE
    kfree_skb(m, s)


@kernel
def purge(m, sk):
    """All buffers of a socket's queues are freed, but for those whose copies are under way."""
    sock = socks(m)[sk]
    while sock.write_queue.head != NONE:
        free_queued(m, sk, sock.write_queue.head)
    while sock.receive_queue.head != NONE:
        drop_received(m, sk, sock.receive_queue, sock.receive_queue.head)
    while sock.out_of_order_queue.head != NONE:
        drop_received(m, sk, sock.out_of_order_queue, sock.out_of_order_queue.head)
    while sock.backlog.head != NONE:
        s = sock.backlog.head
        unlink_row(skbs(m), sock.backlog, s)
        kfree_skb(m, s)
    sock.backlog_bytes = 0
    sk_mem_reclaim(m, sk)


@kernel
def sk_wait(m, queue, timeout):
    """The running actor waits for a socket; of a task that does nothing else that is time of its own (ns)."""
    aside = current(m).doing == FAULT
    if aside:
        ends(m, FAULT)
        begins(m, ASIDE)
    slept = wait(m, queue, timeout)
    if aside:
        ends(m, ASIDE)
        begins(m, FAULT)
    return slept


@kernel
def lock_sock(m, sk):
    """The running actor is the socket's user from now on."""
    sock = socks(m)[sk]
    while sock.sk_flags & OWNED and m.broken == 0:
        sk_wait(m, sock.lockers, FOREVER)
    sock.sk_flags |= OWNED


@kernel
def interrupted(m):
    """Whether the running task was killed, which ends its sleep."""
    t = current(m).task
    return t != NONE and tasks(m)[t].killed != 0


@kernel
def tcp_read_ready(m, sk):
    """Bytes that could be read now."""
    return socks(m)[sk].rcv_nxt - socks(m)[sk].copied_seq


@kernel
def sock_data_ready(m, sk):
    """Who waits to read looks again."""
    wake(m, socks(m)[sk].receivers, ALL, m.now)


@kernel
def sk_stream_memory_free(m, sk):
    """Whether the send queue may take another buffer."""
    return socks(m)[sk].wmem_queued < socks(m)[sk].sndbuf


@kernel
def sk_stream_write_space(m, sk):
    """A third of the send buffer is free: who waits for room looks again."""
    sock = socks(m)[sk]
    if sock.sndbuf - sock.wmem_queued >= sock.wmem_queued >> 1:
        sock.sk_flags &= ~NOSPACE
        wake(m, sock.senders, ALL, m.now)


@kernel
def sk_set_memalloc(m, sk):
    """The socket may use reserves: memory is freed through it."""
    sock = socks(m)[sk]
    if not sock.sk_flags & MEMALLOC and sock.here:
        sock.sk_flags |= MEMALLOC
        skb_state(m).memalloc_socks += 1


@kernel
def sk_clear_memalloc(m, sk):
    """The socket is an ordinary one again; what it was given beyond limits goes back as far as it can."""
    sock = socks(m)[sk]
    if sock.sk_flags & MEMALLOC:
        sock.sk_flags &= ~MEMALLOC
        skb_state(m).memalloc_socks -= 1
        sk_mem_reclaim(m, sk)


@kernel
def sk_wakes_all(m, sk):
    """The connection has come to an end or to an error: everybody looks again."""
    sock = socks(m)[sk]
    wake(m, sock.senders, ALL, m.now)
    wake(m, sock.receivers, ALL, m.now)


@kernel
def tcp_done(m, sk, state, err):
    """The connection is over: its buffers go, nobody waits any longer."""
    sock = socks(m)[sk]
    sock.state, sock.err, sock.pending, sock.ack_pending = state, err, 0, 0
    sock.rto_at = sock.delack_at = 0
    purge(m, sk)
    sock.packets_out = sock.lost_out = sock.retrans_out = sock.sacked_out = 0
    sock.snd_una = sock.snd_nxt = sock.write_seq
    sock.copied_seq = sock.rcv_nxt
    sock.shutdown |= RCV_SHUTDOWN
    sk_wakes_all(m, sk)
