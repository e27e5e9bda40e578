"""What the variants that a cell chose need of its other parts, beyond the version and each other."""

from collections.abc import Iterator, Mapping
from typing import Protocol

from mmrun.model import workloads
from mmrun.model.description import Cell
from mmrun.model.mm.cma.settings import CONTIGUOUS_STREAMS
from mmrun.model.rules.record import Fault

ONE_LIMIT = "put every task into the same cgroup, or none into any"


class Info(Protocol):
    """What a variant's file says about itself."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def constants(self) -> Mapping[str, int | str]:
        """What it tells the mechanism."""


def faults(cell: Cell, chosen: Mapping[str, Info]) -> Iterator[Fault]:
    """Everything in the cell that a variant cannot do; `chosen`: the variant of each axis."""
    if chosen["contiguous"].name in ("coherent", "scatter-gather"):
        yield from _shared(cell, chosen["contiguous"].name)
    if "YARDSTICK" in chosen["lru"].constants:
        yield from _yardstick(cell, chosen["lru"].name)
    elif not chosen["shrinker"].constants.get("ZERO_SEEKS", True):
        for name, cache in cell.slab.items():
            if cache.seeks == 0 and cache.reclaimable:
                what = f"the shrinkers `{chosen['shrinker'].name}` divide by seeks, which are 0"
                yield Fault(("slab", name, "seeks"), what, "at least 1; 0 is possible since 4.20")


def limit(cell: Cell) -> int | None:
    """Bytes of the memory.max that all tasks of the cell share, above them or of their own; None without one."""
    above: list[int] = []
    group = next(iter(cell.tasks.values())).cgroup if cell.tasks else None
    while group is not None:
        above += [most for most in [cell.cgroups[group].max] if most is not None]
        group = cell.cgroups[group].parent
    return min(above, default=None)


def _shared(cell: Cell, variant: str) -> Iterator[Fault]:
    """Who asks for memory to share with a device and names none, or one without the IOMMU it takes."""
    for name, task in cell.tasks.items():
        if task.stream.kind in CONTIGUOUS_STREAMS:
            device = cell.machine.devices.get(task.stream.params.get("device") or "")
            if device is None or (variant == "scatter-gather" and device.iommu is None):
                behind = " behind an IOMMU" if variant == "scatter-gather" else ""
                what = f"`{task.stream.kind}` has no device{behind}, which `{variant}` asks for memory to share with"
                yield Fault(("tasks", name, "stream"), what, f"device: one in `machine.use`{behind}")


def _yardstick(cell: Cell, name: str) -> Iterator[Fault]:
    """A yardstick knows pages, and as many frames as there are: no objects, one limit, no process that ends."""
    for task_name, task in cell.tasks.items():
        here = ("tasks", task_name)
        if workloads.ends_processes(task.stream.kind):
            what = f"the yardstick `{name}` knows no process that ends, as those of a `{task.stream.kind}` do"
            yield Fault((*here, "stream"), what, "another stream, or lists of a kernel")
        if workloads.makes_requests(task.stream.kind):
            what = f"the yardstick `{name}` knows accesses, and a `{task.stream.kind}` asks for more"
            yield Fault((*here, "stream"), what, "another stream, or lists of a kernel")
        for index, region in enumerate(task.memory):
            if region.kind == "slab":
                what = f"the yardstick `{name}` knows pages, no objects of a slab cache"
                yield Fault((*here, "memory", index), what, "another kind of region, or lists of a kernel")
    groups = {task.cgroup for task in cell.tasks.values()}
    limited = [group for group in groups if group is not None and _limited(cell, group)]
    if limited and (len(groups) > 1 or cell.cgroups[limited[0]].count > 1):
        what = f"the yardstick `{name}` knows one limit, and tasks are in several groups"
        yield Fault(("policy", "lru"), what, ONE_LIMIT)


def _limited(cell: Cell, name: str) -> bool:
    group = cell.cgroups[name]
    return group.max is not None or (group.parent is not None and _limited(cell, group.parent))
