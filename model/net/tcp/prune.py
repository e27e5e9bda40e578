"""A full receive buffer: the queue is copied together, what came out of order is dropped (tcp_prune_queue)."""

from mmrun.model.core.jit import kernel, rare
from mmrun.model.core.links import link_after, link_head
from mmrun.model.core.record import NONE
from mmrun.model.mm.page.gfp import GFP_ATOMIC
from mmrun.model.net.skb.skb import alloc_skb
from mmrun.model.net.skb.state import FAR, skbs
from mmrun.model.net.tcp.sock import drop_received, skb_set_owner_r
from mmrun.model.net.tcp.state import RCVBUF_LOCK, socks, tcp_count, tcp_settings
from mmrun.model.net.tcp_mem.sock import sk_mem_reclaim, sk_memory_plenty, sk_rmem_schedule, sk_under_memory_pressure
from mmrun.model.net.tcp_mem.state import tcp_mem
from mmrun.model.units import PAGE

COLLAPSED = PAGE - 320  # bytes of payload of a buffer that is made when collapsing


@kernel
def tcp_clamp_window(m, sk):
    """The buffer is over its size: let it grow to what it holds, if it may, else hold the sender back."""
    s = socks(m)[sk]
    s.quick = 0
    most = tcp_mem(m).rmem[2]
    may = s.rcvbuf < most and not s.sk_flags & RCVBUF_LOCK and not sk_under_memory_pressure(m, sk)
    if may and sk_memory_plenty(m, sk):
        s.rcvbuf = min(s.rmem_alloc, most)
    if s.rmem_alloc > s.rcvbuf:
        s.rcv_ssthresh = min(s.window_clamp, 2 * s.advmss)


@kernel
def put_before(m, queue, at, s):
    """Buffer `s` comes into a queue of skbs in front of buffer `at`."""
    before = skbs(m)[at].prev
    if before == NONE:
        link_head(skbs(m), queue, s)
    else:
        link_after(skbs(m), queue, before, s)


@kernel
def _worth_collapsing(m, s):
    """Whether copying a buffer's payload would save memory: it costs more than it holds by far (tcp_collapse)."""
    skb = skbs(m)[s]
    return skb.truesize - skb.bytes > skb.bytes >> 1 or skb.bytes + 1280 < skb.truesize - 960


@rare
@kernel
def tcp_collapse(m, sk, queue):
    """Copy runs of adjacent buffers of a queue into fuller ones of less than a page; stops without memory.

    A copy holds at most `COLLAPSED` bytes, in its head; buffers whose payload fills their memory stay.
    """
    sock = socks(m)[sk]
    s = queue.head
    while s != NONE and m.broken == 0:
        after = skbs(m)[s].next
        adjacent = after != NONE and skbs(m)[after].seq == skbs(m)[s].end_seq
        if not (_worth_collapsing(m, s) and (adjacent or skbs(m)[s].bytes < skbs(m)[s].truesize >> 2)):
            s = after
            continue
        s = _collapse_run(m, sk, queue, s)
        if s == NONE or sock.rmem_alloc <= sock.rcvbuf:
            return


@kernel
def _collapse_run(m, sk, queue, s):
    """Copy as many bytes as one new buffer takes, from buffer `s` on; the first that is left, NONE without memory."""
    first, end, total = s, skbs(m)[s].seq, 0
    while s != NONE and skbs(m)[s].seq == end and total + skbs(m)[s].bytes <= COLLAPSED:
        total += skbs(m)[s].bytes
        end = skbs(m)[s].end_seq
        s = skbs(m)[s].next
    if total == 0 or s == skbs(m)[first].next:  # one alone saves nothing here
        return skbs(m)[first].next
    new = alloc_skb(m, total, 0 if not socks(m)[sk].here else GFP_ATOMIC, 0 if socks(m)[sk].here else FAR)
    if new == NONE:
        return NONE
    skb = skbs(m)[new]
    skb.linear = skb.bytes = total
    skb.seq, skb.end_seq = skbs(m)[first].seq, end
    skb.ack, skb.stamp = skbs(m)[first].ack, skbs(m)[first].stamp
    m.now += total * tcp_settings(m).copy_user_ps // 1000
    put_before(m, queue, first, new)
    skb_set_owner_r(m, sk, new)
    at = skbs(m)[new].next
    while at != s:
        after = skbs(m)[at].next
        drop_received(m, sk, queue, at)
        tcp_count(m).TCPRcvCollapsed += 1
        at = after
    return s


@rare
@kernel
def tcp_prune_ofo_queue(m, sk):
    """Drop from the end of what came out of order, an eighth of the buffer at a time; whether there was anything.

    Before 4.9 all of it goes.
    """
    sock = socks(m)[sk]
    queue, freed = sock.out_of_order_queue, 0
    if queue.head == NONE:
        return False
    tcp_count(m).OfoPruned += 1
    while queue.tail != NONE:
        freed += skbs(m)[queue.tail].truesize
        drop_received(m, sk, queue, queue.tail)
        if tcp_settings(m).tcp_ofo_prunes_by_eighths and freed >= sock.rcvbuf >> 3:
            sk_mem_reclaim(m, sk)
            if sock.rmem_alloc <= sock.rcvbuf and not sk_under_memory_pressure(m, sk):
                break
            freed = 0
    return True


@rare
@kernel
def tcp_prune_queue(m, sk):
    """Make room in a receive buffer: 0, or -1 when nothing helps."""
    sock, count = socks(m)[sk], tcp_count(m)
    count.PruneCalled += 1
    if sock.rmem_alloc >= sock.rcvbuf:
        tcp_clamp_window(m, sk)
    elif sk_under_memory_pressure(m, sk):
        sock.rcv_ssthresh = min(sock.rcv_ssthresh, 4 * sock.advmss)
    if sock.rmem_alloc <= sock.rcvbuf:
        return 0
    tcp_collapse(m, sk, sock.out_of_order_queue)
    tcp_collapse(m, sk, sock.receive_queue)
    sk_mem_reclaim(m, sk)
    if sock.rmem_alloc <= sock.rcvbuf:
        return 0
    tcp_prune_ofo_queue(m, sk)
    if sock.rmem_alloc <= sock.rcvbuf:
        return 0
    count.RcvPruned += 1
    return -1


@kernel
def tcp_try_rmem_schedule(m, sk, s, size):
    """Whether the socket may keep `size` bytes of buffer `s`, room being made for it if need be."""
    if socks(m)[sk].rmem_alloc <= socks(m)[sk].rcvbuf and sk_rmem_schedule(m, sk, s, size):
        return True
    if tcp_prune_queue(m, sk) < 0:
        return False
    while not sk_rmem_schedule(m, sk, s, size):
        if not tcp_prune_ofo_queue(m, sk):
            return False
    return True
