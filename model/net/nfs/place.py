"""Workers of swap files on a file server."""

from mmrun.model.block.place import clients
from mmrun.model.core.jit import Hook
from mmrun.model.machine.built import Plan
from mmrun.model.net.nfs.nfs import rpciod, xs_stream_data_receive, xs_tcp_setup_socket


def _count(plan: Plan) -> int:
    return sum(area.kind == "nfs" for area in clients(plan.cell.machine).values())


def actors(plan: Plan) -> dict[str, int]:
    """One of each for every area."""
    return (
        dict.fromkeys(
            (
                "rpciod",
                "xprt_receiver",
                "xprt_worker",
            ),
            _count(plan),
        )
        if _count(plan)
        else {}
    )


def hooks(plan: Plan) -> tuple[Hook, ...]:
    """The hooks that no variant defines."""
    return (
        (
            rpciod,
            xs_stream_data_receive,
            xs_tcp_setup_socket,
        )
        if _count(plan)
        else ()
    )
