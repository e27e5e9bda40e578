"""Workers of iSCSI sessions, and the daemon that logs in."""

from mmrun.model.block.place import clients
from mmrun.model.core.jit import Hook
from mmrun.model.machine.built import Plan
from mmrun.model.net.iscsi.iscsi import iscsi_sw_tcp_recv, iscsi_timers, iscsi_xmitworker
from mmrun.model.net.iscsi.iscsid import iscsid


def _count(plan: Plan) -> int:
    return sum(area.kind == "iscsi" for area in clients(plan.cell.machine).values())


def actors(plan: Plan) -> dict[str, int]:
    """One of each for every area."""
    return (
        dict.fromkeys(
            (
                "iscsi_q",
                "iscsi_receiver",
                "iscsi_timer",
                "iscsid",
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
            iscsi_xmitworker,
            iscsi_sw_tcp_recv,
            iscsi_timers,
            iscsid,
        )
        if _count(plan)
        else ()
    )
