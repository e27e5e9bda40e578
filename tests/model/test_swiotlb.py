"""Bounce buffers: which slots a mapping gets, what is copied, what becomes of one that finds no room."""

import numpy as np

from mmrun.model.dma.device.state import DMA_ERROR, TO_DEVICE
from mmrun.model.dma.swiotlb import check
from mmrun.model.dma.swiotlb.map import swiotlb_map, swiotlb_unmap
from mmrun.model.dma.swiotlb.state import SLOT, io_tlb_areas, io_tlb_pools, swiotlb_state
from mmrun.model.units import MiB
from tests.model.bounced import built_of, host


def test_vector_of_a_small_pool():
    """512 slots in one area: computed from the rules of 6.12 by hand."""
    built = built_of("6.12", host(size=MiB, force="force"))
    m = built.memory.m
    base, seen = int(io_tlb_pools(m)[0].address), []

    def bounced(nbytes: int) -> int:
        address = int(swiotlb_map(m, 0, 0, 0, nbytes, TO_DEVICE))
        return -1 if address == DMA_ERROR else (address - base) // SLOT

    for nbytes in (2048, 4096, 512, 8192, 262144, 262144, 4096, 1024):
        seen.append(bounced(nbytes))
    swiotlb_unmap(m, 0, base + 2 * SLOT, 4096, TO_DEVICE)
    seen += [bounced(4096), bounced(6144), bounced(262145)]
    assert seen == [0, 2, 4, 6, 128, 256, 384, 386, 388, 390, -1]
    state = swiotlb_state(m)
    assert (int(state.used), int(state.hiwater), int(io_tlb_areas(m)[0].index)) == (270, 270, 393)
    check.verify(built, np.zeros(len(built.memory.table("frames"))))
