"""Sockets and TCP: what can be set and read."""

from typing import Annotated

from mmrun.model.core.mechanism import CORE, Matters, Subject, Told, counters, hooks
from mmrun.model.rules.bounds import Range
from mmrun.model.rules.record import Record, record
from mmrun.model.units import Nanoseconds

HAS_STREAMS = Matters(
    "a cell with sockets",
    lambda case, _: (
        any(t.stream.kind.startswith("net") for t in case.cell.tasks.values())
        or any(area.kind in ("nbd", "nfs", "iscsi") for area in case.cell.machine.swap.values())
    ),
)

HOOKS = {
    **hooks(
        CORE,
        101,
        ("far_end", "link", "does what the other end of a link does, for ever"),
        ("tcp_timer", "number", "runs the timers of sockets, for ever"),
        optional=True,
    ),
    **hooks(
        CORE,
        230,
        ("net_send", "task argument", "OK or OUT_OF_MEMORY, after sendmsg"),
        ("net_send_nowait", "task argument", "OK or OUT_OF_MEMORY, after sendmsg with MSG_DONTWAIT, once and again"),
        ("net_recv", "task argument", "OK or OUT_OF_MEMORY, after recvmsg"),
        ("net_recv_all", "task argument", "OK or OUT_OF_MEMORY, after recvmsg with MSG_WAITALL"),
        ("net_shutdown", "task argument", "OK or OUT_OF_MEMORY, after shutdown(SHUT_WR)"),
        ("net_abort", "task argument", "OK or OUT_OF_MEMORY, after the connection is reset"),
        ("net_connect", "task argument", "OK or OUT_OF_MEMORY, after connect"),
        ("net_transact", "task argument", "OK or OUT_OF_MEMORY, after a request and its answer"),
        ("net_serve", "task argument", "OK or OUT_OF_MEMORY, after a request was read and answered"),
        ("net_drain", "task argument", "OK or OUT_OF_MEMORY, after all that was sent is acknowledged"),
        optional=True,
    ),
}

TCP_COUNTERS = counters(
    """
TCPRcvCoalesce | none | received buffers whose payload joined the buffer before | buffers
PruneCalled | lower | times that a receive queue had no room | events
RcvPruned | lower | times that collapsing and dropping made no room | events
OfoPruned | lower | times that what came out of order was dropped for room | events
TCPRcvCollapsed | none | buffers whose payload was copied together to save room | buffers
TCPOFOQueue | none | segments that came out of order and were kept | segments
TCPOFODrop | lower | segments out of order that no room was found for | segments
TCPOFOMerge | none | segments out of order that overlapped others | segments
TCPRcvQDrop | lower | segments in order that no room was found for | segments
TCPZeroWindowDrop | lower | segments that came at a closed window | segments
TCPToZeroWindowAdv | lower | times that a window was closed | events
TCPFromZeroWindowAdv | none | times that a closed window was opened | events
TCPWantZeroWindowAdv | lower | times that a window was to be closed and could not be taken back | events
TCPBacklogDrop | lower | segments dropped as their socket's user was busy for too long | segments
PFMemallocDrop | lower | buffers from the reserves that an ordinary socket was not given | buffers
TCPTimeouts | lower | retransmission timeouts | events
TCPLossProbes | lower | tail loss probes | events
TCPFastRetrans | lower | retransmissions after duplicate acknowledgements | segments
TCPSpuriousRtxHostQueues | lower | retransmissions not made as the buffer had not left the machine | events
TCPWqueueTooBig | lower | retransmissions not made as the send queue was too long | events
TCPAbortOnTimeout | lower | connections given up as nothing was acknowledged | events
TCPAutoCorking | none | small writes held back to grow | events
DelayedACKs | none | acknowledgements sent by the timer | events
RetransSegs | lower | segments sent again | segments
OutSegs | none | segments sent | segments
InSegs | none | segments received | segments
TCPSndbufFull | none | times that a sender waited for room | events
tcp_send_eagain | none | sends that would have waited and were told so | events
tcp_bytes_sent | higher | bytes that senders gave to sockets | bytes
tcp_bytes_acked | higher | bytes that were acknowledged | bytes
tcp_bytes_received | higher | bytes that receivers read | bytes
net_errors | lower | calls of sockets that failed, a wait refused apart | events
net_transactions | higher | requests that were answered | events
net_transaction_ns | lower | time from request to answer, in total | ns
""",
    "events",
)

COUNTERS = TCP_COUNTERS  # of the machine
TCP_GAUGES = counters("""
tcp_sockets | none | sockets of this machine | sockets
tcp_wmem_queued | none | what send queues are charged as | bytes
tcp_rmem_alloc | none | what receive queues are charged as | bytes
""")
TOLD = (Told("machine", TCP_GAUGES, sampled=True, when=lambda case: HAS_STREAMS.when(case, None)),)


@record
class Sysctl(Record):
    """Settings under /proc/sys/net/ipv4."""

    MATTERS = HAS_STREAMS
    tcp_limit_output_bytes: Annotated[int, Range(ge=0, le=1 << 30)] | None = None
    """Bytes of a socket that may wait in the card's queue (TCP Small Queues, 3.6)."""


@record
class Costs(Record):
    """CPU time of its steps."""

    MATTERS = HAS_STREAMS
    tcp_sendmsg_skb: Nanoseconds = 250
    """A new buffer in a send queue, its memory apart (estimate)."""
    tcp_xmit_skb: Nanoseconds = 700
    """Sending a buffer through TCP and IP (estimate)."""
    tcp_rcv_skb: Nanoseconds = 900
    """A received buffer in TCP and IP, whatever its size: 64 KiB of frames take 2-3 us with their driver (estimate)."""
    tcp_ack_skb: Nanoseconds = 350
    """An acknowledgement without data, sent or received (estimate)."""
    copy_user_ps: Annotated[int, Range(ge=0, le=10_000)] = 150
    """Picoseconds a byte between user memory and buffers: 100 to 250 (estimate)."""


SUBJECTS = (
    Subject(
        "socket",
        "TCP connections over loopback or a link (`tasks.<name>.stream: {kind: netstream}`, `netrr`): buffers of real "
        "pages, windows, acknowledgements, retransmission. Congestion control is slow start and Reno without selective "
        "acknowledgements; only ends on this machine cost memory and CPU time.",
        ("TCPRcvCoalesce", "PruneCalled", "tcp_wmem_queued", "tcp_rmem_alloc", "tcp_limit_output_bytes"),
        ("tcp", "network", "sockets", "so_sndbuf", "so_rcvbuf", "netperf", "iperf", "ss", "skmem", "netstat"),
    ),
)
