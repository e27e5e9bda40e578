"""Machines with devices behind IOMMUs, and a driver that maps for them without anything else going on."""

from typing import Any

import numpy as np

from mmrun.model.build import Built
from mmrun.model.core.record import NONE
from mmrun.model.core.state import turn
from mmrun.model.description import Cell, Link, Machine, Node, Variant
from mmrun.model.dma.device.settings import Nic
from mmrun.model.dma.iommu.invalidate import flush_iotlb_all
from mmrun.model.dma.iommu.settings import Iommu
from mmrun.model.dma.iommu.state import iommu_count
from mmrun.model.dma.mapping.state import scatterlist
from mmrun.model.mechanisms import parts
from mmrun.model.units import MiB
from tests.model.cells import given, machine_of

PAGE = 4096


def devices(
    mode: str = "strict", units: dict[str, Iommu] | None = None, own: dict[str, dict[str, Any]] | None = None,
    kernel: str = "6.12", mib: int = 64, cpus: int = 1, iova: str | None = None,
) -> Built:  # fmt: skip
    """A machine whose devices, by default `d` behind an intel unit `u`, have what `own` says of each."""
    units, own = units or {"u": Iommu()}, own or {"d": {}}
    host = Machine(
        nodes=(Node(memory=mib * MiB, cpus=cpus),), iommus=units, links={name: Link() for name in own},
        devices={name: Nic(**{"link": name, "iommu": next(iter(units)), **more}) for name, more in own.items()},
        use=tuple(own),
    )  # fmt: skip
    policy = {"iommu": Variant(variant=mode), **({"iova": Variant(variant=iova)} if iova else {})}
    built = machine_of(Cell(kernel=kernel, machine=host, tasks={"t": given()}, policy=policy))
    turn(built.memory.m).task = NONE
    return built


def fill(built: Built, *entries: tuple[int, int, int]) -> int:
    """Fill the list of pages with (frame, offset, bytes); how many there are."""
    for row, (pfn, offset, nbytes) in zip(scatterlist(built.memory.m), entries, strict=False):
        row.pfn, row.offset, row.bytes, row.address, row.length = pfn, offset, nbytes, 0, 0
    return len(entries)


def counted(built: Built) -> Any:
    """The counters."""
    return iommu_count(built.memory.m)


def flush(built: Built, domain: int = 0) -> None:
    """What a queue asks for when it is full or its time is up."""
    flush_iotlb_all.fn(built.memory.m, domain)


def lawful(built: Built) -> None:
    """Every law but that of drivers: nobody remembers what tests map past the mapping API."""
    seen = np.zeros(len(built.memory.table("frames")), dtype=np.int8)
    for part in parts("check"):
        if part.__name__ != "mmrun.model.dma.mapping.check":
            part.verify(built, seen)
    assert (seen == 1).all()
