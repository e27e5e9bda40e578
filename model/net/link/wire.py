"""Frames on a cable: one after the other in each direction, half a round trip until they arrive, or lost on the way."""

from mmrun.model.core.actors import NEVER
from mmrun.model.core.jit import kernel, rare
from mmrun.model.core.lehmer import following
from mmrun.model.core.links import link_tail, unlink_row
from mmrun.model.core.record import NONE
from mmrun.model.core.sleep import ALL, wake
from mmrun.model.net.link.state import OUT, segments, wire_state, wires

HEADERS = 52  # bytes of IP and TCP with timestamps in front of a segment's payload
ETHERNET = 38  # preamble, header, checksum, gap between frames
LEAST = 46  # payload of Ethernet at least
MILLION = 1_000_000


@kernel
def wire_bytes(nbytes):
    """Bytes that a segment with this payload takes on the wire: 1,538 at the MTU of 1,500, 90 an acknowledgement."""
    return max(nbytes + HEADERS, LEAST) + ETHERNET


@kernel
def max_segment(m, link):
    """Payload of a full frame of the link (MSS with timestamps)."""
    return wires(m)[link].mtu - HEADERS


@kernel
def new_segment(m):
    """A row for a frame, or NONE when all are on their way."""
    state = wire_state(m)
    if state.free_segment:
        s = state.free_segment - 1
        state.free_segment = segments(m)[s].next
        return s
    if state.segment_rows >= len(segments(m)):
        return NONE
    state.segment_rows += 1
    return state.segment_rows - 1


@kernel
def free_segment(m, s):
    """The frame in row `s` is dealt with."""
    segments(m)[s].next, segments(m)[s].link = wire_state(m).free_segment, -1
    wire_state(m).free_segment = s + 1


@rare
@kernel
def _lost(m, link):
    """Whether the next frame is lost on the way: a cut cable loses all."""
    wire = wires(m)[link]
    if wire.cut:
        return True
    wire.random = following(wire.random)
    return wire.random % MILLION < wire.loss_ppm


@kernel
def transmit(m, link, way, sock, nbytes, tcp_flags, seq, ack, window, stamp, echo, at):
    """Put one segment for socket `sock` on the wire at time `at`, behind what waits there; when its last bit has left.

    It arrives half a round trip after that (all ns), and who waits at that end is woken for then; unless it is lost.
    """
    wire = wires(m)[link]
    size = wire_bytes(nbytes)
    start = at
    if at < wire.free_at[way]:
        start = wire.free_at[way]
    else:
        wire.carry[way] = 0
    ps = size * wire.byte_ps + wire.carry[way]
    left = start + ps // 1000
    wire.free_at[way], wire.carry[way] = left, ps % 1000
    wire.sent[way] += 1
    wire.bytes[way] += size
    if (wire.cut or wire.loss_ppm) and _lost(m, link):
        wire.lost += 1
        return left
    s = new_segment(m)
    if s == NONE:
        wire.lost += 1
        wire_state(m).refused += 1
        return left
    one = segments(m)[s]
    one.sock, one.link, one.way, one.bytes, one.tcp_flags = sock, link, way, nbytes, tcp_flags
    one.seq, one.ack, one.window, one.stamp, one.echo, one.at = seq, ack, window, stamp, echo, left + wire.rtt // 2
    link_tail(segments(m), wire.way[way], s)
    wake(m, wire.waiting[way], ALL, one.at)
    return left


@kernel
def next_arrival(m, link, way):
    """When the next frame arrives at that end (ns), in the past if it waits to be taken; NEVER: none is on its way."""
    head = wires(m)[link].way[way].head
    return NEVER if head == NONE else segments(m)[head].at


@kernel
def take_arrival(m, link, way):
    """The first frame that has arrived by now, off the wire: its row, to be given back with `free_segment`; or NONE."""
    wire = wires(m)[link]
    head = wire.way[way].head
    if head == NONE or segments(m)[head].at > m.now:
        return NONE
    unlink_row(segments(m), wire.way[way], head)
    wire.arrived[way] += 1
    return head


@kernel
def cut_link(m, link):
    """Cut the cable: what is on its way is lost, and all that is sent until it is healed."""
    wire = wires(m)[link]
    wire.cut = 1
    for way in range(OUT, OUT + 2):
        s = wire.way[way].tail
        while s != NONE and segments(m)[s].at > m.now:
            before = segments(m)[s].prev
            unlink_row(segments(m), wire.way[way], s)
            free_segment(m, s)
            wire.lost += 1
            s = before


@kernel
def heal_link(m, link):
    """The cable is whole again; nobody is told, as senders try again by themselves."""
    wires(m)[link].cut = 0
