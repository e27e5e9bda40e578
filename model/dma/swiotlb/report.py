"""What is told of bounce pools."""

from mmrun.model.dma.swiotlb.state import swiotlb_state
from mmrun.model.machine.built import Built


def sampled(built: Built) -> dict[str, int]:
    """Slots there are, slots in use."""
    state = swiotlb_state(built.memory.m)
    return {
        "io_tlb_nslabs": int(state.slabs), "io_tlb_used": int(state.used), "io_tlb_used_hiwater": int(state.hiwater),
        "io_tlb_transient_nslabs": int(state.transient),
    }  # fmt: skip
