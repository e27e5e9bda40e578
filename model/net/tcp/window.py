"""What a receiver advertises, and how buffers grow: space and windows, dynamic right sizing, the send buffer."""

from mmrun.model.core.jit import kernel
from mmrun.model.net.tcp.state import RCVBUF_LOCK, SNDBUF_LOCK, socks, tcp_count, tcp_settings
from mmrun.model.net.tcp_mem.sock import sk_memory_plenty, sk_under_memory_pressure
from mmrun.model.net.tcp_mem.state import tcp_mem

SKB_OVERHEAD, SKB_STRUCT, SMALL_HEAD = 320, 256, 960
TCP_INIT_CWND, REORDERING = 10, 3
RMEM_TO_WIN_SCALE = 8


@kernel
def tcp_win_from_space(m, sk, space):
    """Bytes of window that `space` bytes of receive buffer are."""
    if tcp_settings(m).tcp_scaling_ratio:
        return space * socks(m)[sk].scaling_ratio >> RMEM_TO_WIN_SCALE
    scale = tcp_settings(m).tcp_adv_win_scale
    return space - (space >> scale)


@kernel
def tcp_space(m, sk):
    """Window that the free part of the receive buffer is."""
    s = socks(m)[sk]
    return tcp_win_from_space(m, sk, s.rcvbuf - s.backlog_bytes - s.rmem_alloc)


@kernel
def tcp_full_space(m, sk):
    """Window that the whole receive buffer is."""
    return tcp_win_from_space(m, sk, socks(m)[sk].rcvbuf)


@kernel
def tcp_receive_window(m, sk):
    """Bytes that the other end may still send."""
    s = socks(m)[sk]
    return max(s.rcv_wup + s.rcv_wnd - s.rcv_nxt, 0)


@kernel
def aligned(value, wscale):
    """`value` rounded up to what a scaled window can say."""
    return value + (1 << wscale) - 1 >> wscale << wscale


@kernel
def __tcp_select_window(m, sk):
    """The window that would be advertised now, if none had been before."""
    s, free, allowed = socks(m)[sk], tcp_space(m, sk), tcp_full_space(m, sk)
    full = min(s.window_clamp, allowed)
    mss = min(s.rcv_mss, full)
    if mss <= 0:
        return 0
    if free < full >> 1:
        s.quick = 0
        if sk_under_memory_pressure(m, sk):
            s.rcv_ssthresh = min(s.rcv_ssthresh, 4 * s.advmss)
        if tcp_settings(m).tcp_zero_window_early:
            free = free >> s.wscale << s.wscale
            if free < allowed >> 4:
                return 0
        if free < mss:
            return 0
    free = min(free, s.rcv_ssthresh)
    if s.wscale:
        return aligned(free, s.wscale)
    window = s.rcv_wnd
    if window <= free - mss or window > free:
        window = free // mss * mss
    elif mss == full and free > window + (full >> 1):
        window = free
    return window


@kernel
def tcp_select_window(m, sk):
    """The window that is advertised now: what was offered is never taken back."""
    s, count = socks(m)[sk], tcp_count(m)
    old, now, new = s.rcv_wnd, tcp_receive_window(m, sk), __tcp_select_window(m, sk)
    if new < now:
        if new == 0:
            count.TCPWantZeroWindowAdv += 1
        new = aligned(now, s.wscale)
    s.rcv_wnd, s.rcv_wup = new, s.rcv_nxt
    new = min(new, 65535 << s.wscale) >> s.wscale << s.wscale
    if new == 0 and old:
        count.TCPToZeroWindowAdv += 1
    elif new and old == 0:
        count.TCPFromZeroWindowAdv += 1
    return new


@kernel
def tcp_select_initial_window(m, sk):
    """The first window, in whole segments, and the scale of all later ones."""
    s = socks(m)[sk]
    space = tcp_win_from_space(m, sk, s.rcvbuf)
    largest = space if s.sk_flags & RCVBUF_LOCK else max(space, tcp_mem(m).rmem[2])
    s.wscale = 0
    while s.wscale < 14 and largest > 65535:
        largest >>= 1
        s.wscale += 1
    if space > s.mss_clamp:
        space = space // s.mss_clamp * s.mss_clamp
    s.rcv_wnd = space if tcp_settings(m).tcp_syn_rwin_whole else min(space, 65535)
    if not tcp_settings(m).tcp_syn_rwin_64k:
        segments = TCP_INIT_CWND if s.mss_clamp <= 1460 else max(TCP_INIT_CWND * 1460 // s.mss_clamp, 2)
        s.rcv_wnd = min(s.rcv_wnd, segments * s.mss_clamp)
    s.rcv_ssthresh = s.rcv_wnd


@kernel
def tcp_init_buffer_space(m, sk):
    """What buffers begin with once the connection stands."""
    s = socks(m)[sk]
    if not s.sk_flags & SNDBUF_LOCK:
        tcp_sndbuf_expand(m, sk)
    s.rcvq_time, s.rcvq_seq = m.now, s.copied_seq
    s.window_clamp = tcp_full_space(m, sk)
    s.rcv_ssthresh = min(s.rcv_ssthresh, s.window_clamp)
    s.rcvq_space = min(s.rcv_ssthresh, s.rcv_wnd, TCP_INIT_CWND * s.advmss)
    s.rcv_mss = max(min(s.advmss, s.mss, s.rcv_wnd // 2, 536), 88)


@kernel
def set_scaling_ratio(m, sk, length, truesize):
    """The estimate of the sender's segments has changed: so has what a byte of window costs."""
    s = socks(m)[sk]
    old, s.scaling_ratio = s.scaling_ratio, max((length << RMEM_TO_WIN_SCALE) // truesize & 255, 1)
    if length >= truesize:
        s.scaling_ratio = 255
    if s.scaling_ratio != old:
        s.window_clamp = tcp_full_space(m, sk)
        s.rcvq_space = min(s.rcvq_space, s.window_clamp)


@kernel
def tcp_grow_window(m, sk, nbytes, truesize, paged):
    """A good segment has come: more may be on its way, as far as buffers of this truesize fit.

    `paged`: its payload lies in pieces, whose heads are saved where they join the buffer before (6.6).
    """
    sock = socks(m)[sk]
    room = min(sock.window_clamp, tcp_space(m, sk)) - sock.rcv_ssthresh
    if room <= 0:
        return
    if sk_under_memory_pressure(m, sk):
        sock.rcv_ssthresh = min(sock.rcv_ssthresh, 4 * sock.advmss)
        return
    if tcp_settings(m).tcp_scaling_ratio and paged and truesize - SMALL_HEAD >= nbytes:
        truesize -= SMALL_HEAD
    if tcp_win_from_space(m, sk, truesize) <= nbytes:
        grown = 2 * sock.advmss
    else:
        grown = _grows_by(m, sk, truesize, nbytes)
    if grown:
        sock.rcv_ssthresh += min(room, max(grown, 2 * nbytes))
        sock.quick |= 1


@kernel
def _grows_by(m, sk, truesize, length):
    """Bytes of window for a buffer that costs more than it carries (__tcp_grow_window)."""
    s = socks(m)[sk]
    truesize = tcp_win_from_space(m, sk, truesize) >> 1
    window = tcp_win_from_space(m, sk, tcp_mem(m).rmem[2]) >> 1
    while s.rcv_ssthresh <= window:
        if truesize <= length:
            return 2 * s.rcv_mss
        truesize >>= 1
        window >>= 1
    return 0


@kernel
def segment_rmem(m, sk, advmss):
    """Truesize of a segment by which the buffer is measured out, such that its window holds the segment."""
    size = advmss + tcp_settings(m).max_tcp_header + SKB_OVERHEAD + SKB_STRUCT
    while tcp_win_from_space(m, sk, size) < advmss:
        size += 128
    return size


@kernel
def rcvbuf_for(m, sk, copied, space):
    """The receive buffer for a reader that took `copied` bytes in a round trip, `space` in the one before.

    By version: enough for twice as much, and for its growth once more (3.13); of segments, or by their ratio (6.6).
    """
    s, keeps = socks(m)[sk], tcp_settings(m)
    if not keeps.tcp_drs_grows:
        return min(copied // s.advmss * segment_rmem(m, sk, s.advmss), tcp_mem(m).rmem[2])
    window = (copied << 1) + 16 * s.advmss
    window += window * (copied - space) // space << 1
    if keeps.tcp_scaling_ratio:
        return min((window << RMEM_TO_WIN_SCALE) // s.scaling_ratio, tcp_mem(m).rmem[2])
    return min(window // s.advmss * segment_rmem(m, sk, s.advmss), tcp_mem(m).rmem[2])


@kernel
def tcp_rcv_space_adjust(m, sk):
    """Dynamic right sizing, once a round trip: the buffer follows what the reader takes."""
    s = socks(m)[sk]
    if s.rcv_rtt == 0 or m.now - s.rcvq_time < s.rcv_rtt:
        return
    copied = s.copied_seq - s.rcvq_seq
    grows = tcp_settings(m).tcp_drs_grows
    if not grows:
        copied = max(2 * copied, s.rcvq_space)
    if copied > s.rcvq_space:
        if not s.sk_flags & RCVBUF_LOCK:
            size = rcvbuf_for(m, sk, copied, s.rcvq_space)
            if size > s.rcvbuf:
                s.rcvbuf = size
                s.window_clamp = tcp_full_space(m, sk) if grows else copied
        s.rcvq_space = copied
    s.rcvq_seq, s.rcvq_time = s.copied_seq, m.now


@kernel
def tcp_sndbuf_expand(m, sk):
    """The send buffer for the congestion window, twice."""
    s = socks(m)[sk]
    per_mss = max(s.mss_clamp, s.mss) + tcp_settings(m).max_tcp_header
    segments = max(s.snd_cwnd, REORDERING + 1)
    if tcp_settings(m).tcp_sndbuf_by_cwnd:
        per_mss, rounded = per_mss + SKB_OVERHEAD, 1
        while rounded < per_mss:
            rounded <<= 1
        per_mss = rounded + SKB_STRUCT
        segments = max(segments, TCP_INIT_CWND)
    else:
        per_mss += SKB_OVERHEAD + SKB_STRUCT
    if s.sndbuf < 2 * segments * per_mss:
        s.sndbuf = min(2 * segments * per_mss, tcp_mem(m).wmem[2])


@kernel
def tcp_should_expand_sndbuf(m, sk):
    """Whether the connection, and not the memory, is what holds the sender up."""
    s = socks(m)[sk]
    if s.sk_flags & SNDBUF_LOCK or sk_under_memory_pressure(m, sk) or not sk_memory_plenty(m, sk):
        return False
    return s.packets_out - s.sacked_out - s.lost_out + s.retrans_out < s.snd_cwnd
