"""Where a machine's contiguous memory areas lie: known from the cell alone, before anything is allocated."""

from collections.abc import Iterator, Mapping
from types import ModuleType

from mmrun.model.core.frozen import frozen
from mmrun.model.description import Cell
from mmrun.model.eras import era
from mmrun.model.machine import numa
from mmrun.model.mm.cma.settings import CONTIGUOUS_STREAMS
from mmrun.model.units import PAGE


@frozen
class Area:
    """An area: its name, its zone (a row), its first frame and how many pages it has."""

    name: str
    zone: int
    node: int
    first: int
    pages: int


def wanted(cell: Cell) -> bool:
    """Whether anybody on this machine has to do with contiguous memory."""
    return bool(cell.machine.cma) or any(task.stream.kind in CONTIGUOUS_STREAMS for task in cell.tasks.values())


def areas_of(cell: Cell, modules: Mapping[str, ModuleType]) -> list[Area]:
    """The areas, from the end of each node's highest zone down; ValueError for one that fits in none."""
    if modules["contiguous"].AREA == "none":
        return []
    zones, grain = numa.zones_of(cell.machine), 1 << int(era(cell.kernel).flags["contig_grain"])
    ends = [zone.start + zone.pages for zone in zones]
    found = []
    for name, area in cell.machine.cma.items():
        pages = area.size // PAGE
        for z in reversed([z for z, zone in enumerate(zones) if zone.node == area.node]):
            first = (ends[z] - pages) // grain * grain
            if first >= zones[z].start:
                found.append(Area(name, z, area.node, first, pages))
                ends[z] = first
                break
        else:
            raise ValueError(f"the area {name} does not fit into a zone of node {area.node}")
    return found


def kept(cell: Cell, modules: Mapping[str, ModuleType], z: int) -> int:
    """Pages of zone `z` that are set aside for good, so that its watermarks do not know them."""
    return sum(
        area.pages for area in areas_of(cell, modules) if area.zone == z and modules["contiguous"].AREA != "lent"
    )


def between(start: int, end: int, areas: list[Area]) -> Iterator[tuple[int, int]]:
    """What lies between the areas in frames [start, end): first frame and the one behind the last of each piece."""
    for area in sorted(areas, key=lambda area: area.first):
        if start <= area.first < end:
            yield start, area.first
            start = area.first + area.pages
    yield start, end
