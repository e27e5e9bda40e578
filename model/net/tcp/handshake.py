"""How a connection comes about: what both ends begin with, and the segments that say so (tcp_rcv_state_process).

A socket without a connection listens for its peer. Each connection numbers its bytes from a multiple of 2^32 on, which
no older one has reached; SYN takes no number.
"""

from mmrun.model.core.jit import kernel
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import ALL, wake
from mmrun.model.net.link.state import wires
from mmrun.model.net.skb.skb import kfree_skb
from mmrun.model.net.skb.state import ACK, RST, SYN, skbs
from mmrun.model.net.tcp.congestion import init_congestion
from mmrun.model.net.tcp.output import control_skb, tcp_bound_to_half_wnd, tcp_send_ack, tcp_transmit_skb
from mmrun.model.net.tcp.sock import purge, tcp_done
from mmrun.model.net.tcp.state import (
    ECONNREFUSED,
    ESTABLISHED,
    RCVBUF_LOCK,
    RESET,
    SNDBUF_LOCK,
    SYN_SENT,
    socks,
)
from mmrun.model.net.tcp.window import tcp_init_buffer_space, tcp_select_initial_window
from mmrun.model.net.tcp_mem.state import tcp_mem

LOOPBACK_MTU, MOST_MTU, IP_TCP, OPTIONS = 65536, 65535, 40, 12  # bytes; OPTIONS: timestamps
EPOCH_SHIFT = 32
HALF = 128  # of 256: the scaling ratio that a connection begins with


@kernel
def next_base(seq):
    """Where a new connection's bytes are numbered from."""
    return (seq >> EPOCH_SHIFT) + 1 << EPOCH_SHIFT


@kernel
def begin(m, sk, base):
    """Empty queues and first values for a connection whose first byte sent is number `base` (tcp_init_sock)."""
    sock = socks(m)[sk]
    purge(m, sk)
    mtu = LOOPBACK_MTU if sock.link == NONE else wires(m)[sock.link].mtu
    sock.advmss = min(mtu, MOST_MTU) - IP_TCP
    sock.mss_clamp = sock.mss = sock.advmss - OPTIONS
    if not sock.sk_flags & SNDBUF_LOCK:
        sock.sndbuf = tcp_mem(m).wmem[1]
    if not sock.sk_flags & RCVBUF_LOCK:
        sock.rcvbuf = tcp_mem(m).rmem[1] if sock.here else tcp_mem(m).rmem[2]
    sock.snd_base = sock.snd_una = sock.snd_nxt = sock.write_seq = sock.pushed_seq = sock.snd_sml = base
    sock.snd_wl1 = sock.recover = sock.tlp_high_seq = 0
    sock.packets_out = sock.retransmits = sock.probes = sock.backoff = sock.pending = sock.rto_at = 0
    sock.ack_pending = sock.delack_at = sock.ato = sock.quick = sock.pingpong = sock.last_seg_size = 0
    sock.lrcvtime = sock.rcv_rtt = sock.rcv_rtt_time = sock.rcv_rtt_seq = sock.echo = 0
    sock.err = sock.shutdown = 0
    sock.scaling_ratio = HALF
    init_congestion(m, sk)
    tcp_select_initial_window(m, sk)


@kernel
def receive_from(m, sk, base):
    """The other end's first byte is number `base`."""
    sock = socks(m)[sk]
    sock.rcv_base = sock.rcv_nxt = sock.copied_seq = sock.rcv_wup = base


@kernel
def establish(m, sk, window):
    """The connection stands, and the other end has offered a first window."""
    sock, window = socks(m)[sk], min(window, MOST_MTU)  # it is not scaled yet
    sock.state, sock.snd_wnd, sock.max_window = ESTABLISHED, window, window
    sock.snd_wl1 = sock.rcv_nxt
    sock.mss = tcp_bound_to_half_wnd(m, sk, sock.mss_clamp)
    tcp_init_buffer_space(m, sk)


@kernel
def _send_syn(m, sk, marks):
    sock = socks(m)[sk]
    s = control_skb(m, sk, SYN | marks, sock.snd_base)
    if s == NONE:
        return False
    window = sock.rcv_wnd
    tcp_transmit_skb(m, sk, s)
    sock.rcv_wnd = window
    return True


@kernel
def send_syn(m, sk):
    """Ask the other end for a connection; False without memory."""
    return _send_syn(m, sk, 0)


@kernel
def tcp_rcv_state_process(m, sk, s):
    """A segment for a socket without a connection, or one that begins another."""
    sock, skb = socks(m)[sk], skbs(m)[s]
    marks, seq, window, ack = skb.marks, skb.seq, skb.window, skb.ack
    kfree_skb(m, s)
    if marks & SYN and not marks & ACK:
        known = sock.state == ESTABLISHED and sock.rcv_base == seq
        if not known:
            if sock.state == ESTABLISHED:
                tcp_done(m, sk, RESET, ECONNREFUSED)
            begin(m, sk, next_base(max(sock.write_seq, sock.snd_nxt)))
            receive_from(m, sk, seq)
            establish(m, sk, window)
        _send_syn(m, sk, ACK)
    elif sock.state == SYN_SENT:
        if marks & RST:
            tcp_done(m, sk, RESET, ECONNREFUSED)
        elif marks & SYN:
            receive_from(m, sk, seq)
            establish(m, sk, window)
            tcp_send_ack(m, sk)
            wake(m, sock.senders, ALL, m.now)
    elif sock.state == ESTABLISHED:
        tcp_send_ack(m, sk)  # its SYN once more
    elif not marks & RST:
        reply = control_skb(m, sk, RST | ACK, ack)
        if reply != NONE:
            tcp_transmit_skb(m, sk, reply)
