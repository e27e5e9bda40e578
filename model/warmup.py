"""Small cells: of every era, or with the policies of a given one, so that what it needs compiles."""

from collections.abc import Iterator
from dataclasses import replace

from model.description import Cell, Machine, Node, Region, Stream, SwapTarget, Sysctl, Task
from model.eras import ERAS
from model.units import PAGE, MiB


def cells() -> Iterator[tuple[str, Cell]]:
    """A tiny cell of every era, with its name."""
    for era in ERAS:
        yield era, _small(era)


def small(cell: Cell) -> Cell:
    """A tiny cell with the policies of `cell`."""
    tiny = _small(cell.kernel)
    if cell.slab:
        tiny = replace(tiny, slab=cell.slab, tasks=tiny.tasks | {"slab": _walker(cell)})
    return replace(tiny, policy=cell.policy)


def _walker(cell: Cell) -> Task:
    """A task that looks up a few objects of the cell's first slab cache."""
    stream = Stream(kind="loop", params={"size": 64 * PAGE, "accesses": 200})
    return Task(stream=stream, memory=(Region(kind="slab", cache=next(iter(cell.slab)), file="fs"),))


def _small(era: str) -> Cell:
    stream = Stream(kind="loop", params={"size": 64 * PAGE, "accesses": 200})
    return Cell(
        kernel=era,
        machine=Machine(nodes=(Node(memory=16 * MiB),), swap={"zram": SwapTarget(kind="zram", size=MiB)}),
        tasks={"t": Task(stream=stream, memory=(Region(),))},
        vm=Sysctl(),
    )
