"""Events that send, receive, and end connections: one 64-bit integer each. A task counts its connections from 0."""

from typing import TYPE_CHECKING, Any

from mmrun.model.core.events import OP_SHIFT

if TYPE_CHECKING:
    import numpy as np

SEND, SEND_NOWAIT, RECV, RECV_ALL, SHUTDOWN, ABORT, CONNECT, TRANSACT, SERVE, DRAIN = range(230, 240)
CONNECTION_BITS = 10  # of an argument: the connection, then bytes
MOST_BYTES = (1 << OP_SHIFT - CONNECTION_BITS) - 1


def on_sockets(operation: int, connections: Any, nbytes: Any = 0) -> "np.ndarray":
    """One event a connection: one of the operations above, of so many bytes."""
    import numpy as np

    connections, nbytes = np.asarray(connections, dtype=np.int64), np.asarray(nbytes, dtype=np.int64)
    return connections | nbytes << CONNECTION_BITS | operation << OP_SHIFT
