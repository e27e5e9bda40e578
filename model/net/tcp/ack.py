"""What an acknowledgement does at the sender: room, round trips, losses (net/ipv4/tcp_input.c: tcp_ack)."""

from mmrun.model.core.jit import kernel
from mmrun.model.core.record import NONE
from mmrun.model.net.skb.state import LOST, RETRANSMITTED, skbs
from mmrun.model.net.tcp.congestion import (
    enter_recovery,
    leave_recovery,
    tcp_reno_cong_avoid,
    tcp_rtt_estimator,
)
from mmrun.model.net.tcp.fragment import tcp_set_skb_tso_segs, tcp_trim_head
from mmrun.model.net.tcp.output import NAGLE, push_pending, tcp_probe0_when, tcp_sync_mss
from mmrun.model.net.tcp.retransmit import mark_head_lost, set_xmit_timer, tcp_xmit_retransmit_queue
from mmrun.model.net.tcp.sock import free_queued, sk_stream_write_space
from mmrun.model.net.tcp.state import (
    NO_TIMER,
    NOSPACE,
    OPEN,
    RECOVERY,
    ZERO_PROBE,
    socks,
    tcp_count,
)
from mmrun.model.net.tcp.timers import arm_rto
from mmrun.model.net.tcp.window import tcp_should_expand_sndbuf, tcp_sndbuf_expand

DUPACKS = 3  # tcp_reordering


@kernel
def _update_window(m, sk, ack, seq, window):
    """Take the window that a segment tells, if none is newer (tcp_ack_update_window)."""
    sock = socks(m)[sk]
    changed = False
    if ack > sock.snd_una or seq > sock.snd_wl1 or (seq == sock.snd_wl1 and (window > sock.snd_wnd or window == 0)):
        sock.snd_wl1 = seq
        if sock.snd_wnd != window:
            sock.snd_wnd, changed = window, True
            if window > sock.max_window:
                sock.max_window = window
                tcp_sync_mss(m, sk)
    return changed


@kernel
def _forget_marks(m, sk, s, segments):
    """So many segments of a buffer are no longer under way."""
    sock, skb = socks(m)[sk], skbs(m)[s]
    sock.packets_out -= segments
    if skb.marks & LOST:
        sock.lost_out -= segments
    if skb.marks & RETRANSMITTED:
        sock.retrans_out -= segments


@kernel
def tcp_clean_rtx_queue(m, sk, ack):
    """Free what is acknowledged, of a buffer what it can (tcp_tso_acked); how many segments that was."""
    sock, acked, sampled = socks(m)[sk], 0, NONE
    mss = sock.mss
    while sock.write_queue.head != sock.send_head:
        s = sock.write_queue.head
        skb = skbs(m)[s]
        if skb.seq >= ack:
            break
        if not skb.marks & RETRANSMITTED:
            sampled = m.now - skb.stamp
        if skb.end_seq <= ack:
            acked += skb.segs
            _forget_marks(m, sk, s, skb.segs)
            free_queued(m, sk, s)
            continue
        left = -(-(skb.end_seq - ack) // mss)
        if left < skb.segs:
            acked += skb.segs - left
            _forget_marks(m, sk, s, skb.segs - left)
            skb.segs = left
        tcp_trim_head(m, sk, s, ack - skb.seq)
        break
    sock.snd_una = ack
    if sampled != NONE:
        tcp_rtt_estimator(m, sk, sampled)
    if sock.send_head != NONE and sock.packets_out == 0:
        tcp_set_skb_tso_segs(m, sock.send_head, mss)
    return acked


@kernel
def _duplicate(m, sk):
    """An acknowledgement says nothing new: something behind a gap has arrived."""
    sock = socks(m)[sk]
    sock.dupacks += 1
    if sock.sacked_out < sock.packets_out - 1:
        sock.sacked_out += 1
    if sock.ca_state == OPEN and sock.dupacks >= DUPACKS:
        enter_recovery(m, sk)
        mark_head_lost(m, sk)
        if sock.here:
            tcp_count(m).TCPFastRetrans += 1


@kernel
def _partial(m, sk, ack, acked):
    """Something was acknowledged while segments are sent again."""
    sock = socks(m)[sk]
    sock.sacked_out = max(sock.sacked_out - max(acked - 1, 0), 0)
    if ack >= sock.recover:
        leave_recovery(m, sk)
    elif sock.ca_state == RECOVERY:
        mark_head_lost(m, sk)


@kernel
def _ack_probe(m, sk):
    """Nothing is under way: if the window holds nothing, it is asked for later (tcp_ack_probe)."""
    sock = socks(m)[sk]
    if sock.send_head == NONE:
        return
    if skbs(m)[sock.send_head].end_seq <= sock.snd_una + sock.snd_wnd:
        sock.backoff = 0
        if sock.pending == ZERO_PROBE:
            sock.pending, sock.rto_at = NO_TIMER, 0
    else:
        arm_rto(m, sk, ZERO_PROBE, m.now + tcp_probe0_when(m, sk))


@kernel
def tcp_ack(m, sk, ack, seq, window, length):
    """An acknowledgement up to `ack` has come with a segment at `seq` of `length` bytes, and tells a window."""
    sock = socks(m)[sk]
    if ack < sock.snd_una or ack > sock.snd_nxt:
        return
    before, limited = sock.packets_out, sock.packets_out >= sock.snd_cwnd
    old = sock.snd_una
    changed = _update_window(m, sk, ack, seq, window)
    sock.probes = 0
    if sock.tlp_high_seq and ack >= sock.tlp_high_seq:
        sock.tlp_high_seq = 0
    if before == 0:
        sock.snd_una = ack
        _ack_probe(m, sk)
        return
    if ack > old:
        sock.retransmits = 0
        if sock.here:
            tcp_count(m).tcp_bytes_acked += ack - old
        acked = tcp_clean_rtx_queue(m, sk, ack)
        sock.dupacks = 0
        if sock.ca_state != OPEN:
            _partial(m, sk, ack, acked)
        else:
            sock.sacked_out = 0
        if sock.ca_state != RECOVERY:
            tcp_reno_cong_avoid(m, sk, acked, limited)
        sock.max_packets_out = max(sock.packets_out, before)
        set_xmit_timer(m, sk)
    elif length == 0 and not changed:
        _duplicate(m, sk)
    if sock.ca_state != OPEN and sock.lost_out:
        tcp_xmit_retransmit_queue(m, sk)


@kernel
def tcp_data_snd_check(m, sk):
    """Send what can be sent now, and tell those who wait for room."""
    sock = socks(m)[sk]
    push_pending(m, sk, NAGLE)
    if sock.sk_flags & NOSPACE:
        if tcp_should_expand_sndbuf(m, sk):
            tcp_sndbuf_expand(m, sk)
        sk_stream_write_space(m, sk)
