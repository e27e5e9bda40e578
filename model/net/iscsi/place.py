"""Workers of iSCSI sessions, and the daemon that logs in."""

from mmrun.model import workloads
from mmrun.model.block.place import clients
from mmrun.model.core.jit import Hook
from mmrun.model.machine.built import Built, Plan
from mmrun.model.net.iscsi.iscsi import iscsi_sw_tcp_recv, iscsi_timers, iscsi_xmitworker
from mmrun.model.net.iscsi.iscsid import iscsid
from mmrun.model.net.session.place import for_each
from mmrun.model.net.session.state import sessions

THREADS = (
    iscsi_xmitworker,
    iscsi_sw_tcp_recv,
    iscsi_timers,
    iscsid,
)


def actors(plan: Plan) -> dict[str, int]:
    """One of each for every area."""
    return for_each(plan, "iscsi", THREADS)


def hooks(plan: Plan) -> tuple[Hook, ...]:
    """The hooks that no variant defines."""
    return THREADS if actors(plan) else ()


def place(built: Built) -> None:
    """Say whose memory a daemon has, and how much of it can be swapped out."""
    areas = list(clients(built.cell.machine))
    for t, task in enumerate(built.plan.tasks.values()):
        if task.stream.kind == "iscsid":
            params = workloads.make_params("iscsid", task.stream.params)
            row = sessions(built.memory.m)[areas.index(params.area)]
            row.daemon, row.daemon_pages = t, 0 if params.locked else workloads.module("iscsid").footprint(params)
