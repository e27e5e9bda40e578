"""Requests and answers over TCP connections: a client asks and waits for the whole answer, a server gives it.

A client and a server of the same `flow` are two tasks over loopback. With a `link` the server is on another machine,
and answers at once.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from mmrun.model.core.frozen import frozen
from mmrun.model.net.tcp.events import SERVE, TRANSACT, on_sockets
from mmrun.model.rules.bounds import Range
from mmrun.model.rules.record import Fault, Record
from mmrun.model.workloads._common import CHUNK, Count
from mmrun.model.workloads.netstream import MOST_CONNECTIONS, Buffer, Message

if TYPE_CHECKING:
    import numpy as np

MAKES_REQUESTS = True


@frozen(kw_only=True)
class Params(Record):
    """Parameters of `netrr`."""

    role: Literal["client", "server"] = "client"
    """Whether the task asks or answers."""
    flow: str = "flow"
    """Names the connections: a client and a server of the same flow are their two ends."""
    link: str | None = None
    """Link of the machine to the server's machine; None: loopback."""
    connections: Annotated[int, Range(ge=1, le=MOST_CONNECTIONS)] = 1
    """Connections, used in turn."""
    transactions: Count
    """Requests of each connection."""
    request: Message = 1
    """Bytes of a request."""
    answer: Message = 1
    """Bytes of an answer."""
    sndbuf: Buffer | None = None
    """SO_SNDBUF of the task's sockets; None: it grows by itself."""
    rcvbuf: Buffer | None = None
    """SO_RCVBUF of the task's sockets; None: it grows by itself."""
    nodelay: bool = True
    """TCP_NODELAY."""

    def faults(self) -> Iterator[Fault]:
        """A server on this machine of a link's."""
        if self.role == "server" and self.link:
            yield Fault(("link",), "the server of a link is at its other end", "leave link out, or role: client")


def regions(params: Params) -> tuple[str, ...]:
    """Kinds of region that it goes over: none, but a task has one."""
    return ("anon",)


def footprint(params: Params) -> int:
    """Pages of the stream's address space, of which it touches none."""
    return 1


def length(params: Params) -> int:
    """Events."""
    return params.transactions * params.connections


def draws(params: Params) -> bool:
    """Whether the stream draws random numbers."""
    return False


def events(params: Params, rng: "np.random.Generator") -> "Iterator[np.ndarray]":
    """Chunks of events (int64): a request on each connection, for ever again."""
    import numpy as np

    one_round = on_sockets(TRANSACT if params.role == "client" else SERVE, np.arange(params.connections))
    step = max(1, CHUNK // params.connections)
    for start in range(0, params.transactions, step):
        yield np.tile(one_round, min(step, params.transactions - start))
