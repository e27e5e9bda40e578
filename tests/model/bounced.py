"""Machines with devices and a bounce pool, and calls as drivers would make them."""

from typing import Any

from mmrun.model.build import Built
from mmrun.model.core.record import NONE
from mmrun.model.core.state import turn
from mmrun.model.description import Cell, Machine, Node
from mmrun.model.dma.device.settings import Device, Legacy
from mmrun.model.dma.swiotlb.settings import Swiotlb
from mmrun.model.units import MiB
from tests.model.cells import given, machine_of


def host(mib: int = 64, bits: tuple[int, ...] = (32,), cpus: int = 1, hole: int = 0, **own: Any) -> Machine:
    """A machine whose devices have masks of so many bits each; `own`: of its bounce pool."""
    devices: dict[str, Device] = {f"d{n}": Legacy(dma_mask_bits=each) for n, each in enumerate(bits)}
    return Machine(nodes=(Node(memory=mib * MiB, cpus=cpus),), pci_hole=hole, devices=devices, use=tuple(devices),
                   swiotlb=Swiotlb(**own))  # fmt: skip


def built_of(kernel: str, machine: Machine) -> Built:
    """The machine, nobody running on it."""
    built = machine_of(Cell(kernel=kernel, machine=machine, tasks={"t": given()}), 1)
    turn(built.memory.m).task = NONE
    return built
