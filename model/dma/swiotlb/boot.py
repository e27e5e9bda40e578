"""Where the bounce pool lies, and how large it is: known from the cell alone, before anything is allocated."""

from collections.abc import Mapping
from types import ModuleType
from typing import NamedTuple

from mmrun.model.description import Cell
from mmrun.model.dma.device.settings import Device
from mmrun.model.dma.swiotlb.state import DEFAULT_SLABS, MIN_SLABS, OVERFLOW_PAGES, SEGMENT, SLOT, SLOT_SHIFT
from mmrun.model.eras import era
from mmrun.model.machine import numa
from mmrun.model.mm.cma.areas import Area, areas_of
from mmrun.model.units import PAGE, GiB, MiB

GRAIN = 512  # frames that the pool's place is a multiple of
LOW = 4 * GiB


class Boot(NamedTuple):
    """The pool of boot: its zone (a row), first frame and slots; pages that are set aside for it in all.

    Behind it lies what else it needs: the overflow buffer's pages, and those of the kernel's notes on slots.
    """

    zone: int
    first: int
    slabs: int
    overflow: int
    pages: int


def translated(device: Device, modules: Mapping[str, ModuleType]) -> bool:
    """Whether an IOMMU gives the device its addresses."""
    return device.iommu is not None and (device.iommu_mode or modules["iommu"].DOMAIN) != "passthrough"


def wanted(cell: Cell, modules: Mapping[str, ModuleType]) -> bool:
    """Whether the machine has a pool (pci_swiotlb_detect_4gb, pci_swiotlb_detect_override; intel_iommu_init)."""
    machine, own = cell.machine, cell.machine.swiotlb
    if not machine.use or (own.force == "noforce" and not own.confidential):
        return False
    if own.force == "force" or own.confidential:
        return True
    above = sum(node.memory for node in machine.nodes) + machine.pci_hole > LOW
    devices = [machine.devices[name] for name in machine.use]
    return any(d.untrusted for d in devices) or (above and not all(translated(d, modules) for d in devices))


def confidential_slabs(memory: int) -> int:
    """Slots of a confidential guest's pool: 6 % of `memory` bytes, 64 MiB to 1 GiB (sev_setup_arch)."""
    size = min(max(memory * 6 // 100, 64 * MiB), GiB)
    return _segments(-(-size // SLOT))


def _segments(slabs: int) -> int:
    return -(-slabs // SEGMENT) * SEGMENT


def parts_of(cell: Cell) -> int:
    """Areas of the pool, a power of two (swiotlb_adjust_nareas)."""
    if not era(cell.kernel).flags["swiotlb_areas"]:
        return 1
    cpus = sum(node.cpus for node in cell.machine.nodes)
    return cell.machine.swiotlb.areas or 1 << (cpus - 1).bit_length()


def slabs_of(cell: Cell) -> int:
    """Slots that are asked for: since 6.0 a power of two, and a segment an area at least (round_up_default_nslabs)."""
    own, flags = cell.machine.swiotlb, era(cell.kernel).flags
    slabs = DEFAULT_SLABS
    if own.size is not None:
        slabs = own.size >> SLOT_SHIFT
    elif own.confidential and flags["confidential_size"]:
        slabs = confidential_slabs(sum(node.memory for node in cell.machine.nodes))
    if flags["swiotlb_areas"]:
        slabs = 1 << (max(slabs, SEGMENT * parts_of(cell)) - 1).bit_length()
    return slabs


def pool_of_boot(cell: Cell, modules: Mapping[str, ModuleType]) -> Boot | None:
    """The pool, below contiguous memory areas at the end of the highest zone below 4 GiB; None: there is none.

    Of a zone half at most: what the kernel itself takes there is not modelled, and would not leave more. It is halved
    until it fits, down to 1 MiB (swiotlb_init_remap).
    """
    if not wanted(cell, modules):
        return None
    zones = numa.zones_of(cell.machine)
    low = [z for z, zone in enumerate(zones) if zone.kind < numa.NORMAL]
    z = low[-1]
    end = min([zones[z].start + zones[z].pages, *(area.first for area in areas_of(cell, modules) if area.zone == z)])
    flags = era(cell.kernel).flags
    overflow = OVERFLOW_PAGES if flags["swiotlb_overflow_buffer"] else 0
    slabs = slabs_of(cell)
    while slabs >= MIN_SLABS:
        pages = (slabs << SLOT_SHIFT) // PAGE + overflow + -(-slabs * int(flags["swiotlb_slot_bytes"]) // PAGE)
        first = (end - pages) // GRAIN * GRAIN
        if first >= zones[z].start and pages <= zones[z].pages // 2:
            return Boot(z, first, slabs, overflow, pages)
        slabs = _segments(slabs >> 1)
    return None


def set_aside(cell: Cell, modules: Mapping[str, ModuleType]) -> list[Area]:
    """The pool as an area that the page allocator never has: none, or one."""
    boot = pool_of_boot(cell, modules)
    if boot is None:
        return []
    node = numa.zones_of(cell.machine)[boot.zone].node
    return [Area("swiotlb", boot.zone, node, boot.first, boot.pages)]
