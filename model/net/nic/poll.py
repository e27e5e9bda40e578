"""NAPI polls: frames out of the receive ring, at most 64 a poll, in softirqs of limited length (net_rx_action)."""

from mmrun.model.core.actor import actor
from mmrun.model.core.actors import NEVER
from mmrun.model.core.jit import kernel, rare
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import FOREVER, cond_resched, wait
from mmrun.model.mm.page.gfp import GFP_ATOMIC, NOWARN
from mmrun.model.mm.page.state import frames
from mmrun.model.net.link.state import IN, segments, wires
from mmrun.model.net.link.wire import free_segment, next_arrival
from mmrun.model.net.nic.dev import clean_tx, next_completion
from mmrun.model.net.nic.gro import gro_flush, gro_receive
from mmrun.model.net.nic.rx_ring import WRITE, buffers_of, fill, give_page, next_slot, refill, settle
from mmrun.model.net.nic.state import E1000E, VIRTIO, nic_count, nic_rx, nic_settings, nics
from mmrun.model.net.skb.frags import HEADERS, skb_add_rx_frag, skb_put
from mmrun.model.net.skb.page_frag import napi_frag
from mmrun.model.net.skb.skb import netdev_alloc_skb
from mmrun.model.net.skb.slab import PFMEMALLOC
from mmrun.model.net.skb.state import RESERVE, skbs

WEIGHT, BUDGET = 64, 300  # NAPI_POLL_WEIGHT; netdev_budget: frames of a poll, of a softirq
HEADER = 256  # bytes that are copied to the head of a buffer whose payload stays in pages (IXGBE_RX_HDR_SIZE)
GOOD_COPY = 128  # the same for virtio: what fits is copied (GOOD_COPY_LEN)


@kernel
def _describe(m, s, segment):
    """Buffer `s` is the frame of row `segment`, which has been dealt with."""
    skb, seg = skbs(m)[s], segments(m)[segment]
    skb.sock, skb.seq, skb.ack, skb.window = seg.sock, seg.seq, seg.ack, seg.window
    skb.stamp, skb.echo, skb.at = seg.stamp, seg.echo, m.now
    skb.end_seq = seg.seq + seg.bytes + (seg.tcp_flags & 1) + (seg.tcp_flags >> 1 & 1)
    skb.marks |= (seg.tcp_flags & 15) << 2
    free_segment(m, segment)


@kernel
def _whole_head(m, n, at, nbytes):
    """The buffer that the frame lies in, or a small one that it is copied to, with the large one posted again."""
    if nbytes + HEADERS < nics(m)[n].copybreak:
        s = netdev_alloc_skb(m, napi_frag(m), nbytes + HEADERS, GFP_ATOMIC | NOWARN)
        if s != NONE:
            skb_put(m, s, nbytes)
            return s
    s = nic_rx(m)[at].skb
    nic_rx(m)[at].skb = NONE
    skb_put(m, s, nbytes)
    return s


@kernel
def _with_pages(m, n, at, nbytes):
    """A buffer with a small head and the blocks that the frame lies in, or a small one's copy; NONE without memory."""
    nic = nics(m)[n]
    head = GOOD_COPY if nic.driver == VIRTIO else HEADER
    s = netdev_alloc_skb(m, napi_frag(m), head, GFP_ATOMIC | NOWARN)
    if s == NONE:
        return NONE
    if nbytes + HEADERS <= nic.copybreak:
        skb_put(m, s, nbytes)
        return s
    left, at_first = nbytes + HEADERS, True
    while left > 0:
        slot = at if at_first else next_slot(m, n)
        b = nic_rx(m)[slot]
        size, offset, charge = min(left, nic.buffer), b.offset, b.bytes
        skip = HEADERS if at_first else 0
        if frames(m)[b.frame].state & PFMEMALLOC:
            skbs(m)[s].marks |= RESERVE
        skb_add_rx_frag(m, s, give_page(m, n, slot), offset + skip, size - skip, charge)
        left -= size
        at_first = False
    return s


@rare
@kernel
def _drop(m, n, segment, need):
    """There is no memory for the head of a buffer: the frame is lost, its buffers are posted again."""
    nic_count(m).rx_skb_failed += 1
    for _ in range(need - 1):
        next_slot(m, n)
    free_segment(m, segment)


@kernel
def poll(m, n, budget):
    """Up to `budget` frames out of the ring, posted anew on the way; how many (e1000_clean_rx_irq, ixgbe_poll)."""
    nic, done = nics(m)[n], 0
    fill(m, n)
    if nic.dma:
        settle(m, n)
    while nic.filled and done < budget:
        segment = nic_rx(m)[nic.rx_first + nic.clean].segment
        nbytes, at = segments(m)[segment].bytes, next_slot(m, n)
        m.now += nic_settings(m).nic_rx_frame
        done += 1
        if nic.driver == E1000E and nic_rx(m)[at].skb != NONE:
            s = _whole_head(m, n, at, nbytes)
        else:
            s = _with_pages(m, n, at, nbytes)
        if s == NONE:
            _drop(m, n, segment, buffers_of(m, n, nbytes))
            break
        nic.rx_packets += 1
        nic.rx_bytes += nbytes
        nic_count(m).rx_packets += 1
        nic_count(m).rx_bytes += nbytes
        _describe(m, s, segment)
        gro_receive(m, n, s)
        if nic.ring - nic.posted - nic.filled >= WRITE:
            refill(m, n)
    refill(m, n)
    gro_flush(m, n)
    return done


@kernel
def net_rx_action(m, n):
    """A softirq: poll until nothing is left; others run after each poll, and it counts when budget or time is over."""
    nic, left, ends_at = nics(m)[n], BUDGET, m.now + nic_settings(m).budget_ns
    while m.broken == 0:
        nic.polls += 1
        clean_tx(m, n)
        work = poll(m, n, WEIGHT)
        left -= work
        if work < WEIGHT:
            return
        if left <= 0 or m.now >= ends_at:
            nic.time_squeeze += 1
            nic_count(m).time_squeeze += 1
            left, ends_at = BUDGET, m.now + nic_settings(m).budget_ns
        cond_resched(m)


@kernel
def _due(m, n):
    """When the card has something to tell: a frame, a buffer that has left, a ring that is to be filled at last."""
    nic = nics(m)[n]
    at = min(next_arrival(m, nic.link, IN) if nic.posted else NEVER, next_completion(m, n))
    return max(min(at, nic.retry if nic.posted == 0 else NEVER), nic.may_interrupt)


@actor(per="napi", apart=True, at_boot=True)
def napi(m, n):
    """Open a card, then sleep until it interrupts and poll it, for ever."""
    nic = nics(m)[n]
    refill(m, n)
    while m.broken == 0:
        at = _due(m, n)
        if at > m.now:
            wait(m, wires(m)[nic.link].waiting[IN], FOREVER if at >= NEVER else at - m.now)
            continue
        nic.may_interrupt = m.now + nic.moderation
        nic.interrupts += 1
        nic_count(m).nic_interrupts += 1
        m.now += nic_settings(m).nic_interrupt
        net_rx_action(m, n)
    return 0
