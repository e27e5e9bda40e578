"""Threads of network block devices."""

from mmrun.model.block.place import clients
from mmrun.model.core.jit import Hook
from mmrun.model.machine.built import Plan
from mmrun.model.net.nbd.nbd import nbd_do_it, nbd_thread, nbd_timer


def _count(plan: Plan) -> int:
    return sum(area.kind == "nbd" for area in clients(plan.cell.machine).values())


def actors(plan: Plan) -> dict[str, int]:
    """One of each for every area."""
    return (
        dict.fromkeys(
            (
                "nbd",
                "nbd_client",
                "nbd_timer",
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
            nbd_thread,
            nbd_do_it,
            nbd_timer,
        )
        if _count(plan)
        else ()
    )
