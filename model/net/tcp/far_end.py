"""The other end of a link: the same TCP for its sockets, a card that gathers frames, and who reads and writes there."""

from mmrun.model.core.actor import actor
from mmrun.model.core.actors import NEVER
from mmrun.model.core.jit import caller, kernel
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import FOREVER, sleep_until, wait
from mmrun.model.net.link.state import OUT, segments, wires
from mmrun.model.net.link.wire import free_segment, next_arrival, take_arrival
from mmrun.model.net.skb.skb import alloc_skb
from mmrun.model.net.skb.state import FAR, FIN, RST, SYN, skbs
from mmrun.model.net.tcp.recvmsg import tcp_recvmsg, tcp_shutdown
from mmrun.model.net.tcp.sendmsg import DONTWAIT, tcp_sendmsg
from mmrun.model.net.tcp.sock import tcp_read_ready
from mmrun.model.net.tcp.state import ECHO, ESTABLISHED, NO_APP, SEND_SHUTDOWN, SINK, socks, tcp_state

netif_receive_skb = caller("netif_receive_skb")

GRO_MOST = 65536  # bytes
MODERATION = 20_000  # ns between two interrupts of its card while frames come all the time


@kernel
def _received(m, link):
    """The next packet that has come: frames of one stream that follow each other are one; its row, or NONE."""
    i = take_arrival(m, link, OUT)
    if i == NONE:
        return NONE
    one = segments(m)[i]
    s = alloc_skb(m, 0, 0, FAR)
    if s == NONE:
        free_segment(m, i)
        return NONE
    skb = skbs(m)[s]
    skb.sock, skb.marks, skb.bytes, skb.seq = one.sock, skb.marks | one.tcp_flags << 2, one.bytes, one.seq
    skb.ack, skb.window, skb.stamp, skb.echo = one.ack, one.window, one.stamp, one.echo
    free_segment(m, i)
    plain = skb.bytes > 0 and not skb.marks & (SYN | FIN | RST)
    while plain and skb.bytes < GRO_MOST:
        i = wires(m)[link].way[OUT].head
        if i == NONE or segments(m)[i].at > m.now:
            break
        more = segments(m)[i]
        if more.sock != skb.sock or more.seq != skb.seq + skb.bytes or more.bytes == 0 or more.tcp_flags & 7:
            break
        take_arrival(m, link, OUT)
        skb.bytes += more.bytes
        skb.segs += 1
        skb.ack, skb.window, skb.stamp = more.ack, more.window, more.stamp
        free_segment(m, i)
    skb.end_seq = skb.seq + skb.bytes + (1 if skb.marks & FIN else 0)
    skb.truesize += skb.bytes
    return s


@kernel
def run_app(m, sk):
    """Whoever is at the far end reads what has come, and sends what is to be sent, as far as there is room."""
    sock = socks(m)[sk]
    if sock.app == NO_APP or sock.state != ESTABLISHED:
        return
    if sock.app == SINK or sock.app == ECHO:
        while tcp_read_ready(m, sk) > 0:
            took = tcp_recvmsg(m, sk, tcp_read_ready(m, sk), DONTWAIT)
            if took <= 0:
                break
            if sock.app == ECHO:
                sock.app_left += took
    if sock.app == ECHO:
        sock.app_owed += sock.app_left // sock.app_request * sock.app_answer
        sock.app_left %= sock.app_request
    while sock.app_owed > 0 and sock.state == ESTABLISHED:
        took = tcp_sendmsg(m, sk, min(sock.app_owed, 1 << 16), DONTWAIT)
        if took <= 0:
            break
        sock.app_owed -= took
        if sock.app_owed == 0 and not sock.app_stays and not sock.shutdown & SEND_SHUTDOWN:
            tcp_shutdown(m, sk)


@actor(per="far_end", apart=True, at_boot=True)
def far_end(m, link):
    """What is at the other end of link number `link`, for ever."""
    for sk in range(tcp_state(m).nr_sockets):
        if socks(m)[sk].link == link and not socks(m)[sk].here:
            run_app(m, sk)
    last = -NEVER
    while True:
        taken = 0
        while m.broken == 0:
            s = _received(m, link)
            if s == NONE:
                break
            sk = skbs(m)[s].sock
            taken += 1
            netif_receive_skb(m, s)
            run_app(m, sk)
        soon, last = taken > 0 and m.now - last < 2 * MODERATION, m.now if taken else last
        if soon:
            sleep_until(m, m.now + MODERATION)
            continue
        at = next_arrival(m, link, OUT)
        if at >= NEVER:
            wait(m, wires(m)[link].waiting[OUT], FOREVER)
        elif at > m.now:
            sleep_until(m, at)
    return 0
