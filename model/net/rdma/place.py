"""Cards that read and write far memory."""

from mmrun.model.block.place import clients
from mmrun.model.core.jit import Hook
from mmrun.model.machine.built import Plan
from mmrun.model.net.rdma.card import rdma_card


def _count(plan: Plan) -> int:
    return sum(area.kind == "rdma" for area in clients(plan.cell.machine).values())


def actors(plan: Plan) -> dict[str, int]:
    """One of each for every area."""
    return dict.fromkeys(("rdma",), _count(plan)) if _count(plan) else {}


def hooks(plan: Plan) -> tuple[Hook, ...]:
    """The hooks that no variant defines."""
    return (rdma_card,) if _count(plan) else ()
