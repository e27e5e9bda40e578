"""What is told of network cards."""

import numpy as np

from mmrun.model.core.record import NONE
from mmrun.model.machine.built import Built


def sampled(built: Built) -> dict[str, int]:
    """Buffers posted in receive rings, and pages of the blocks that rings and their pools hold."""
    slots, pools = built.memory.table("nic_rx"), built.memory.table("page_pools")
    frames = built.memory.table("frames")
    blocks = np.unique(slots["frame"][slots["frame"] != NONE])
    pooled = int(pools["nr_cache"].sum() + pools["nr_ring"].sum())
    return {
        "rx_ring_pages": int((1 << frames["order"][blocks].astype(np.int64)).sum()) + pooled,
        "rx_ring_posted": int(built.memory.table("nics")["posted"].sum()),
    }
