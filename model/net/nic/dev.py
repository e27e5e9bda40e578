"""Sending: what a card's transmit ring has no room for waits in its queue; buffers are freed when they have left.

Sources: net/core/dev.c: dev_queue_xmit; net/sched/sch_generic.c: pfifo_fast; e1000_xmit_frame, e1000_clean_tx_irq.
"""

from mmrun.model.core.actors import NEVER, due
from mmrun.model.core.jit import caller, kernel, rare
from mmrun.model.core.links import link_tail, unlink_row
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import wake_actor
from mmrun.model.core.state import actors
from mmrun.model.dma.mapping.keep import unmap_chain
from mmrun.model.net.link.state import OUT, wires
from mmrun.model.net.link.wire import max_segment, transmit
from mmrun.model.net.nic.dma import map_skb, read_skb
from mmrun.model.net.nic.state import nic_count, nic_settings, nic_tx, nics
from mmrun.model.net.skb.frags import nr_frags
from mmrun.model.net.skb.skb import kfree_skb
from mmrun.model.net.skb.state import skbs
from mmrun.model.net.tcp.state import socks

sock_wfree = caller("sock_wfree")

QUEUE_LEN, XMIT_DROP = 1000, 1  # txqueuelen; NET_XMIT_DROP
FIN = 2  # SEGMENT.tcp_flags: of the last segment of a buffer only


@kernel
def next_completion(m, n):
    """When the next buffer in the transmit ring has left (ns), NEVER: none is there."""
    nic = nics(m)[n]
    return nic_tx(m)[nic.tx_first + nic.tx_head].at if nic.tx_n else NEVER


@kernel
def _cut(m, n, s, start):
    """The card cuts a buffer into frames and puts them on the wire (TSO) from time `start` on: when all have left."""
    nic, skb = nics(m)[n], skbs(m)[s]
    flags, left, seq, done = skb.marks >> 2 & 15, skb.bytes, skb.seq, start
    mss = socks(m)[socks(m)[skb.sock].peer].mss
    mss = min(mss, max_segment(m, nic.link)) if mss else max_segment(m, nic.link)
    while True:
        size = min(left, mss)
        own = flags if size == left else flags & ~FIN
        done = transmit(
            m, nic.link, OUT, skb.sock, size, own, seq, skb.ack, skb.window, skb.stamp, skb.echo, start
        )  # fmt: skip
        nic.tx_packets += 1
        nic_count(m).tx_packets += 1
        left -= size
        seq += size
        if left == 0:
            break
    nic.tx_bytes += skb.bytes
    nic_count(m).tx_bytes += skb.bytes
    return done


@kernel
def _room(m, n, s):
    """Whether the transmit ring has descriptors for a buffer: one for its head, one a piece."""
    nic = nics(m)[n]
    return nic.tx_descs + nr_frags(m, s) + 1 <= nic.tx_ring


@rare
@kernel
def _unmappable(m, n, s):
    """There is no address for a buffer: it is dropped, and whoever sent it sends it again (e1000_xmit_frame)."""
    sock, truesize = socks(m)[skbs(m)[s].sock].peer, skbs(m)[s].truesize
    nics(m)[n].tx_dropped += 1
    nic_count(m).tx_dropped += 1
    nic_count(m).tx_dma_failed += 1
    kfree_skb(m, s)
    sock_wfree(m, sock, truesize)


@kernel
def _start_xmit(m, n, s):
    """Put a buffer into the transmit ring; who polls the card knows when it will have left."""
    nic, skb, start, maps = nics(m)[n], skbs(m)[s], m.now, 0
    if nic.dma:
        maps = map_skb(m, n, s)
        if maps == 0:
            _unmappable(m, n, s)
            return
        start = read_skb(m, n, maps)
    row = nic_tx(m)[nic.tx_first + (nic.tx_head + nic.tx_n) % nic.tx_ring]
    row.skb, row.sock, row.truesize = s, socks(m)[skb.sock].peer, skb.truesize
    row.descs = nr_frags(m, s) + 1
    row.at, row.maps = _cut(m, n, s, start), maps
    nic.tx_n += 1
    nic.tx_descs += row.descs
    if nic.actor >= 0 and actors(m)[nic.actor].waits and due(m, nic.actor) > row.at:
        wake_actor(m, nic.actor, row.at)


@rare
@kernel
def _enqueue(m, n, sk, s):
    """The ring has no room: the buffer waits, or is dropped."""
    nic = nics(m)[n]
    if nic.qdisc.n < QUEUE_LEN:
        link_tail(skbs(m), nic.qdisc, s)
        return 0
    nic.tx_dropped += 1
    nic_count(m).tx_dropped += 1
    sock_wfree(m, sk, skbs(m)[s].truesize)
    kfree_skb(m, s)
    return XMIT_DROP


@kernel
def dev_queue_xmit(m, sk, s):
    """Send buffer `s` of socket `sk` to the socket it is for, through the card of the link: 0, or XMIT_DROP.

    One user of the buffer is the card's from now on, also on error. The socket is charged for it until it has left.
    """
    n = wires(m)[socks(m)[sk].link].nic
    m.now += nic_settings(m).nic_tx
    socks(m)[sk].wmem_alloc += skbs(m)[s].truesize
    if nics(m)[n].qdisc.n or not _room(m, n, s):
        return _enqueue(m, n, sk, s)
    _start_xmit(m, n, s)
    return 0


@kernel
def clean_tx(m, n):
    """Free what has left by now, tell its sockets, send what has waited for room."""
    nic = nics(m)[n]
    while nic.tx_n and nic_tx(m)[nic.tx_first + nic.tx_head].at <= m.now:
        row = nic_tx(m)[nic.tx_first + nic.tx_head]
        s, sock, truesize = row.skb, row.sock, row.truesize
        nic.tx_head = (nic.tx_head + 1) % nic.tx_ring
        nic.tx_n -= 1
        nic.tx_descs -= row.descs
        row.skb = NONE
        if row.maps:
            unmap_chain(m, row.maps)
            row.maps = 0
        m.now += nic_settings(m).nic_tx_clean
        kfree_skb(m, s)
        sock_wfree(m, sock, truesize)
    while nic.qdisc.n and _room(m, n, nic.qdisc.head):
        s = nic.qdisc.head
        unlink_row(skbs(m), nic.qdisc, s)
        _start_xmit(m, n, s)
