"""Receive rings: buffers posted ahead, by driver; a frame that finds none is lost.

Sources: e1000_alloc_rx_buffers, ixgbe_alloc_rx_buffers (3.6), add_recvbuf_mergeable (6.12), page_pool.c (6.12).
"""

from mmrun.model.core.jit import kernel
from mmrun.model.core.record import NONE
from mmrun.model.mm.page.gfp import COMP, GFP_ATOMIC, NOWARN
from mmrun.model.mm.page.state import frames
from mmrun.model.net.link.state import IN, segments
from mmrun.model.net.link.wire import free_segment, take_arrival
from mmrun.model.net.nic.dma import give_away, map_slot, unmap_slot, write_frame
from mmrun.model.net.nic.state import E1000E, IXGBE, POOLED, nic_count, nic_rx, nics
from mmrun.model.net.skb.frags import HEADERS
from mmrun.model.net.skb.page_frag import alloc_net_block, get_page, irq_frag, page_frag_refill
from mmrun.model.net.skb.page_pool import page_pool_alloc
from mmrun.model.net.skb.skb import netdev_alloc_skb, rx_gfp
from mmrun.model.net.skb.slab import PFMEMALLOC
from mmrun.model.net.skb.state import page_frags
from mmrun.model.units import PAGE

HALF = PAGE // 2
WRITE = 16  # descriptors that are given to the card together (E1000_RX_BUFFER_WRITE, IXGBE_RX_BUFFER_WRITE)


@kernel
def _post_virtio(m, n, b):
    """A place for a packet of the usual length, cut from the queue's block (add_recvbuf_mergeable)."""
    nic, p = nics(m)[n], page_frags(m)[nics(m)[n].frag]
    if not page_frag_refill(m, nic.frag, nic.buffer, rx_gfp(m, GFP_ATOMIC)):
        return 0
    b.frame, b.offset, b.bytes = p.frame, p.offset, nic.buffer
    p.offset += nic.buffer
    if p.bytes - p.offset < nic.buffer:  # a hole too small for the next goes with this one
        b.bytes += p.bytes - p.offset
        p.offset = p.bytes
    get_page(m, p.frame)
    return 1


@kernel
def _post(m, n, b):
    """Give slot `b` a buffer: 1, or 0 without memory."""
    nic = nics(m)[n]
    if nic.driver == E1000E and nic.buffer < PAGE:
        b.skb = netdev_alloc_skb(m, irq_frag(m), nic.buffer, GFP_ATOMIC | NOWARN)
        return b.skb != NONE
    if nic.driver == IXGBE or nic.driver == E1000E:
        b.frame = alloc_net_block(m, rx_gfp(m, GFP_ATOMIC) | COMP | NOWARN, 0)
        b.offset, b.bytes = 0, nic.buffer
        return b.frame != NONE
    if nic.driver == POOLED:
        b.frame = page_pool_alloc(m, nic.pool, rx_gfp(m, GFP_ATOMIC))
        b.offset, b.bytes = 0, PAGE
        return b.frame != NONE
    return _post_virtio(m, n, b)


@kernel
def refill(m, n):
    """Post buffers in all slots that have none; as far as there is memory, then the next poll tries again."""
    nic = nics(m)[n]
    while nic.posted + nic.filled < nic.ring:
        b = nic_rx(m)[nic.rx_first + nic.use]
        if b.skb == NONE and b.frame == NONE and not _post(m, n, b):
            nic.alloc_rx_buff_failed += 1
            nic_count(m).alloc_rx_buff_failed += 1
            if nic.posted == 0:
                nic.retry = m.now + nic.rx_retry
            return
        if nic.dma and not map_slot(m, n, b):
            if nic.posted == 0:
                nic.retry = m.now + nic.rx_retry
            return
        nic.use = (nic.use + 1) % nic.ring
        nic.posted += 1


@kernel
def buffers_of(m, n, nbytes):
    """Slots that a frame with this payload takes."""
    return (nbytes + HEADERS + nics(m)[n].buffer - 1) // nics(m)[n].buffer


@kernel
def fill(m, n):
    """The card has put frames that arrived by now into posted buffers; those beyond are lost (rx_missed)."""
    nic = nics(m)[n]
    while True:
        s = take_arrival(m, nic.link, IN)
        if s == NONE:
            return
        need = buffers_of(m, n, segments(m)[s].bytes)
        if nic.posted < need:
            nic.rx_missed += 1
            nic_count(m).rx_missed += 1
            free_segment(m, s)
            continue
        if nic.dma:
            write_frame(m, n, nic.clean + nic.filled, need, segments(m)[s].bytes, segments(m)[s].at)
        nic_rx(m)[nic.rx_first + (nic.clean + nic.filled) % nic.ring].segment = s
        nic.filled += need
        nic.posted -= need


@kernel
def settle(m, n):
    """Who polls sees nothing of frames before the card has written them."""
    m.now = max(m.now, nics(m)[n].rx_engine)


@kernel
def next_slot(m, n):
    """The first slot that the card has filled: its row; it is the ring's to fill again."""
    nic = nics(m)[n]
    at = nic.rx_first + nic.clean
    nic.clean = (nic.clean + 1) % nic.ring
    nic.filled -= 1
    nic_rx(m)[at].segment = NONE
    if nic.dma:
        unmap_slot(m, n, nic_rx(m)[at])
    return at


@kernel
def give_page(m, n, at):
    """The block in slot `at` goes to a buffer with its reference; the other half of a page stays if nobody has it.

    Not one of the reserves. In the kernel: ixgbe_can_reuse_page, ixgbe_put_rx_buffer.
    """
    b, pfn = nic_rx(m)[at], nic_rx(m)[at].frame
    page = frames(m)[pfn]
    if nics(m)[n].driver == IXGBE and b.bytes <= HALF and page.slot == 1 and not page.state & PFMEMALLOC:
        get_page(m, pfn)
        b.offset ^= HALF
    else:
        if nics(m)[n].dma:
            give_away(m, n, b)
        b.frame = NONE
    return pfn
