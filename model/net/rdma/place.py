"""Cards that read and write far memory."""

from mmrun.model.core.jit import Hook
from mmrun.model.machine.built import Plan
from mmrun.model.net.rdma.card import rdma_card
from mmrun.model.net.session.place import for_each

THREADS = (rdma_card,)


def actors(plan: Plan) -> dict[str, int]:
    """One of each for every area."""
    return for_each(plan, "rdma", THREADS)


def hooks(plan: Plan) -> tuple[Hook, ...]:
    """The hooks that no variant defines."""
    return THREADS if actors(plan) else ()
