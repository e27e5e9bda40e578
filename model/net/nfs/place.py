"""Workers of swap files on a file server."""

from mmrun.model.core.jit import Hook
from mmrun.model.machine.built import Plan
from mmrun.model.net.nfs.nfs import rpciod, xs_stream_data_receive, xs_tcp_setup_socket
from mmrun.model.net.session.place import for_each

THREADS = (
    rpciod,
    xs_stream_data_receive,
    xs_tcp_setup_socket,
)


def actors(plan: Plan) -> dict[str, int]:
    """One of each for every area."""
    return for_each(plan, "nfs", THREADS)


def hooks(plan: Plan) -> tuple[Hook, ...]:
    """The hooks that no variant defines."""
    return THREADS if actors(plan) else ()
