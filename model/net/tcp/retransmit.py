"""Sending again: what was lost, what may be lost at the tail, what asks a closed window to open."""

from mmrun.model.core.jit import kernel
from mmrun.model.core.record import NONE
from mmrun.model.mm.page.gfp import GFP_ATOMIC
from mmrun.model.net.skb.skb import skb_cloned
from mmrun.model.net.skb.state import ACK, LOST, RETRANSMITTED, skbs
from mmrun.model.net.tcp.congestion import tcp_enter_loss, tcp_packets_in_flight
from mmrun.model.net.tcp.fragment import tcp_fragment, tcp_set_skb_tso_segs
from mmrun.model.net.tcp.output import (
    control_skb,
    new_data_sent,
    sk_gfp_mask,
    tcp_probe0_when,
    tcp_rearm_rto,
    tcp_schedule_loss_probe,
    tcp_snd_wnd_test,
    tcp_transmit_skb,
    tcp_write_xmit,
    transmit_clone,
)
from mmrun.model.net.tcp.sock import tcp_done
from mmrun.model.net.tcp.state import (
    CLOSED,
    ETIMEDOUT,
    NO_TIMER,
    ZERO_PROBE,
    socks,
    tcp_count,
)
from mmrun.model.net.tcp.timers import arm_rto
from mmrun.model.units import MS, S

RETRIES = 15  # tcp_retries2
RTO_MAX = 120 * S
RESOURCE_PROBE = 500 * MS  # TCP_RESOURCE_PROBE_INTERVAL
LARGEST = 2 * (65536 + 960)  # room for two buffers of 64 KiB beyond the send buffer


@kernel
def still_in_host_queue(m, sk, s):
    """Whether the card has not sent the buffer yet (skb_still_in_host_queue)."""
    if socks(m)[sk].link == NONE or not socks(m)[sk].here or not skb_cloned(m, s):
        return False
    tcp_count(m).TCPSpuriousRtxHostQueues += 1
    return True


@kernel
def tcp_retransmit_skb(m, sk, s, segments):
    """Send up to `segments` segments of a buffer again: the buffer's row, or NONE if that was not possible."""
    sock, mss = socks(m)[sk], socks(m)[sk].mss
    if still_in_host_queue(m, sk, s):
        return NONE
    if skbs(m)[s].bytes > segments * mss:
        if sock.wmem_queued >> 1 > sock.sndbuf + LARGEST:
            tcp_count(m).TCPWqueueTooBig += 1
            return NONE
        s = tcp_fragment(m, sk, s, segments * mss, mss, sk_gfp_mask(m, sk, GFP_ATOMIC))
        if s == NONE:
            return NONE
    skb = skbs(m)[s]
    if transmit_clone(m, sk, s):
        return NONE
    if sock.here:
        tcp_count(m).RetransSegs += skb.segs
        sock.retransmitted += skb.bytes
    if not skb.marks & RETRANSMITTED:
        skb.marks |= RETRANSMITTED
        sock.retrans_out += skb.segs
    return s


@kernel
def tcp_xmit_retransmit_queue(m, sk):
    """Send lost segments again, as far as the congestion window goes."""
    sock = socks(m)[sk]
    s = sock.write_queue.head
    while s != sock.send_head and sock.lost_out > 0 and m.broken == 0:
        quota = sock.snd_cwnd - tcp_packets_in_flight(m, sk)
        if quota <= 0:
            break
        if skbs(m)[s].marks & LOST and not skbs(m)[s].marks & RETRANSMITTED:
            s = tcp_retransmit_skb(m, sk, s, quota)
            if s == NONE:
                break
            if s == sock.write_queue.head:
                sock.pending = NO_TIMER
                tcp_rearm_rto(m, sk)
        s = skbs(m)[s].next


@kernel
def mark_head_lost(m, sk):
    """The first segment under way is taken as lost (tcp_mark_head_lost without SACK)."""
    sock = socks(m)[sk]
    s, mss = sock.write_queue.head, sock.mss
    if s == sock.send_head or skbs(m)[s].marks & LOST:
        return
    if skbs(m)[s].bytes > mss:
        s = tcp_fragment(m, sk, s, mss, mss, sk_gfp_mask(m, sk, GFP_ATOMIC))
        if s == NONE:
            return
    skbs(m)[s].marks |= LOST
    sock.lost_out += skbs(m)[s].segs


@kernel
def tcp_send_loss_probe(m, sk):
    """Two round trips have passed: something new, or the last segment again, makes the receiver answer."""
    sock, mss = socks(m)[sk], socks(m)[sk].mss
    if sock.tlp_high_seq == 0:
        before, sent = sock.packets_out, False
        if sock.send_head != NONE and tcp_snd_wnd_test(m, sk, sock.send_head, mss):
            tcp_write_xmit(m, sk, 2, 2)
            sent = sock.packets_out > before
        else:
            sent = _probe_tail(m, sk, mss)
        if sent:
            sock.tlp_high_seq = sock.snd_nxt
            if sock.here:
                tcp_count(m).TCPLossProbes += 1
            sock.pending = NO_TIMER
    tcp_rearm_rto(m, sk)


@kernel
def _probe_tail(m, sk, mss):
    """Send the last segment under way again."""
    sock = socks(m)[sk]
    s = sock.write_queue.tail if sock.send_head == NONE else skbs(m)[sock.send_head].prev
    if s == NONE or still_in_host_queue(m, sk, s):
        return False
    if skbs(m)[s].bytes > mss:
        length = (skbs(m)[s].segs - 1) * mss
        first = tcp_fragment(m, sk, s, length, mss, sk_gfp_mask(m, sk, GFP_ATOMIC))
        if first == NONE:
            return False
        s = skbs(m)[first].next
    return tcp_retransmit_skb(m, sk, s, 1) != NONE


@kernel
def tcp_write_err(m, sk):
    """The other end does not answer: the connection is given up."""
    if socks(m)[sk].here:
        tcp_count(m).TCPAbortOnTimeout += 1
    tcp_done(m, sk, CLOSED, ETIMEDOUT)


@kernel
def tcp_retransmit_timer(m, sk):
    """Nothing was acknowledged for so long that all of it is sent again, and waited for twice as long."""
    sock = socks(m)[sk]
    if sock.packets_out == 0 or sock.write_queue.head == NONE:
        sock.pending = NO_TIMER
        return
    if sock.retransmits >= RETRIES:
        tcp_write_err(m, sk)
        return
    if sock.here:
        tcp_count(m).TCPTimeouts += 1
    tcp_enter_loss(m, sk)
    sock.retransmits += 1
    tcp_set_skb_tso_segs(m, sock.write_queue.head, sock.mss)
    recount(m, sk)
    if tcp_retransmit_skb(m, sk, sock.write_queue.head, 1) == NONE:
        arm_rto(m, sk, 1, m.now + min(sock.rto, RESOURCE_PROBE))
        return
    sock.rto = min(sock.rto << 1, RTO_MAX)
    arm_rto(m, sk, 1, m.now + sock.rto)


@kernel
def recount(m, sk):
    """Count segments under way and lost anew."""
    sock = socks(m)[sk]
    sock.packets_out = sock.lost_out = 0
    s = sock.write_queue.head
    while s != sock.send_head:
        sock.packets_out += skbs(m)[s].segs
        sock.lost_out += skbs(m)[s].segs if skbs(m)[s].marks & LOST else 0
        s = skbs(m)[s].next


@kernel
def tcp_write_wakeup(m, sk):
    """Send what the window holds of the first unsent buffer, else a segment without data that must be answered."""
    sock = socks(m)[sk]
    s, mss = sock.send_head, sock.mss
    end = sock.snd_una + sock.snd_wnd
    if s != NONE and skbs(m)[s].seq < end:
        size = min(end - skbs(m)[s].seq, mss)
        sock.pushed_seq = max(sock.pushed_seq, skbs(m)[s].end_seq)
        if size < skbs(m)[s].bytes:
            s = tcp_fragment(m, sk, s, size, mss, sk_gfp_mask(m, sk, GFP_ATOMIC))
            if s == NONE:
                return -1
        tcp_set_skb_tso_segs(m, s, mss)
        if transmit_clone(m, sk, s):
            return 1
        new_data_sent(m, sk, s)
        return 0
    probe = control_skb(m, sk, ACK, sock.snd_una - 1)
    if probe == NONE:
        return -1
    return 1 if tcp_transmit_skb(m, sk, probe) else 0


@kernel
def tcp_probe_timer(m, sk):
    """The window has been closed for long: ask, twice as late each time, until nobody answers any more."""
    sock = socks(m)[sk]
    if sock.packets_out or sock.send_head == NONE:
        sock.probes, sock.pending = 0, NO_TIMER
        return
    if sock.probes > RETRIES:
        tcp_write_err(m, sk)
        return
    sock.pending = NO_TIMER
    failed = tcp_write_wakeup(m, sk)
    if sock.packets_out or sock.send_head == NONE:
        sock.probes = sock.backoff = 0
        return
    sock.probes += 1
    after = RESOURCE_PROBE
    if failed <= 0:
        if sock.backoff < RETRIES:
            sock.backoff += 1
        after = tcp_probe0_when(m, sk)
    arm_rto(m, sk, ZERO_PROBE, m.now + after)


@kernel
def set_xmit_timer(m, sk):
    """Something was acknowledged: the timer begins anew."""
    if not tcp_schedule_loss_probe(m, sk):
        socks(m)[sk].pending = NO_TIMER
        tcp_rearm_rto(m, sk)
