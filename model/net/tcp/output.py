"""Sending what is queued: Nagle, windows, small queues, segments and acknowledgements (net/ipv4/tcp_output.c)."""

from mmrun.model.core.jit import caller, kernel
from mmrun.model.core.links import link_tail
from mmrun.model.core.record import NONE
from mmrun.model.mm.page.gfp import GFP_ATOMIC, MEMALLOC, NOWARN
from mmrun.model.net.link.state import IN
from mmrun.model.net.link.wire import transmit
from mmrun.model.net.nic.dev import dev_queue_xmit
from mmrun.model.net.skb.skb import alloc_skb, kfree_skb, skb_clone
from mmrun.model.net.skb.state import ACK, FAR, FIN, RST, SYN, skbs
from mmrun.model.net.tcp.congestion import RTO_MIN, pacing_rate, tcp_packets_in_flight
from mmrun.model.net.tcp.fragment import tcp_fragment, tcp_grow_skb, tcp_set_skb_tso_segs
from mmrun.model.net.tcp.state import (
    ACK_SCHED,
    ACK_TIMER,
    ENOMEM,
    ESTABLISHED,
    LOSS_PROBE,
    NO_TIMER,
    NODELAY,
    OPEN,
    RETRANSMIT,
    SYN_SENT,
    THROTTLED,
    ZERO_PROBE,
    socks,
    tcp_count,
    tcp_settings,
    tcp_state,
)
from mmrun.model.net.tcp.state import (
    MEMALLOC as SOCK_MEMALLOC,
)
from mmrun.model.net.tcp.timers import arm_delack, arm_rto
from mmrun.model.net.tcp.window import tcp_select_window
from mmrun.model.units import MS

netif_receive_skb = caller("netif_receive_skb")

NAGLE, CORK, PUSH_NOW = 0, 1, 2  # how a tail smaller than a segment is dealt with; TCP_NAGLE_*
GSO_MAX, MAX_SEGS = 65536, 65535
ATO_MIN = 40 * MS


@kernel
def sk_gfp_mask(m, sk, gfp):
    """Flags of an allocation for the socket, which may be one that uses reserves."""
    return gfp | MEMALLOC if socks(m)[sk].sk_flags & SOCK_MEMALLOC else gfp


@kernel
def tcp_bound_to_half_wnd(m, sk, size):
    """At most half of the largest window that the receiver has offered."""
    largest = socks(m)[sk].max_window
    half = largest >> 1 if largest > 536 else largest
    return max(half, 68 - 32) if half and size > half else size


@kernel
def tcp_sync_mss(m, sk):
    """The segment size, as the largest window has grown."""
    sock = socks(m)[sk]
    sock.mss = tcp_bound_to_half_wnd(m, sk, sock.mss_clamp)


@kernel
def tcp_size_goal(m, sk):
    """Bytes that a buffer of the send queue may grow to: whole segments (tcp_xmit_size_goal)."""
    sock, most = socks(m)[sk], GSO_MAX - tcp_settings(m).max_tcp_header - 1
    if tcp_settings(m).tcp_tso_half and tcp_settings(m).tcp_limit_output_bytes:
        most = min(most, tcp_settings(m).tcp_limit_output_bytes >> 1)
    return max(tcp_bound_to_half_wnd(m, sk, most) // sock.mss * sock.mss, sock.mss)


@kernel
def _ack_sent(m, sk):
    """What is sent acknowledges everything received (tcp_event_ack_sent)."""
    sock = socks(m)[sk]
    if sock.quick and sock.ack_pending & ACK_SCHED:
        sock.quick -= 1
        if sock.quick == 0:
            sock.ato = ATO_MIN
    sock.ack_pending, sock.delack_at = 0, 0


@kernel
def loopback_xmit(m, s):
    """Buffer `s` goes up the stack, at once unless the CPU is in the middle of another one's way."""
    state = tcp_state(m)
    link_tail(skbs(m), state.lo, s)
    if not state.softirq:
        netif_receive_skb(m, NONE)


@kernel
def _far_xmit(m, sk, s):
    """A buffer of a far end's goes on the wire, segment by segment; its card and machine take no time."""
    sock, skb = socks(m)[sk], skbs(m)[s]
    flags, at, left, seq = skb.marks >> 2 & 15, m.now, skb.bytes, skb.seq
    while True:
        size = min(left, sock.mss)
        last = size == left
        transmit(
            m, sock.link, IN, sock.peer, size, flags if last else flags & ~2, seq, skb.ack, skb.window, skb.stamp,
            skb.echo, at,
        )  # fmt: skip
        left -= size
        seq += size
        if last:
            break
    kfree_skb(m, s)


@kernel
def tcp_transmit_skb(m, sk, s):
    """Send buffer `s`, which is the network's from now on: 0, or an error."""
    sock, skb, keeps = socks(m)[sk], skbs(m)[s], tcp_settings(m)
    skb.stamp = m.now
    skb.ack, skb.window, skb.echo = sock.rcv_nxt, tcp_select_window(m, sk), sock.echo
    if not skb.marks & SYN or sock.state == ESTABLISHED:
        skb.marks |= ACK
        _ack_sent(m, sk)
    skb.sock = sock.peer
    tcp_count(m).OutSegs += skb.segs if sock.here else 0
    if sock.here:
        m.now += keeps.tcp_xmit_skb if skb.bytes else keeps.tcp_ack_skb
    if sock.link == NONE:
        loopback_xmit(m, s)
        return 0
    if sock.here:
        return dev_queue_xmit(m, sk, s)
    _far_xmit(m, sk, s)
    return 0


@kernel
def transmit_clone(m, sk, s):
    """Send a copy of a buffer of the send queue: 0, or an error."""
    c = skb_clone(m, s, sk_gfp_mask(m, sk, GFP_ATOMIC))
    if c == NONE:
        return -ENOMEM
    skbs(m)[s].stamp = m.now
    return tcp_transmit_skb(m, sk, c)


@kernel
def control_skb(m, sk, marks, seq):
    """A buffer without payload for an acknowledgement, a SYN or a reset; NONE without memory."""
    if socks(m)[sk].here:
        s = alloc_skb(m, tcp_settings(m).max_tcp_header, sk_gfp_mask(m, sk, GFP_ATOMIC | NOWARN), 0)
    else:
        s = alloc_skb(m, tcp_settings(m).max_tcp_header, 0, FAR)
    if s != NONE:
        skb = skbs(m)[s]
        skb.marks |= marks
        skb.seq = skb.end_seq = seq
    return s


@kernel
def tcp_send_ack(m, sk):
    """Acknowledge what has been received; without memory for that, later."""
    sock = socks(m)[sk]
    if sock.state != ESTABLISHED and sock.state != SYN_SENT:
        return
    s = control_skb(m, sk, ACK, sock.snd_nxt)
    if s == NONE:
        sock.ack_pending |= ACK_SCHED | ACK_TIMER
        sock.ato = ATO_MIN
        arm_delack(m, sk, m.now + 5 * ATO_MIN)
        return
    tcp_transmit_skb(m, sk, s)


@kernel
def tcp_nagle_check(m, sk, partial, nonagle):
    """Whether a tail that is smaller than a segment has to wait for another one to be acknowledged."""
    sock = socks(m)[sk]
    if not partial or sock.sk_flags & NODELAY:
        return partial != 0 and nonagle == CORK
    return nonagle == CORK or (nonagle == NAGLE and sock.packets_out > 0 and sock.snd_sml > sock.snd_una)


@kernel
def tcp_snd_wnd_test(m, sk, s, mss):
    """Whether the receiver's window holds the first segment of a buffer."""
    sock, skb = socks(m)[sk], skbs(m)[s]
    end = skb.seq + mss if skb.bytes > mss else skb.end_seq
    return end <= sock.snd_una + sock.snd_wnd


@kernel
def tcp_small_queue_check(m, sk, s, factor):
    """Whether enough of the socket's waits in the card's queue already (TCP Small Queues)."""
    sock, keeps = socks(m)[sk], tcp_settings(m)
    if not keeps.tcp_tsq or sock.link == NONE or not sock.here:
        return False
    limit = keeps.tcp_limit_output_bytes
    if keeps.tcp_skb_tso_paced:
        limit = min(max(2 * skbs(m)[s].truesize, pacing_rate(m, sk) >> 10), limit) << factor
        head = sock.write_queue.head
        if head == sock.send_head or skbs(m)[head].next == sock.send_head:
            return False
    if sock.wmem_alloc < limit:
        return False
    sock.sk_flags |= THROTTLED
    return True


@kernel
def tcp_tso_segs(m, sk, mss):
    """Segments that may leave in one buffer: about a millisecond of the connection's rate, at least two."""
    if not tcp_settings(m).tcp_skb_tso_paced:
        return MAX_SEGS
    size, r = pacing_rate(m, sk) >> 10, socks(m)[sk].srtt >> 19
    if r < 32:
        size += GSO_MAX >> r
    return max(min(size, GSO_MAX) // mss, 2)


@kernel
def _tso_should_defer(m, sk, s, quota, most):
    """Whether a part of a buffer had better wait for more window to come (tcp_tso_should_defer)."""
    sock, skb = socks(m)[sk], skbs(m)[s]
    if sock.ca_state != OPEN:
        return False
    window = sock.snd_una + sock.snd_wnd - skb.seq
    limit = min(window, quota * sock.mss)
    if limit >= most * sock.mss or (skb.next != NONE and limit >= skb.bytes):
        return False
    if skb.next == NONE and limit >= skb.bytes and limit == window:
        return False
    return limit < min(sock.snd_wnd, sock.snd_cwnd * sock.mss) // 3


@kernel
def _split_point(m, sk, s, mss, segments, nonagle):
    """How much of a buffer is sent now: what the window holds, a part of a segment only if Nagle lets it."""
    sock, skb = socks(m)[sk], skbs(m)[s]
    window, most = sock.snd_una + sock.snd_wnd - skb.seq, mss * segments
    if most <= window and skb.next != NONE:
        return most
    needed = min(skb.bytes, window)
    if most <= needed:
        return most
    part = needed % mss
    return needed - part if tcp_nagle_check(m, sk, part != 0, nonagle) else needed


@kernel
def new_data_sent(m, sk, s):
    """Buffer `s`, the first of those unsent, is under way (tcp_event_new_data_sent)."""
    sock, skb = socks(m)[sk], skbs(m)[s]
    before = sock.packets_out
    sock.send_head, sock.snd_nxt = skb.next, skb.end_seq
    sock.packets_out += skb.segs
    sock.max_packets_out = max(sock.max_packets_out, sock.packets_out)
    sock.sent_at = m.now
    if sock.lrcvtime and m.now - sock.lrcvtime < sock.ato:
        sock.pingpong = 1
    if before == 0 or sock.pending == LOSS_PROBE:
        tcp_rearm_rto(m, sk)


@kernel
def tcp_write_xmit(m, sk, nonagle, push_one):
    """Send what windows allow; `push_one`: 1 one buffer, 2 a probe that the congestion window does not hold up.

    Whether something is to be sent and nothing is under way: then a probe has to find the window.
    """
    sock, mss, sent = socks(m)[sk], socks(m)[sk].mss, 0
    most = tcp_tso_segs(m, sk, mss)
    while sock.send_head != NONE and m.broken == 0:
        s = sock.send_head
        quota = sock.snd_cwnd - tcp_packets_in_flight(m, sk)
        if quota <= 0:
            if push_one != 2:
                break
            quota = 1
        quota = min(quota, most)
        if tcp_settings(m).tcp_grows_skb and quota * mss > skbs(m)[s].bytes:
            tcp_grow_skb(m, sk, s, quota * mss - skbs(m)[s].bytes)
        segments = tcp_set_skb_tso_segs(m, s, mss)
        if not tcp_snd_wnd_test(m, sk, s, mss):
            break
        limit = mss
        tail = nonagle if skbs(m)[s].next == NONE else PUSH_NOW
        if segments == 1:
            if not skbs(m)[s].marks & FIN and tcp_nagle_check(m, sk, skbs(m)[s].bytes < mss, tail):
                break
        else:
            if not push_one and _tso_should_defer(m, sk, s, quota, most):
                break
            limit = _split_point(m, sk, s, mss, quota, nonagle)
        if skbs(m)[s].bytes > limit:
            s = tcp_fragment(m, sk, s, limit, mss, sk_gfp_mask(m, sk, GFP_ATOMIC))
            if s == NONE:
                break
        if tcp_small_queue_check(m, sk, s, 0):
            break
        if skbs(m)[s].bytes == 0 and not skbs(m)[s].marks & FIN:
            break  # somebody sleeps in sendmsg before he has filled it
        if transmit_clone(m, sk, s):
            break
        new_data_sent(m, sk, s)
        if skbs(m)[s].bytes < skbs(m)[s].segs * mss:
            sock.snd_sml = skbs(m)[s].end_seq
        sent += 1
        if push_one:
            break
    if sent:
        if push_one != 2:
            tcp_schedule_loss_probe(m, sk)
        return False
    return sock.packets_out == 0 and sock.send_head != NONE


@kernel
def tcp_rearm_rto(m, sk):
    """The timeout runs from now, or from when the first buffer was sent if a probe was to come before."""
    sock = socks(m)[sk]
    if sock.packets_out == 0:
        if sock.pending != ZERO_PROBE:
            sock.pending, sock.rto_at = NO_TIMER, 0
        return
    at = m.now + sock.rto
    if sock.pending == LOSS_PROBE and sock.write_queue.head != NONE:
        at = max(skbs(m)[sock.write_queue.head].stamp + sock.rto, m.now + MS)
    arm_rto(m, sk, RETRANSMIT, at)


@kernel
def tcp_schedule_loss_probe(m, sk):
    """A probe is to come after two round trips, before the timeout; later if it may be that the last ACK is delayed."""
    sock = socks(m)[sk]
    if not tcp_settings(m).tcp_loss_probe or sock.packets_out == 0 or sock.ca_state != OPEN:
        return False
    at = m.now + 2 * sock.srtt + (RTO_MIN if sock.packets_out == 1 else 2 * MS)
    if sock.srtt == 0:
        at = m.now + 5 * RTO_MIN
    head = sock.write_queue.head
    arm_rto(m, sk, LOSS_PROBE, max(min(at, skbs(m)[head].stamp + sock.rto), m.now))
    return True


@kernel
def tcp_probe0_when(m, sk):
    """How long a closed window is waited for before it is asked for."""
    sock = socks(m)[sk]
    return min(max(sock.rto, RTO_MIN) << sock.backoff, 120_000 * MS)


@kernel
def push_pending(m, sk, nonagle):
    """Send what can be sent; if nothing can and nothing is under way, ask for the window later."""
    sock = socks(m)[sk]
    if sock.send_head == NONE or sock.state != ESTABLISHED:
        return
    if tcp_write_xmit(m, sk, nonagle, 0) and sock.pending == NO_TIMER:
        arm_rto(m, sk, ZERO_PROBE, m.now + tcp_probe0_when(m, sk))


@kernel
def send_reset(m, sk):
    """Tell the other end that there is no connection."""
    s = control_skb(m, sk, RST | ACK, socks(m)[sk].snd_nxt)
    if s != NONE:
        tcp_transmit_skb(m, sk, s)
