"""Buffers of the send queue: making them, cutting one in two, a copy of one whose clones are still read.

In the kernel: tcp_stream_alloc_skb (sk_stream_alloc_skb), tcp_fragment, skb_split, skb_unclone.
"""

from mmrun.model.core.jit import kernel, rare
from mmrun.model.core.links import link_after, unlink_row
from mmrun.model.core.record import NONE
from mmrun.model.net.skb.frags import skb_add_page, skb_split, skb_trim_head
from mmrun.model.net.skb.skb import alloc_skb, kfree_skb, skb_cloned
from mmrun.model.net.skb.state import FAR, FCLONE, FIN, LOST, RETRANSMITTED, skb_frags, skbs
from mmrun.model.net.tcp.sock import free_queued
from mmrun.model.net.tcp.state import socks, tcp_settings
from mmrun.model.net.tcp_mem.sock import (
    sk_enter_memory_pressure,
    sk_forced_mem_schedule,
    sk_mem_charge,
    sk_mem_uncharge,
    sk_stream_moderate_sndbuf,
    sk_wmem_schedule,
)

HEAD, INFO = 2048, 320  # bytes of a head with payload in it; of skb_shared_info


@kernel
def room_in_head(m, sk):
    """Bytes of payload that lie behind the headers of a buffer to be sent."""
    if socks(m)[sk].here and tcp_settings(m).tcp_payload_in_head:
        return HEAD - INFO - tcp_settings(m).max_tcp_header
    return 0


@kernel
def tcp_stream_alloc_skb(m, sk, gfp, forced):
    """An empty buffer that the socket can be charged for, or NONE."""
    if not socks(m)[sk].here:
        return alloc_skb(m, tcp_settings(m).max_tcp_header, 0, FAR)
    s = alloc_skb(m, tcp_settings(m).max_tcp_header + room_in_head(m, sk), gfp, FCLONE)
    if s == NONE:
        sk_enter_memory_pressure(m, sk)
        sk_stream_moderate_sndbuf(m, sk)
        return NONE
    if forced:
        sk_forced_mem_schedule(m, sk, skbs(m)[s].truesize)
    elif not sk_wmem_schedule(m, sk, skbs(m)[s].truesize):
        kfree_skb(m, s)
        return NONE
    return s


@rare
@kernel
def _unclone(m, sk, s, gfp):
    """A buffer like `s` that nobody else reads takes its place in the send queue: its row, or NONE without memory."""
    sock, old = socks(m)[sk], skbs(m)[s]
    c = alloc_skb(m, tcp_settings(m).max_tcp_header + old.linear, gfp, FCLONE)
    if c == NONE:
        return NONE
    new, i = skbs(m)[c], skbs(m)[old.origin].frags
    while i != NONE:
        piece = skb_frags(m)[i]
        if not skb_add_page(m, c, piece.frame, piece.offset, piece.bytes):
            kfree_skb(m, c)
            return NONE
        i = piece.next
    new.linear, new.bytes, new.truesize, new.segs = old.linear, old.bytes, old.truesize, old.segs
    new.seq, new.end_seq, new.stamp, new.sock = old.seq, old.end_seq, old.stamp, sk
    new.marks |= old.marks & (FIN | LOST | RETRANSMITTED)
    link_after(skbs(m), sock.write_queue, s, c)
    if sock.send_head == s:
        sock.send_head = c
    unlink_row(skbs(m), sock.write_queue, s)
    old.sock = NONE
    kfree_skb(m, s)
    return c


@kernel
def tcp_set_skb_tso_segs(m, s, mss):
    """How many segments of `mss` bytes a buffer is."""
    skb = skbs(m)[s]
    skb.segs = max(-(-skb.bytes // mss), 1)
    return skb.segs


@kernel
def tcp_fragment(m, sk, s, length, mss, gfp):
    """Cut a buffer of the send queue behind its first `length` bytes; the row of those, or NONE without memory.

    The rest is the next in the queue. What was lost or sent again stays so, and is counted as segments of `mss`.
    """
    sock = socks(m)[sk]
    if sock.here and skb_cloned(m, s):
        s = _unclone(m, sk, s, gfp)
        if s == NONE:
            return NONE
    rest = tcp_stream_alloc_skb(m, sk, gfp, True)
    if rest == NONE:
        return NONE
    skb, other = skbs(m)[s], skbs(m)[rest]
    sock.wmem_queued += other.truesize
    sk_mem_charge(m, sk, other.truesize)
    if not skb_split(m, s, rest, length):
        sock.wmem_queued -= other.truesize
        sk_mem_uncharge(m, sk, other.truesize)
        kfree_skb(m, rest)
        return NONE
    if skb.linear > length:  # of what lies behind the headers a part is copied
        other.linear, skb.linear = skb.linear - length, length
    other.stamp, other.sock = skb.stamp, sk
    other.marks |= skb.marks & (FIN | LOST | RETRANSMITTED)
    skb.marks &= ~FIN
    before = skb.segs
    tcp_set_skb_tso_segs(m, s, mss)
    tcp_set_skb_tso_segs(m, rest, mss)
    link_after(skbs(m), sock.write_queue, s, rest)
    if sock.send_head != s and skb.end_seq <= sock.snd_nxt:  # it was sent, and is counted
        more = skb.segs + other.segs - before
        sock.packets_out += more
        if skb.marks & LOST:
            sock.lost_out += more
        if skb.marks & RETRANSMITTED:
            sock.retrans_out += more
    return s


@kernel
def tcp_trim_head(m, sk, s, length):
    """The first `length` bytes of a queued buffer have arrived, and are freed unless somebody still reads them."""
    sock, skb = socks(m)[sk], skbs(m)[s]
    if skb_cloned(m, s):
        return
    skb_trim_head(m, s, length)
    skb.seq += length
    skb.truesize -= length
    sock.wmem_queued -= length
    sk_mem_uncharge(m, sk, length)


@kernel
def tcp_grow_skb(m, sk, s, amount):
    """An unsent buffer takes up to `amount` bytes from the one behind it, which goes when it is empty (6.10)."""
    skb = skbs(m)[s]
    after = skb.next
    if after == NONE or skb_cloned(m, s) or skb_cloned(m, after):
        return
    other = skbs(m)[after]
    left = min(amount, other.bytes)
    while left > 0:
        n, pfn, offset = left, 0, 0
        if not skb.marks & FAR:
            piece = skb_frags(m)[other.frags]
            n, pfn, offset = min(left, piece.bytes), piece.frame, piece.offset
        if not skb_add_page(m, s, pfn, offset, n):
            return
        skb_trim_head(m, after, n)
        other.truesize -= n
        other.seq += n
        skb.end_seq += n
        left -= n
    if other.bytes == 0:
        skb.end_seq = other.end_seq
        skb.marks |= other.marks & FIN
        free_queued(m, sk, after)
