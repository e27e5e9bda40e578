"""Small cells: of versions that have every variant between them, or with the policies of a given cell.

To run them compiles what they need.
"""

from collections.abc import Iterator
from dataclasses import replace

from mmrun.model.description import Cell, Machine, Node, Region, Stream, SwapTarget, Sysctl, Task
from mmrun.model.eras import covering
from mmrun.model.units import PAGE, MiB


def cells() -> Iterator[tuple[str, Cell]]:
    """Tiny cells that between them use every variant a version has, with the versions' names."""
    for kernel in covering():
        yield kernel, _small(kernel)


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


def _small(kernel: str) -> Cell:
    stream = Stream(kind="loop", params={"size": 64 * PAGE, "accesses": 200})
    return Cell(
        kernel=kernel,
        machine=Machine(nodes=(Node(memory=16 * MiB),), swap={"zram": SwapTarget(kind="zram", size=MiB)}),
        tasks={"t": Task(stream=stream, memory=(Region(),))},
        vm=Sysctl(),
    )
