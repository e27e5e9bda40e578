"""One direction of TCP connections: a sender writes messages one after the other, or a receiver reads them.

Two tasks with the same `flow` are the two ends of connections over loopback; where only one is there, its other end
neither reads nor writes. With a `link` the other end is on another machine, which reads at once, or sends as fast as it
can.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from mmrun.model.core.events import ARG_MASK, ARGUMENT_BITS
from mmrun.model.core.frozen import frozen
from mmrun.model.mm.driver.events import sleep_until
from mmrun.model.net.tcp.events import (
    CONNECTION_BITS,
    DRAIN,
    MOST_BYTES,
    RECV_ALL,
    SEND,
    SEND_NOWAIT,
    SHUTDOWN,
    on_sockets,
)
from mmrun.model.rules.bounds import Range, Why
from mmrun.model.rules.record import Fault, Record
from mmrun.model.units import Bytes, KiB, Nanoseconds, S, TiB
from mmrun.model.workloads._common import CHUNK

if TYPE_CHECKING:
    import numpy as np

MAKES_REQUESTS = True
MOST_CONNECTIONS = 1 << CONNECTION_BITS
Message = Annotated[Bytes, Range(ge=1, le=MOST_BYTES)]
Buffer = Annotated[Bytes, Range(ge=1, le=1 << 30)]


@frozen(kw_only=True)
class Params(Record):
    """Parameters of `netstream`."""

    role: Literal["send", "receive"] = "send"
    """Whether the task sends or receives."""
    flow: str = "flow"
    """Names the connections: a sender and a receiver of the same flow are their two ends."""
    link: str | None = None
    """Link of the machine that the connections lead over, to another machine; None: loopback."""
    connections: Annotated[int, Range(ge=1, le=MOST_CONNECTIONS)] = 1
    """Connections, used in turn."""
    message: Message = 16 * KiB
    """Bytes of each call."""
    bytes: Annotated[Bytes, Range(ge=1, le=2 * TiB)]
    """Bytes of each connection."""
    sndbuf: Buffer | None = None
    """SO_SNDBUF of the task's sockets, which the kernel doubles; None: it grows by itself."""
    rcvbuf: Buffer | None = None
    """SO_RCVBUF of the task's sockets, and of what a receiver of nobody leaves full; the kernel doubles it."""
    nodelay: bool = False
    """TCP_NODELAY: small messages do not wait for acknowledgements."""
    nowait: bool = False
    """A sender that does not wait for room: what finds none is given up, and the next try comes after 1 ms."""
    stall: Annotated[Nanoseconds, Range(ge=0, le=ARG_MASK), Why(ARGUMENT_BITS)] = 0
    """How long after its start a receiver begins to read, a sender to send."""
    rate: Annotated[int, Range(ge=0, le=10**12)] = 0
    """Bytes a second and connection at which the task goes on; 0: as fast as it can."""
    reads: bool = True
    """Whether the other end of a sender's link reads."""

    def faults(self) -> Iterator[Fault]:
        """More events than make sense, times that no event holds."""
        if self.bytes // self.message > 10**10:
            yield Fault(("message",), "more than ten billion calls", "larger messages, fewer bytes")
        if self.rate and self.stall + self.bytes * S // self.rate > ARG_MASK:
            yield Fault(("rate",), "the last message is later than an event can say", f"{ARGUMENT_BITS}: faster")


def regions(params: Params) -> tuple[str, ...]:
    """Kinds of region that it goes over: none, but a task has one."""
    return ("anon",)


def footprint(params: Params) -> int:
    """Pages of the stream's address space, of which it touches none."""
    return 1


def calls(params: Params) -> int:
    """Calls a connection."""
    return -(-params.bytes // params.message)


def length(params: Params) -> int:
    """Events, at most."""
    per = 2 if params.rate else 1
    return per * calls(params) * params.connections + 2 * params.connections + 1


def draws(params: Params) -> bool:
    """Whether the stream draws random numbers."""
    return False


def events(params: Params, rng: "np.random.Generator") -> "Iterator[np.ndarray]":
    """Chunks of events (int64): a round of calls after the other; a sender waits at the end until all has arrived."""
    import numpy as np

    if params.stall:
        yield sleep_until(params.stall)
    each, total = np.arange(params.connections), calls(params)
    operation = RECV_ALL if params.role == "receive" else SEND_NOWAIT if params.nowait else SEND
    one_round = on_sockets(operation, each, params.message)
    step = max(1, CHUNK // (2 * params.connections))
    for start in range(0, total, step):
        rounds = np.arange(start, min(start + step, total))
        made = np.tile(one_round, (len(rounds), 1))
        if rounds[-1] == total - 1 and params.bytes % params.message:
            made[-1] = on_sockets(operation, each, params.bytes % params.message)
        if params.rate:
            at = params.stall + rounds * params.message * S // params.rate
            made = np.column_stack([sleep_until(at), made])
        yield made.ravel()
    if params.role == "send" and not params.nowait:
        yield on_sockets(SHUTDOWN, each)
        yield on_sockets(DRAIN, each)
