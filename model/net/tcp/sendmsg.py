"""Putting data into a send queue, and waiting for room there (tcp_sendmsg_locked, sk_stream_wait_memory)."""

from mmrun.model.core.jit import kernel
from mmrun.model.core.lehmer import following
from mmrun.model.core.record import NONE
from mmrun.model.machine.state import geometry
from mmrun.model.mm.page.gfp import DIRECT_RECLAIM, FS, MEMALLOC
from mmrun.model.net.skb.frags import skb_add_page, skb_fill_frag, skb_put
from mmrun.model.net.skb.page_frag import page_frag_refill, sock_frag, task_frag
from mmrun.model.net.skb.state import MAX_FRAGS, page_frags, skb_frags, skb_settings, skbs
from mmrun.model.net.tcp.fragment import room_in_head, tcp_stream_alloc_skb
from mmrun.model.net.tcp.output import (
    CORK,
    NAGLE,
    PUSH_NOW,
    push_pending,
    sk_gfp_mask,
    tcp_size_goal,
    tcp_write_xmit,
)
from mmrun.model.net.tcp.receive import release_sock
from mmrun.model.net.tcp.sock import entail, free_queued, interrupted, lock_sock, sk_stream_memory_free, sk_wait
from mmrun.model.net.tcp.state import (
    DONTWAIT,
    EAGAIN,
    EINTR,
    ENOTCONN,
    EPIPE,
    ESTABLISHED,
    MORE,
    NOSPACE,
    PAGES,
    SEND_SHUTDOWN,
    THROTTLED,
    socks,
    tcp_count,
    tcp_settings,
    tcp_state,
)
from mmrun.model.net.tcp_mem.sock import (
    sk_enter_memory_pressure,
    sk_forced_mem_schedule,
    sk_mem_charge,
    sk_stream_moderate_sndbuf,
    sk_wmem_schedule,
)
from mmrun.model.net.tcp_mem.state import tcp_mem
from mmrun.model.units import S

LEAST_FRAG = 32  # bytes of a block that are worth cutting from


@kernel
def sk_page_frag(m, sk):
    """The row that payload is copied to: the task's own block, of a socket that may not wait or reclaim its own."""
    if not skb_settings(m).task_frags or socks(m)[sk].gfp & (DIRECT_RECLAIM | MEMALLOC | FS) != DIRECT_RECLAIM | FS:
        return sock_frag(m, sk)
    return task_frag(m)


@kernel
def tcp_wmem_schedule(m, sk, copy):
    """How much of `copy` bytes the socket may take: all, or what is left of its first page (5.19), or nothing."""
    sock = socks(m)[sk]
    if sk_wmem_schedule(m, sk, copy):
        return copy
    if not tcp_settings(m).tcp_partial_charge:
        return 0
    left = tcp_mem(m).wmem[0] - sock.wmem_queued
    if left > 0:
        sk_forced_mem_schedule(m, sk, min(left, copy))
    return max(min(copy, sock.forward_alloc), 0)


@kernel
def forced_push(m, sk):
    """Half a window has been queued since something was pushed last."""
    sock = socks(m)[sk]
    return sock.write_seq > sock.pushed_seq + (sock.max_window >> 1)


@kernel
def _should_autocork(m, sk, goal):
    """Whether a small tail waits for what is in the card, as more may come (tcp_should_autocork)."""
    sock = socks(m)[sk]
    tail = sock.write_queue.tail
    if not tcp_settings(m).tcp_autocorking or skbs(m)[tail].bytes >= goal or sock.packets_out == 0:
        return False
    return sock.wmem_alloc > skbs(m)[tail].truesize


@kernel
def tcp_push(m, sk, how, nonagle, goal):
    """Send what is queued, the tail too if it may go."""
    sock = socks(m)[sk]
    if sock.write_queue.tail == NONE:
        return
    if not how & MORE or forced_push(m, sk):
        sock.pushed_seq = sock.write_seq
    if _should_autocork(m, sk, goal):
        if not sock.sk_flags & THROTTLED:
            tcp_count(m).TCPAutoCorking += 1
            sock.sk_flags |= THROTTLED
        return
    push_pending(m, sk, CORK if how & MORE else nonagle)


@kernel
def sk_stream_wait_memory(m, sk, how):
    """Wait for room in the send queue, or, where memory is what lacks, up to a fifth of a second: 0 or an error."""
    sock, refused = socks(m)[sk], sk_stream_memory_free(m, sk)
    sock.sk_flags |= NOSPACE
    tcp_count(m).TCPSndbufFull += 1 if sock.here else 0
    timeout = 1 << 62
    if refused:
        state = tcp_state(m)
        state.random = following(state.random)
        jiffies = state.random % (geometry(m).hz // 5) + 2
        timeout = jiffies * S // geometry(m).hz
    while m.broken == 0:
        if sock.err:
            return -sock.err
        if sock.shutdown & SEND_SHUTDOWN or sock.state != ESTABLISHED:
            return -EPIPE
        if how & DONTWAIT:
            return -EAGAIN
        if interrupted(m):
            return -EINTR
        if sk_stream_memory_free(m, sk) and not refused:
            return 0
        sock.sk_flags |= NOSPACE
        release_sock(m, sk)
        if not sk_stream_memory_free(m, sk) or refused:
            sk_wait(m, sock.senders, timeout)
        lock_sock(m, sk)
        refused = False
    return -EINTR


@kernel
def _remove_empty(m, sk):
    """A buffer that nothing was put into goes again (tcp_remove_empty_skb)."""
    tail = socks(m)[sk].write_queue.tail
    if tail == NONE or socks(m)[sk].send_head == NONE or skbs(m)[tail].bytes:
        return
    if skbs(m)[tail].seq == skbs(m)[tail].end_seq:
        free_queued(m, sk, tail)


@kernel
def _new_segment(m, sk):
    """A fresh buffer at the end of the queue: its row, or NONE when it has to wait."""
    sock = socks(m)[sk]
    if not sk_stream_memory_free(m, sk):
        return NONE
    s = tcp_stream_alloc_skb(m, sk, sk_gfp_mask(m, sk, sock.gfp), sock.write_queue.head == NONE)
    if s == NONE:
        return NONE
    skb = skbs(m)[s]
    skb.seq = skb.end_seq = sock.write_seq
    entail(m, sk, s)
    if sock.here:
        m.now += tcp_settings(m).tcp_sendmsg_skb
    if sock.packets_out == 0 and sock.sent_at and m.now - sock.sent_at > sock.rto:
        _restart_after_idle(m, sk)
    return s


@kernel
def _restart_after_idle(m, sk):
    """Nothing was sent for long: the window is halved for every timeout that has passed (tcp_cwnd_restart)."""
    sock = socks(m)[sk]
    left = m.now - sock.sent_at - sock.rto
    while left > 0 and sock.snd_cwnd > tcp_settings(m).tcp_init_cwnd:
        sock.snd_cwnd >>= 1
        left -= sock.rto
    sock.snd_cwnd = max(sock.snd_cwnd, min(tcp_settings(m).tcp_init_cwnd, 10))
    sock.sent_at = m.now


@kernel
def _took(m, sk, s, copy, paid):
    """Buffer `s` has `copy` bytes more, `paid` of which are charged to the socket."""
    sock = socks(m)[sk]
    sock.wmem_queued += paid
    sk_mem_charge(m, sk, paid)
    sock.write_seq += copy
    skbs(m)[s].end_seq += copy


@kernel
def _copy(m, sk, s, left):
    """Copy up to `left` bytes into buffer `s`: how many, 0: wait for memory, NONE: it can hold no more pieces."""
    sock, skb = socks(m)[sk], skbs(m)[s]
    if not sock.here:
        skb_fill_frag(m, s, NONE, left)
        _took(m, sk, s, left, left)
        return left
    room = room_in_head(m, sk) - skb.linear
    if room > 0 and skb.nr_frags == 0:
        copy = min(left, room)
        skb_put(m, s, copy)
        _took(m, sk, s, copy, 0)
    else:
        pf = sk_page_frag(m, sk)
        if not page_frag_refill(m, pf, LEAST_FRAG, sk_gfp_mask(m, sk, sock.gfp)):
            sk_enter_memory_pressure(m, sk)
            sk_stream_moderate_sndbuf(m, sk)
            return 0
        p = page_frags(m)[pf]
        if skb.nr_frags >= MAX_FRAGS:
            piece = skb_frags(m)[skb.last]
            if piece.frame != p.frame or piece.offset + piece.bytes != p.offset:
                return NONE
        copy = tcp_wmem_schedule(m, sk, min(left, p.bytes - p.offset))
        if copy == 0:
            return 0
        if not skb_fill_frag(m, s, pf, copy):
            return 0
        _took(m, sk, s, copy, copy)
    m.now += copy * tcp_settings(m).copy_user_ps // 1000
    return copy


@kernel
def _reference(m, sk, s, left):
    """Reference up to `left` bytes of the page to send, which lies in whole at `tcp_state.page`; as `_copy`."""
    copy = tcp_wmem_schedule(m, sk, left)
    if copy == 0:
        return 0
    state = tcp_state(m)
    if not skb_add_page(m, s, state.page, state.page_offset, copy):
        return NONE
    state.page_offset += copy
    _took(m, sk, s, copy, copy)
    return copy


@kernel
def _sent_full(m, sk, s):
    """A buffer is full: it leaves, or all do if half a window waits."""
    sock = socks(m)[sk]
    if forced_push(m, sk):
        sock.pushed_seq = sock.write_seq
        push_pending(m, sk, PUSH_NOW)
    elif s == sock.send_head:
        tcp_write_xmit(m, sk, PUSH_NOW, 1)


@kernel
def _send_locked(m, sk, nbytes, how, page):
    """Queue `nbytes`; how many were taken, or an error."""
    sock, copied, goal, fresh = socks(m)[sk], 0, tcp_size_goal(m, sk), 0
    while copied < nbytes and m.broken == 0:
        if sock.err or sock.shutdown & SEND_SHUTDOWN or sock.state != ESTABLISHED:
            return copied or (-sock.err if sock.err else -EPIPE)
        s = sock.write_queue.tail
        took = NONE
        if s != NONE and sock.send_head != NONE and skbs(m)[s].bytes < goal:
            took = 0
        if took == NONE:
            if fresh >= 16 and sock.backlog.head != NONE:
                fresh = 0
                release_sock(m, sk)
                lock_sock(m, sk)
                continue
            s = _new_segment(m, sk)
            fresh += 1
        if s != NONE:
            left = min(nbytes - copied, goal - skbs(m)[s].bytes)
            if page == NONE:
                took = _copy(m, sk, s, left)
            else:
                tcp_state(m).page, tcp_state(m).page_offset = page, copied
                took = _reference(m, sk, s, left)
            if took == NONE:
                sock.pushed_seq = sock.write_seq
                s = _new_segment(m, sk)  # and on with this one
                if s != NONE:
                    continue
        if s == NONE or took == 0:
            _remove_empty(m, sk)
            if copied:
                tcp_push(m, sk, how & ~MORE, PUSH_NOW, goal)
            error = sk_stream_wait_memory(m, sk, how)
            if error:
                _remove_empty(m, sk)
                if not copied:
                    return error
                break
            goal = tcp_size_goal(m, sk)
            continue
        copied += took
        if copied < nbytes and skbs(m)[s].bytes >= goal:
            _sent_full(m, sk, s)
    if copied:
        tcp_push(m, sk, how, NAGLE, goal)
    return copied


@kernel
def tcp_sendmsg(m, sk, nbytes, how):
    """Send `nbytes`: how many were taken, or an error (negative).

    It blocks as the kernel does unless `how` has DONTWAIT. With PAGES the payload is at most a page, the frame
    `tcp_state.page`, which is referenced. A far end's call takes no time.
    """
    sock = socks(m)[sk]
    page = tcp_state(m).page if how & PAGES else NONE
    lock_sock(m, sk)
    taken = -ENOTCONN
    if sock.state == ESTABLISHED:
        taken = _send_locked(m, sk, nbytes, how, page)
    elif sock.err:
        taken = -sock.err
    if taken > 0:
        sock.bytes_sent += taken
        if sock.here:
            tcp_count(m).tcp_bytes_sent += taken
    elif taken == -EAGAIN and sock.here:
        tcp_count(m).tcp_send_eagain += 1
    release_sock(m, sk)
    return taken
