"""What a segment does at the receiver: queues, acknowledgements at once or later (net/ipv4/tcp_input.c)."""

from mmrun.model.core.jit import kernel
from mmrun.model.core.links import link_tail, unlink_row
from mmrun.model.core.record import NONE
from mmrun.model.net.skb.frags import nr_frags, skb_try_coalesce
from mmrun.model.net.skb.skb import kfree_skb
from mmrun.model.net.skb.state import FIN, skb_settings, skbs
from mmrun.model.net.tcp.output import ATO_MIN, tcp_send_ack
from mmrun.model.net.tcp.prune import put_before, tcp_try_rmem_schedule
from mmrun.model.net.tcp.sock import drop_received, sk_wakes_all, skb_set_owner_r, sock_data_ready
from mmrun.model.net.tcp.state import (
    ACK_NOMEM,
    ACK_NOW,
    ACK_PUSHED,
    ACK_PUSHED2,
    ACK_SCHED,
    ACK_TIMER,
    RCV_SHUTDOWN,
    socks,
    tcp_count,
    tcp_settings,
)
from mmrun.model.net.tcp.timers import arm_delack
from mmrun.model.net.tcp.window import (
    __tcp_select_window,
    set_scaling_ratio,
    tcp_grow_window,
    tcp_receive_window,
)
from mmrun.model.net.tcp_mem.sock import sk_forced_mem_schedule, sk_mem_charge
from mmrun.model.units import MS

MAX_QUICKACKS = 16
DELACK_MIN, DELACK_MAX = 40 * MS, 200 * MS
MSS_DEFAULT, HEADER = 536, 32  # bytes: TCP_MSS_DEFAULT; of TCP with timestamps
LEAST_TO_GROW = 128  # bytes of a segment that lets the window grow


@kernel
def tcp_incr_quickack(m, sk, most):
    """The next segments are acknowledged each, up to half a window of them."""
    sock = socks(m)[sk]
    quick = sock.rcv_wnd // (2 * sock.rcv_mss) or 2
    sock.quick = max(sock.quick, min(quick, most))


@kernel
def tcp_enter_quickack_mode(m, sk):
    """Something went wrong at the sender: it hears of every segment at once."""
    sock = socks(m)[sk]
    tcp_incr_quickack(m, sk, MAX_QUICKACKS)
    sock.pingpong, sock.ato = 0, ATO_MIN


@kernel
def tcp_measure_rcv_mss(m, sk, nbytes, truesize, segs):
    """Estimate the sender's segments, and what a byte of them costs (6.6)."""
    sock = socks(m)[sk]
    length = nbytes if segs <= 1 else min(-(-nbytes // segs), sock.advmss)
    last, sock.last_seg_size = sock.last_seg_size, 0
    if length >= sock.rcv_mss:
        if length != sock.rcv_mss and tcp_settings(m).tcp_scaling_ratio:
            set_scaling_ratio(m, sk, nbytes, truesize)
        sock.rcv_mss = min(length, sock.advmss)
        sock.ack_pending |= ACK_PUSHED
        return
    if length + HEADER >= MSS_DEFAULT + 20:
        sock.last_seg_size = length
        if length == last:
            sock.rcv_mss = length
            return
    if sock.ack_pending & ACK_PUSHED:
        sock.ack_pending |= ACK_PUSHED2
    sock.ack_pending |= ACK_PUSHED


@kernel
def _measure_rtt(m, sk):
    """A window's worth of data takes a round trip: the receiver's own estimate (tcp_rcv_rtt_measure)."""
    sock = socks(m)[sk]
    if sock.rcv_rtt_time and sock.rcv_nxt < sock.rcv_rtt_seq:
        return
    if sock.rcv_rtt_time:
        rtt = max(m.now - sock.rcv_rtt_time, 1000)
        sock.rcv_rtt = min(sock.rcv_rtt, rtt) if sock.rcv_rtt else rtt
    sock.rcv_rtt_seq, sock.rcv_rtt_time = sock.rcv_nxt + sock.rcv_wnd, max(m.now, 1)


@kernel
def tcp_event_data_recv(m, sk, nbytes, truesize, segs, paged):
    """Data has come: an acknowledgement is owed; how late it may be follows from how the data come."""
    sock, after = socks(m)[sk], m.now - socks(m)[sk].lrcvtime
    sock.ack_pending |= ACK_SCHED
    tcp_measure_rcv_mss(m, sk, nbytes, truesize, segs)
    _measure_rtt(m, sk)
    if sock.ato == 0:
        tcp_incr_quickack(m, sk, MAX_QUICKACKS)
        sock.ato = ATO_MIN
    elif after <= ATO_MIN >> 1:
        sock.ato = (sock.ato >> 1) + (ATO_MIN >> 1)
    elif after < sock.ato:
        sock.ato = min((sock.ato >> 1) + after, sock.rto)
    elif after > sock.rto:
        tcp_incr_quickack(m, sk, MAX_QUICKACKS)
    sock.lrcvtime = max(m.now, 1)
    if nbytes >= LEAST_TO_GROW:
        tcp_grow_window(m, sk, nbytes, truesize, paged)


@kernel
def tcp_send_delayed_ack(m, sk):
    """The acknowledgement may wait for another segment, or for data to go with."""
    sock = socks(m)[sk]
    ato = sock.ato
    if ato > DELACK_MIN:
        most = DELACK_MAX
        if sock.srtt:
            most = min(max(sock.srtt, DELACK_MIN), most)
        ato = min(ato, most)
    at = m.now + ato
    if sock.ack_pending & ACK_TIMER and sock.delack_at:
        if sock.delack_at <= m.now + (ato >> 2):
            tcp_send_ack(m, sk)
            return
        at = min(at, sock.delack_at)
    sock.ack_pending |= ACK_SCHED | ACK_TIMER
    arm_delack(m, sk, at)


@kernel
def tcp_ack_snd_check(m, sk):
    """Acknowledge now or later, if an acknowledgement is owed."""
    sock = socks(m)[sk]
    if not sock.ack_pending & ACK_SCHED:
        return
    quick = (sock.quick > 0 and not sock.pingpong) or sock.ack_pending & ACK_NOW
    if not quick and sock.rcv_nxt - sock.rcv_wup > sock.rcv_mss:
        quick = sock.rcv_nxt - sock.copied_seq < 1 or __tcp_select_window(m, sk) >= sock.rcv_wnd
    if quick or sock.out_of_order_queue.n:
        tcp_send_ack(m, sk)
    else:
        tcp_send_delayed_ack(m, sk)


@kernel
def tcp_try_coalesce(m, sk, to, s):
    """Let the payload of `s` join the buffer before it; whether it did, and `s` is gone."""
    if skbs(m)[to].end_seq != skbs(m)[s].seq or not skb_settings(m).coalesces or skbs(m)[s].marks & FIN:
        return False
    end = skbs(m)[s].end_seq
    delta = skb_try_coalesce(m, to, s)
    if delta == NONE:
        return False
    sock = socks(m)[sk]
    sock.rmem_alloc += delta
    sk_mem_charge(m, sk, delta)
    skbs(m)[to].end_seq = end
    if sock.here:
        tcp_count(m).TCPRcvCoalesce += 1
    return True


@kernel
def tcp_fin(m, sk):
    """The other end sends no more."""
    socks(m)[sk].shutdown |= RCV_SHUTDOWN
    socks(m)[sk].ack_pending |= ACK_SCHED | ACK_NOW
    sk_wakes_all(m, sk)


@kernel
def tcp_queue_rcv(m, sk, s):
    """A buffer in order goes to the receive queue; it may be gone then."""
    sock = socks(m)[sk]
    end, tail = skbs(m)[s].end_seq, sock.receive_queue.tail
    sock.bytes_received += end - sock.rcv_nxt - (1 if skbs(m)[s].marks & FIN else 0)
    sock.rcv_nxt = end
    if tail != NONE and tcp_try_coalesce(m, sk, tail, s):
        return
    link_tail(skbs(m), sock.receive_queue, s)
    skb_set_owner_r(m, sk, s)


@kernel
def _ofo_queue(m, sk):
    """What came out of order and is in order now goes to the receive queue."""
    sock = socks(m)[sk]
    queue = sock.out_of_order_queue
    while queue.head != NONE:
        s = queue.head
        if skbs(m)[s].seq > sock.rcv_nxt:
            break
        if skbs(m)[s].end_seq <= sock.rcv_nxt and not skbs(m)[s].marks & FIN:
            drop_received(m, sk, queue, s)
            continue
        fin = skbs(m)[s].marks & FIN
        unlink_row(skbs(m), queue, s)
        sock.bytes_received += skbs(m)[s].end_seq - sock.rcv_nxt - (1 if fin else 0)
        sock.rcv_nxt = skbs(m)[s].end_seq
        link_tail(skbs(m), sock.receive_queue, s)
        if fin:
            tcp_fin(m, sk)
    if queue.head == NONE:
        sock.ack_pending |= ACK_NOW


@kernel
def tcp_data_queue_ofo(m, sk, s):
    """A buffer with a gap before it waits until that is filled; the sender is told at once."""
    sock, count = socks(m)[sk], tcp_count(m)
    sock.ack_pending |= ACK_SCHED | ACK_NOW
    if not tcp_try_rmem_schedule(m, sk, s, skbs(m)[s].truesize):
        count.TCPOFODrop += 1
        sock.drops += 1
        kfree_skb(m, s)
        return
    queue, seq, end = sock.out_of_order_queue, skbs(m)[s].seq, skbs(m)[s].end_seq
    count.TCPOFOQueue += 1 if sock.here else 0
    at = queue.tail
    while at != NONE and skbs(m)[at].seq > seq:
        at = skbs(m)[at].prev
    if at != NONE and skbs(m)[at].end_seq >= end:
        count.TCPOFOMerge += 1 if sock.here else 0
        kfree_skb(m, s)
        return
    if at != NONE and at == queue.tail and tcp_try_coalesce(m, sk, at, s):
        return
    if at == NONE:
        if queue.head == NONE:
            link_tail(skbs(m), queue, s)
        else:
            put_before(m, queue, queue.head, s)
    elif skbs(m)[at].next == NONE:
        link_tail(skbs(m), queue, s)
    else:
        put_before(m, queue, skbs(m)[at].next, s)
    skb_set_owner_r(m, sk, s)
    after = skbs(m)[s].next
    while after != NONE and skbs(m)[after].end_seq <= end:  # what it covers
        count.TCPOFOMerge += 1 if sock.here else 0
        drop_received(m, sk, queue, after)
        after = skbs(m)[s].next


@kernel
def _out_of_window(m, sk, s):
    """A segment that cannot be kept: the sender is told at once where the receiver is."""
    tcp_enter_quickack_mode(m, sk)
    socks(m)[sk].ack_pending |= ACK_SCHED
    socks(m)[sk].drops += 1
    kfree_skb(m, s)


@kernel
def tcp_data_queue(m, sk, s):
    """What becomes of a segment with data, or with the end of them."""
    sock, skb, count = socks(m)[sk], skbs(m)[s], tcp_count(m)
    seq, end, fin = skb.seq, skb.end_seq, skb.marks & FIN
    if seq == end and not fin:
        kfree_skb(m, s)
        return
    if end <= sock.rcv_nxt and not (fin and end == sock.rcv_nxt and not sock.shutdown & RCV_SHUTDOWN):
        tcp_enter_quickack_mode(m, sk)  # sent once more than needed
        sock.ack_pending |= ACK_SCHED
        kfree_skb(m, s)
        return
    if seq > sock.rcv_nxt:
        if seq >= sock.rcv_nxt + tcp_receive_window(m, sk):
            _out_of_window(m, sk, s)
        else:
            tcp_data_queue_ofo(m, sk, s)
        return
    if tcp_receive_window(m, sk) == 0 and end > seq:
        count.TCPZeroWindowDrop += 1 if sock.here else 0
        _out_of_window(m, sk, s)
        return
    if not tcp_try_rmem_schedule(m, sk, s, skb.truesize):
        sock.ack_pending |= ACK_NOMEM | ACK_NOW | ACK_SCHED
        sock_data_ready(m, sk)
        if sock.receive_queue.n and end > seq:
            count.TCPRcvQDrop += 1
            sock.drops += 1
            kfree_skb(m, s)
            return
        sk_forced_mem_schedule(m, sk, skb.truesize)
    queue_in_order(m, sk, s)
    if fin:
        tcp_fin(m, sk)
    if sock.out_of_order_queue.head != NONE:
        _ofo_queue(m, sk)
    sock_data_ready(m, sk)


@kernel
def queue_in_order(m, sk, s):
    """Queue a buffer in order, and learn from what it was before it may have joined another one."""
    skb = skbs(m)[s]
    length, truesize, segs = skb.bytes, skb.truesize, skb.segs
    paged = nr_frags(m, s) > 0
    tcp_queue_rcv(m, sk, s)
    if length:
        tcp_event_data_recv(m, sk, length, truesize, segs, paged)
