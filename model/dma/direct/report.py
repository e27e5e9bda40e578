"""What is told of coherent memory."""

from mmrun.model.dma.direct.state import ATOMIC_POOLS, atomic_pools, direct_state
from mmrun.model.machine.built import Built
from mmrun.model.units import PAGE


def sampled(built: Built) -> dict[str, int]:
    """Pages of coherent memory, of pools of it, of the block layer's copies."""
    m = built.memory.m
    state, pools = direct_state(m), atomic_pools(m)
    sizes = [int(pools[pool].pages) * PAGE if len(pools) else 0 for pool in range(ATOMIC_POOLS)]
    return {
        "dma_pages": int(state.pages), "pool_size_dma": sizes[0], "pool_size_dma32": sizes[1],
        "pool_size_kernel": sizes[2], "dma_pool_pages": int(state.pool_pages), "nr_bounce": int(state.bounced),
    }  # fmt: skip
