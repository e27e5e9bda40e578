"""Small cells that between them make every kernel of an era compile."""

from collections.abc import Iterator
from dataclasses import replace

from model.description import Cell, Machine, Node, Region, Stream, SwapTarget, Sysctl, Task
from model.eras import ERAS
from model.units import PAGE, MiB


def cells(cell: Cell | None = None) -> Iterator[tuple[str, Cell]]:
    """(name, tiny cell) pairs: the policies of `cell`, or those of every era."""
    if cell is not None:
        small = _small(cell.kernel)
        if cell.slab:
            small = replace(small, slab=cell.slab, tasks=small.tasks | {"slab": _walker(cell)})
        yield cell.kernel, replace(small, policy=cell.policy)
        return
    for era in ERAS:
        yield era, _small(era)


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
