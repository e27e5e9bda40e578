"""Reading what has been received (tcp_recvmsg, tcp_cleanup_rbuf), and the ends of a connection."""

from mmrun.model.core.jit import kernel
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import FOREVER
from mmrun.model.mm.page.gfp import GFP_KERNEL
from mmrun.model.net.skb.state import FIN, skbs
from mmrun.model.net.tcp.fragment import tcp_stream_alloc_skb
from mmrun.model.net.tcp.handshake import begin, next_base, send_syn
from mmrun.model.net.tcp.output import PUSH_NOW, push_pending, send_reset, tcp_send_ack
from mmrun.model.net.tcp.receive import release_sock
from mmrun.model.net.tcp.sock import drop_received, entail, interrupted, lock_sock, sk_wait, tcp_done
from mmrun.model.net.tcp.state import (
    ACK_PUSHED,
    ACK_PUSHED2,
    ACK_SCHED,
    CLOSED,
    DONTWAIT,
    EAGAIN,
    ECONNABORTED,
    EINTR,
    ENOTCONN,
    ESTABLISHED,
    ETIMEDOUT,
    RCV_SHUTDOWN,
    RESET,
    SEND_SHUTDOWN,
    SYN_SENT,
    WAITALL,
    socks,
    tcp_count,
    tcp_settings,
)
from mmrun.model.net.tcp.window import __tcp_select_window, tcp_rcv_space_adjust, tcp_receive_window
from mmrun.model.units import S


@kernel
def tcp_cleanup_rbuf(m, sk, copied):
    """Acknowledge if the reader's progress is worth telling: it emptied the queue, or doubled the window."""
    sock = socks(m)[sk]
    if sock.state != ESTABLISHED:
        return
    now = False
    if sock.ack_pending & ACK_SCHED:
        now = sock.rcv_nxt - sock.rcv_wup > sock.rcv_mss
        pushed = sock.ack_pending & ACK_PUSHED2 or (sock.ack_pending & ACK_PUSHED and not sock.pingpong)
        if copied > 0 and pushed and sock.rmem_alloc == 0:
            now = True
    if copied > 0 and not now and not sock.shutdown & RCV_SHUTDOWN:
        window = tcp_receive_window(m, sk)
        if 2 * window <= sock.window_clamp:
            new = __tcp_select_window(m, sk)
            now = new > 0 and new >= 2 * window
    if now:
        tcp_send_ack(m, sk)


@kernel
def _take(m, sk, most):
    """Copy up to `most` bytes out of the receive queue; how many."""
    sock, copied = socks(m)[sk], 0
    while copied < most and sock.receive_queue.head != NONE and m.broken == 0:
        s = sock.receive_queue.head
        skb = skbs(m)[s]
        end = skb.end_seq - (1 if skb.marks & FIN else 0)
        used = min(end - sock.copied_seq, most - copied)
        if used > 0:
            sock.copied_seq += used
            copied += used
        if sock.copied_seq < end:
            break
        sock.copied_seq = skb.end_seq
        drop_received(m, sk, sock.receive_queue, s)
    if copied:
        if sock.here:
            m.now += copied * tcp_settings(m).copy_user_ps // 1000
            tcp_count(m).tcp_bytes_received += copied
        tcp_rcv_space_adjust(m, sk)
    return copied


@kernel
def tcp_recvmsg(m, sk, nbytes, how):
    """Read up to `nbytes`: how many, 0 at the end of the stream, or an error (negative).

    It blocks until there is something, with WAITALL until there is all of it; not at all with DONTWAIT.
    """
    sock, copied, answer = socks(m)[sk], 0, 0
    lock_sock(m, sk)
    while m.broken == 0:
        took = _take(m, sk, nbytes - copied)
        copied += took
        if copied >= nbytes or (copied and not how & WAITALL):
            break
        if copied:
            tcp_cleanup_rbuf(m, sk, copied)
        if sock.backlog.head != NONE:
            release_sock(m, sk)
            lock_sock(m, sk)
            continue
        if sock.err:
            answer = -sock.err
            break
        if sock.shutdown & RCV_SHUTDOWN or sock.state == RESET:
            break
        if sock.state != ESTABLISHED:
            answer = -ENOTCONN
            break
        if how & DONTWAIT:
            answer = -EAGAIN
            break
        if interrupted(m):
            answer = -EINTR
            break
        release_sock(m, sk)
        if sock.rcv_nxt == sock.copied_seq and sock.state == ESTABLISHED and not sock.shutdown & RCV_SHUTDOWN:
            sk_wait(m, sock.receivers, FOREVER)
        lock_sock(m, sk)
    tcp_cleanup_rbuf(m, sk, copied)
    release_sock(m, sk)
    return copied if copied else answer


@kernel
def tcp_shutdown(m, sk):
    """This end sends no more; what is queued still goes out, then the other end is told (tcp_send_fin)."""
    sock = socks(m)[sk]
    lock_sock(m, sk)
    if sock.state == ESTABLISHED and not sock.shutdown & SEND_SHUTDOWN:
        sock.shutdown |= SEND_SHUTDOWN
        tail = sock.write_queue.tail
        if tail == NONE or sock.send_head == NONE:
            tail = tcp_stream_alloc_skb(m, sk, GFP_KERNEL, True)
            if tail != NONE:
                skbs(m)[tail].seq = skbs(m)[tail].end_seq = sock.write_seq
                entail(m, sk, tail)
        if tail != NONE:
            skbs(m)[tail].marks |= FIN
            skbs(m)[tail].end_seq += 1
            sock.write_seq += 1
            push_pending(m, sk, PUSH_NOW)
    release_sock(m, sk)


@kernel
def tcp_connect(m, sk):
    """Ask the other end for a connection until it answers: 0, or an error (negative) after all tries."""
    sock, timeout = socks(m)[sk], (1 if tcp_settings(m).tcp_low_rto else 3) * S
    lock_sock(m, sk)
    if sock.state == ESTABLISHED:
        tcp_done(m, sk, CLOSED, 0)
    begin(m, sk, next_base(max(sock.write_seq, sock.snd_nxt)))
    sock.state = SYN_SENT
    release_sock(m, sk)
    for _ in range(tcp_settings(m).tcp_syn_retries + 1):
        until = m.now + timeout
        send_syn(m, sk)
        while sock.state == SYN_SENT and m.now < until and m.broken == 0 and not interrupted(m):
            sk_wait(m, sock.senders, until - m.now)
        if sock.state == ESTABLISHED:
            return 0
        if sock.state != SYN_SENT or interrupted(m):
            break
        timeout <<= 1
    error = sock.err if sock.err else ETIMEDOUT
    if interrupted(m):
        error = EINTR
    if sock.state == SYN_SENT:
        sock.state, sock.err = CLOSED, error
    return -error


@kernel
def tcp_abort(m, sk):
    """Break the connection off: the other end gets a reset, if it can be reached; all that was queued goes."""
    sock = socks(m)[sk]
    if sock.state == ESTABLISHED:
        send_reset(m, sk)
    tcp_done(m, sk, CLOSED, ECONNABORTED)
