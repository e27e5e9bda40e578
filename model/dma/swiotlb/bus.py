"""Addresses on the bus of a device that nothing translates for: those of memory (phys_to_dma), in bytes.

Memory is numbered without holes, so frames behind the addresses below 4 GiB that devices take lie higher than their
number says (`machine.pci_hole`).
"""

from mmrun.model.core.jit import kernel
from mmrun.model.core.record import NONE
from mmrun.model.dma.swiotlb.state import swiotlb_settings
from mmrun.model.units import PAGE_SHIFT


@kernel
def pfn_to_dma(m, pfn):
    """Address of a frame's first byte."""
    own = swiotlb_settings(m)
    return (pfn << PAGE_SHIFT) + (own.hole if pfn >= own.hole_from else 0)


@kernel
def dma_to_pfn(m, address):
    """The frame at an address; NONE where a device is, some number beyond all frames where nothing is."""
    own = swiotlb_settings(m)
    pfn = address >> PAGE_SHIFT
    if pfn < own.hole_from or own.hole == 0:
        return pfn
    pfn -= own.hole >> PAGE_SHIFT
    return pfn if pfn >= own.hole_from else NONE
