"""How much may be under way: round trips, slow start, Reno, without selective acknowledgements (RFC 5681, 6582)."""

from mmrun.model.core.jit import kernel
from mmrun.model.net.skb.state import LOST, RETRANSMITTED, skbs
from mmrun.model.net.tcp.state import LOSS, OPEN, RECOVERY, socks, tcp_settings
from mmrun.model.units import MS, S

RTO_MIN, RTO_MAX = 200 * MS, 120 * S
ENDLESS = 1 << 30  # the slow-start threshold while nothing was lost
LEAST_RTT = 1000  # ns: what the clock tells apart


@kernel
def tcp_packets_in_flight(m, sk):
    """Segments that are thought to be under way."""
    s = socks(m)[sk]
    return s.packets_out - s.sacked_out - s.lost_out + s.retrans_out


@kernel
def tcp_rtt_estimator(m, sk, rtt):
    """A round trip of `rtt` ns was seen: smoothed values and the timeout, never less than 200 ms more than that."""
    s = socks(m)[sk]
    rtt = max(rtt, LEAST_RTT)
    if s.srtt == 0:
        s.srtt, s.rttvar = rtt, rtt >> 1
    else:
        off = rtt - s.srtt
        s.srtt += off >> 3
        s.rttvar += (abs(off) - s.rttvar) >> 2
    s.rto = min(s.srtt + max(4 * s.rttvar, RTO_MIN), RTO_MAX)
    s.backoff = 0


@kernel
def pacing_rate(m, sk):
    """Bytes a second that the connection would be paced at: 200 % of its rate in slow start, 120 % then."""
    s = socks(m)[sk]
    if s.srtt == 0:
        return 1 << 40
    part = 200 if s.snd_cwnd < s.snd_ssthresh >> 1 else 120
    return s.mss * max(s.snd_cwnd, s.packets_out) * part // 100 * S // s.srtt


@kernel
def tcp_reno_cong_avoid(m, sk, acked, was_limited):
    """`acked` segments have arrived: the window grows, if it was what limited the sender."""
    s = socks(m)[sk]
    if s.snd_cwnd < s.snd_ssthresh:
        if s.snd_cwnd >= 2 * s.max_packets_out:
            return
        grown = min(s.snd_cwnd + acked, s.snd_ssthresh)
        acked -= grown - s.snd_cwnd
        s.snd_cwnd = grown
        if acked == 0:
            return
    elif not was_limited:
        return
    s.snd_cwnd_cnt += acked
    if s.snd_cwnd_cnt >= s.snd_cwnd:
        s.snd_cwnd_cnt -= s.snd_cwnd
        s.snd_cwnd += 1


@kernel
def enter_recovery(m, sk):
    """Three duplicate acknowledgements: half the window, and the first segment is taken as lost."""
    s = socks(m)[sk]
    s.snd_ssthresh = max(tcp_packets_in_flight(m, sk) >> 1, 2)
    s.snd_cwnd, s.snd_cwnd_cnt, s.ca_state, s.recover = s.snd_ssthresh, 0, RECOVERY, s.snd_nxt


@kernel
def tcp_enter_loss(m, sk):
    """The timeout has come: everything under way is taken as lost, the window begins anew."""
    s = socks(m)[sk]
    if s.ca_state != LOSS or s.retransmits == 0:
        s.snd_ssthresh = max(tcp_packets_in_flight(m, sk) >> 1, 2)
    s.snd_cwnd, s.snd_cwnd_cnt, s.ca_state, s.recover = 1, 0, LOSS, s.snd_nxt
    s.dupacks = s.sacked_out = s.retrans_out = s.lost_out = s.tlp_high_seq = 0
    at = s.write_queue.head
    while at != s.send_head:
        skbs(m)[at].marks = skbs(m)[at].marks & ~RETRANSMITTED | LOST
        s.lost_out += skbs(m)[at].segs
        at = skbs(m)[at].next


@kernel
def leave_recovery(m, sk):
    """Everything that was under way when something was lost has arrived."""
    s = socks(m)[sk]
    s.ca_state, s.dupacks, s.sacked_out = OPEN, 0, 0
    s.snd_cwnd = max(min(s.snd_cwnd, s.snd_ssthresh), 2)


@kernel
def init_congestion(m, sk):
    """What a connection begins with."""
    s = socks(m)[sk]
    s.snd_cwnd, s.snd_ssthresh, s.snd_cwnd_cnt = tcp_settings(m).tcp_init_cwnd, ENDLESS, 0
    s.srtt = s.rttvar = s.max_packets_out = s.dupacks = s.sacked_out = s.lost_out = s.retrans_out = 0
    s.ca_state, s.rto = OPEN, (1 if tcp_settings(m).tcp_low_rto else 3) * S
