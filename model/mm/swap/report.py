"""What is told of swap areas."""

from mmrun.model.machine.built import Built
from mmrun.model.mm.swap.state import swaps


def sampled(built: Built) -> dict[str, int]:
    """Swap slots in use."""
    return {"nr_swap_used": int(swaps(built.memory.m)["used"].sum())}
