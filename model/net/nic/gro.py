"""Generic receive offload: frames that follow each other become one packet (net/core/gro.c, net/ipv4/tcp_offload.c).

A frame joins the packet before it with its pieces, or its head if that is a piece of a page; where neither goes, it is
hung on the packet as it is, and all that it is charged is. A packet goes up when it is long enough, when something
comes that does not follow it, and at the end of the poll.
"""

from mmrun.model.core.jit import caller, kernel
from mmrun.model.core.links import link_head, unlink_row
from mmrun.model.core.record import NONE
from mmrun.model.net.nic.state import nic_count, nic_settings, nics
from mmrun.model.net.skb.frags import move_head, move_pieces, nr_frags
from mmrun.model.net.skb.skb import SK_BUFF, kfree_skb
from mmrun.model.net.skb.state import FIN, HEAD_FRAG, MAX_FRAGS, RESERVE, RST, SYN, skb_settings, skbs
from mmrun.model.units import MS

netif_receive_skb = caller("netif_receive_skb")

MAX_HELD, GRO_MAX = 8, 65_536  # MAX_GRO_SKBS; gro_max_size


@kernel
def _last_of(m, p):
    """The buffer at the end of a packet: itself, or the last that hangs on it."""
    if skbs(m)[p].list == NONE:
        return p
    return skbs(m)[p].list_end


@kernel
def _join(m, p, s):
    """Frame `s` is the end of packet `p` (skb_gro_receive); 0 when the packet is full."""
    pack, skb = skbs(m)[p], skbs(m)[s]
    if pack.bytes + skb.bytes >= GRO_MAX:
        return 0
    end = _last_of(m, p)
    room = MAX_FRAGS - nr_frags(m, end)
    charge, hangs = skb.truesize, True
    if skb.linear == 0 and skb.nr_frags <= room:
        charge, hangs = skb.truesize - SK_BUFF - skb.room, False
        move_pieces(m, end, s)
    elif skb.linear and skb.marks & HEAD_FRAG and skb_settings(m).gro_takes_heads and skb.nr_frags + 1 <= room:
        charge, hangs = skb.truesize - SK_BUFF, False
        move_head(m, end, s)
        move_pieces(m, end, s)
    pack.bytes += skb.bytes
    pack.truesize += charge
    pack.end_seq, pack.segs = skb.end_seq, pack.segs + skb.segs
    pack.marks |= skb.marks & RESERVE
    nic_count(m).gro_merged += 1
    if hangs:
        skb.next = NONE
        if end == p:
            pack.list = s
        else:
            skbs(m)[end].next = s
        pack.list_end = s
        return 1
    if end != p:
        skbs(m)[end].bytes += skb.bytes
        skbs(m)[end].truesize += charge
    kfree_skb(m, s)
    return 1


@kernel
def _follows(m, p, s):
    """Whether frame `s` is the next of packet `p`, with the same acknowledgement and time stamp."""
    pack, skb = skbs(m)[p], skbs(m)[s]
    return pack.end_seq == skb.seq and pack.ack == skb.ack and pack.stamp // MS == skb.stamp // MS


@kernel
def _flow(m, n, sock):
    """The packet for socket `sock` that is held, or NONE."""
    p = nics(m)[n].gro.head
    while p != NONE and skbs(m)[p].sock != sock:
        p = skbs(m)[p].next
    return p


@kernel
def _up(m, n, p):
    """Packet `p` grows no more."""
    unlink_row(skbs(m), nics(m)[n].gro, p)
    netif_receive_skb(m, p)


@kernel
def gro_flush(m, n):
    """All packets that are held go up, the oldest first (napi_gro_flush)."""
    while nics(m)[n].gro.n:
        _up(m, n, nics(m)[n].gro.tail)


@kernel
def gro_receive(m, n, s):
    """Frame `s` joins a packet, becomes one, or goes up as it is (napi_gro_receive, tcp_gro_receive)."""
    skb, m.now = skbs(m)[s], m.now + nic_settings(m).nic_gro
    grows = skb.bytes > 0 and not skb.marks & (SYN | FIN | RST)
    p = _flow(m, n, skb.sock)
    if p != NONE:
        size, nbytes = skbs(m)[p].bytes // skbs(m)[p].segs, skb.bytes
        if grows and nbytes <= size and _follows(m, p, s) and _join(m, p, s):
            if nbytes < size:
                _up(m, n, p)
            return
        _up(m, n, p)
    if not grows:
        netif_receive_skb(m, s)
        return
    if nics(m)[n].gro.n == MAX_HELD:
        _up(m, n, nics(m)[n].gro.tail)
    link_head(skbs(m), nics(m)[n].gro, s)
