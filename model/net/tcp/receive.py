"""The way of a received buffer to its socket, and of what its user left undone (tcp_v4_rcv, tcp_release_cb).

Runs in softirqs: it never sleeps. A buffer from the reserves is worked on with PF_MEMALLOC, and only a socket that may
use reserves gets it (sk_filter).
"""

from mmrun.model.core.jit import hook, kernel
from mmrun.model.core.links import link_tail, unlink_row
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import current, wake
from mmrun.model.net.skb.skb import kfree_skb
from mmrun.model.net.skb.state import ACK, FIN, RESERVE, RST, SYN, skbs
from mmrun.model.net.tcp.ack import tcp_ack, tcp_data_snd_check
from mmrun.model.net.tcp.handshake import tcp_rcv_state_process
from mmrun.model.net.tcp.input import tcp_ack_snd_check, tcp_data_queue, tcp_enter_quickack_mode
from mmrun.model.net.tcp.output import ATO_MIN, NAGLE, tcp_send_ack, tcp_write_xmit
from mmrun.model.net.tcp.retransmit import (
    tcp_probe_timer,
    tcp_retransmit_timer,
    tcp_send_loss_probe,
    tcp_xmit_retransmit_queue,
)
from mmrun.model.net.tcp.sock import tcp_done
from mmrun.model.net.tcp.state import (
    ACK_DEFERRED,
    ACK_SCHED,
    ACK_TIMER,
    CLOSED,
    DELACK_DEFERRED,
    ECONNRESET,
    ESTABLISHED,
    LOSS_PROBE,
    MEMALLOC,
    OPEN,
    OWNED,
    RESET,
    RETRANSMIT,
    THROTTLED,
    TSQ_DEFERRED,
    WRITE_TIMER_DEFERRED,
    ZERO_PROBE,
    socks,
    tcp_count,
    tcp_settings,
    tcp_state,
)
from mmrun.model.net.tcp.timers import arm_delack
from mmrun.model.net.tcp.window import tcp_receive_window

BACKLOG_ROOM = 64 * 1024


@kernel
def tcp_rcv_established(m, sk, s):
    """A segment of a connection that stands."""
    sock, skb = socks(m)[sk], skbs(m)[s]
    seq, end, length, marks = skb.seq, skb.end_seq, skb.bytes, skb.marks
    if end < sock.rcv_wup or seq > sock.rcv_nxt + tcp_receive_window(m, sk):
        if not marks & RST:  # outside of the window: the sender is told where it is (tcp_send_dupack)
            if end != seq and seq < sock.rcv_nxt:
                tcp_enter_quickack_mode(m, sk)
            tcp_send_ack(m, sk)
        kfree_skb(m, s)
        return
    if marks & RST:
        kfree_skb(m, s)
        tcp_done(m, sk, RESET, ECONNRESET)
        return
    if seq <= sock.rcv_nxt and length:
        sock.echo = skb.stamp
    if marks & ACK:
        tcp_ack(m, sk, skb.ack, seq, skb.window, length)
    if length or marks & FIN:
        tcp_data_queue(m, sk, s)
    else:
        kfree_skb(m, s)
    if sock.state == ESTABLISHED:
        tcp_data_snd_check(m, sk)
        tcp_ack_snd_check(m, sk)


@kernel
def tcp_v4_do_rcv(m, sk, s):
    """A segment for a socket that nobody else works on."""
    sock = socks(m)[sk]
    if sock.here:
        m.now += tcp_settings(m).tcp_rcv_skb if skbs(m)[s].bytes else tcp_settings(m).tcp_ack_skb
    if sock.state == ESTABLISHED and not skbs(m)[s].marks & SYN:
        tcp_rcv_established(m, sk, s)
    else:
        tcp_rcv_state_process(m, sk, s)


@kernel
def backlog_limit(m, sk):
    """Bytes that may wait for a busy user."""
    sock, kind = socks(m)[sk], tcp_settings(m).tcp_backlog_room
    if kind == 2:
        return 2 * sock.rcvbuf + (sock.sndbuf >> 1) + BACKLOG_ROOM
    return sock.rcvbuf + sock.sndbuf + (BACKLOG_ROOM if kind else 0)


@kernel
def tcp_v4_rcv(m, s):
    """A buffer has come for the socket `sock` of its row."""
    sk = skbs(m)[s].sock
    sock, skb = socks(m)[sk], skbs(m)[s]
    if sock.here:
        tcp_count(m).InSegs += skb.segs
    if skb.marks & RESERVE and not sock.sk_flags & MEMALLOC:
        tcp_count(m).PFMemallocDrop += 1
        kfree_skb(m, s)
        return
    if not sock.sk_flags & OWNED:
        tcp_v4_do_rcv(m, sk, s)
    elif sock.backlog_bytes + skb.truesize > backlog_limit(m, sk):
        tcp_count(m).TCPBacklogDrop += 1
        sock.drops += 1
        kfree_skb(m, s)
    else:
        link_tail(skbs(m), sock.backlog, s)
        sock.backlog_bytes += skb.truesize


@hook
def netif_receive_skb(m, skb):
    """A buffer (NONE: those on their way over loopback) goes up the stack, and then what it makes others send here.

    The task that a softirq interrupts lends it no PF_MEMALLOC (__do_softirq, 3.6; before, interrupts had none either).
    """
    state = tcp_state(m)
    nested, lent = state.softirq, current(m).memalloc
    state.softirq, current(m).memalloc = 1, 0
    if skb != NONE:
        _with_reserves(m, skb)
    while not nested and state.lo.head != NONE and m.broken == 0:
        s = state.lo.head
        unlink_row(skbs(m), state.lo, s)
        _with_reserves(m, s)
    state.softirq, current(m).memalloc = nested, lent
    return 0


@kernel
def _with_reserves(m, s):
    """A buffer from the reserves may use more of them on its way."""
    tagged = 1 if skbs(m)[s].marks & RESERVE else 0
    current(m).memalloc += tagged
    tcp_v4_rcv(m, s)
    current(m).memalloc -= tagged


@kernel
def tcp_tsq_write(m, sk):
    """The card has room for the socket again: send what waited for that (tcp_tsq_write)."""
    sock = socks(m)[sk]
    if sock.state != ESTABLISHED:
        return
    if sock.lost_out and sock.ca_state != OPEN:
        tcp_xmit_retransmit_queue(m, sk)
    tcp_write_xmit(m, sk, NAGLE, 0)


@hook
def sock_wfree(m, sk, truesize):
    """A buffer of that truesize has left the card (tcp_wfree)."""
    sock = socks(m)[sk]
    sock.wmem_alloc -= truesize
    if sock.sk_flags & THROTTLED:
        sock.sk_flags &= ~THROTTLED
        if sock.sk_flags & OWNED:
            sock.deferred |= TSQ_DEFERRED
        else:
            tcp_tsq_write(m, sk)
    return 0


@kernel
def write_timer(m, sk):
    """The retransmission timer has come to its time (tcp_write_timer_handler)."""
    sock = socks(m)[sk]
    what = sock.pending
    if sock.rto_at > m.now or sock.state == CLOSED or sock.state == RESET:
        return
    sock.rto_at = 0
    if what == LOSS_PROBE:
        tcp_send_loss_probe(m, sk)
    elif what == RETRANSMIT:
        tcp_retransmit_timer(m, sk)
    elif what == ZERO_PROBE:
        tcp_probe_timer(m, sk)


@kernel
def delack_timer(m, sk):
    """No data went with the acknowledgement: send it alone, and wait longer or shorter the next time."""
    sock = socks(m)[sk]
    if not sock.ack_pending & ACK_TIMER or sock.state != ESTABLISHED:
        return
    if sock.delack_at > m.now:
        arm_delack(m, sk, sock.delack_at)
        return
    sock.ack_pending &= ~ACK_TIMER
    sock.delack_at = 0
    if sock.ack_pending & ACK_SCHED:
        if sock.pingpong:
            sock.pingpong, sock.ato = 0, ATO_MIN
        else:
            sock.ato = min(sock.ato << 1, sock.rto)
        tcp_count(m).DelayedACKs += 1 if sock.here else 0
        tcp_send_ack(m, sk)


@kernel
def release_sock(m, sk):
    """The user lets the socket go: what waited for that is done now."""
    sock = socks(m)[sk]
    while sock.backlog.head != NONE and m.broken == 0:
        s = sock.backlog.head
        unlink_row(skbs(m), sock.backlog, s)
        tcp_v4_do_rcv_owned(m, sk, s)
    sock.backlog_bytes = 0
    sock.sk_flags &= ~OWNED
    what, sock.deferred = sock.deferred, 0
    if what & TSQ_DEFERRED:
        tcp_tsq_write(m, sk)
    if what & WRITE_TIMER_DEFERRED:
        write_timer(m, sk)
    if what & DELACK_DEFERRED:
        delack_timer(m, sk)
    if what & ACK_DEFERRED and sock.ack_pending & ACK_SCHED:
        tcp_send_ack(m, sk)
    if sock.lockers.first:
        wake(m, sock.lockers, 1, m.now)


@kernel
def tcp_v4_do_rcv_owned(m, sk, s):
    """A segment from the backlog, with the reserves if it came out of them (sk_backlog_rcv)."""
    tagged = 1 if skbs(m)[s].marks & RESERVE else 0
    current(m).memalloc += tagged
    tcp_v4_do_rcv(m, sk, s)
    current(m).memalloc -= tagged
