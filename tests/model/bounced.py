"""Machines with devices and a bounce pool, and calls as drivers would make them."""

from typing import Any
from unittest.mock import patch

from mmrun.model import build as building
from mmrun.model.build import Built
from mmrun.model.core.record import NONE
from mmrun.model.core.state import turn
from mmrun.model.description import Cell, Link, Machine, Node
from mmrun.model.dma.device.settings import Nic
from mmrun.model.dma.device.state import dma_devices
from mmrun.model.dma.swiotlb.settings import Swiotlb
from mmrun.model.units import GiB, MiB
from tests.model.cells import given, machine_of


def host(mib: int = 64, bits: tuple[int, ...] = (32,), cpus: int = 1, hole: int = 0, **own: Any) -> Machine:
    """A machine whose devices have masks of so many bits each; `own`: of its bounce pool."""
    names = [f"d{n}" for n in range(len(bits))]
    return Machine(
        nodes=(Node(memory=mib * MiB, cpus=cpus),), links={name: Link() for name in names}, pci_hole=hole,
        devices={name: Nic(link=name, dma_mask_bits=each) for name, each in zip(names, bits, strict=True)},
        use=tuple(names), swiotlb=Swiotlb(**own),
    )  # fmt: skip


def built_of(kernel: str, machine: Machine) -> Built:
    """The machine, nobody running on it."""
    sizes = building.table_rows
    with patch.object(building, "table_rows", lambda plan: {**sizes(plan), "dma_devices": len(machine.use)}):
        built = machine_of(Cell(kernel=kernel, machine=machine, tasks={"t": given()}), 1)
    m = built.memory.m
    turn(m).task = NONE
    for n, name in enumerate(machine.use):
        device, row = machine.devices[name], dma_devices(m)[n]
        row.mask = row.coherent_mask = min((1 << device.dma_mask_bits) - 1, (1 << 63) - 1)
        row.boundary, row.max_segment, row.coherent, row.unit, row.domain = 4 * GiB, 64 << 10, 1, NONE, NONE
    return built
