"""A machine while it is built: what is known before anything is allocated, then its record with names for its rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from mmrun.model.core.memory import Memory
from mmrun.model.core.stacks import Stacks
from mmrun.model.description import Cell, Task
from mmrun.model.machine import numa
from mmrun.model.machine.state import servers
from mmrun.model.mechanisms import parts
from mmrun.model.tracing.watch import Watch
from mmrun.model.units import PAGE

if TYPE_CHECKING:
    from mmrun.model.mm.slab.place import Spaces
    from mmrun.model.mm.task.place import File

SECTION_SHIFT = 10  # nodes are multiples of 4 MiB apart


@dataclass
class Plan:
    """What follows from a resolved cell alone: from it each mechanism says how many rows its tables have.

    `modules`: the variant of each axis; `tasks`: expanded; `pages`: of each region of a task; `groups`: names of the
    groups in pre-order, the root first; `record_misses`: accesses to keep miss bits for; `watch`: events to keep.
    """

    cell: Cell
    modules: Mapping[str, ModuleType]
    tasks: dict[str, Task]
    pages: dict[str, list[int]]
    groups: list[str]
    files: "dict[str, File]"
    spaces: "Spaces"
    record_misses: int = 0
    watch: Watch | None = None

    @cached_property
    def frames(self) -> int:
        """Page frames of the machine."""
        return sum(node.memory for node in self.cell.machine.nodes) // PAGE

    @cached_property
    def cpus(self) -> int:
        """CPUs of the machine."""
        return sum(node.cpus for node in self.cell.machine.nodes)

    @cached_property
    def zones(self) -> int:
        """Zones of the machine."""
        return len(numa.zones_of(self.cell.machine))

    @property
    def nodes(self) -> int:
        """NUMA nodes of the machine."""
        return len(self.cell.machine.nodes)

    @property
    def lruvecs(self) -> int:
        """Lruvecs: of each group in each zone, if they are used or not."""
        return len(self.groups) * self.zones

    @cached_property
    def ptes(self) -> int:
        """Page-table words of all tasks, in whole tables of 512."""
        return sum(-(-sum(sizes) // 512) * 512 for sizes in self.pages.values())

    @cached_property
    def cache(self) -> int:
        """Slots of the page cache, in whole nodes of 64."""
        return sum(-(-file.pages // 64) * 64 for file in self.files.values())

    @cached_property
    def swap(self) -> int:
        """Slots of all swap areas."""
        return sum(target.size // PAGE for target in self.cell.machine.swap.values())

    @cached_property
    def actors(self) -> dict[str, int]:
        """How many actors there are of each kind."""
        return {per: count for part in parts("place") for per, count in getattr(part, "actors", _none)(self).items()}

    @property
    def watched(self) -> bool:
        """Whether somebody looks at accessed bits."""
        return bool(self.modules["idle"].SCANNERS)


def _none(_plan: Plan) -> dict[str, int]:
    return {}


@dataclass
class Built:
    """A machine record with the names of what its rows stand for."""

    memory: Memory
    plan: Plan
    servers: "Servers"
    stacks: Stacks | None = None

    @property
    def cell(self) -> Cell:
        """What was built, resolved."""
        return self.plan.cell

    @property
    def modules(self) -> Mapping[str, ModuleType]:
        """The variant of each axis."""
        return self.plan.modules

    @cached_property
    def tasks(self) -> list[str]:
        """Names of the tasks by number."""
        return list(self.plan.tasks)

    @property
    def cgroups(self) -> list[str]:
        """Names of the groups by number."""
        return self.plan.groups

    @cached_property
    def disks(self) -> list[str]:
        """Names of the disks by number."""
        return list(self.cell.machine.disks)

    @cached_property
    def swaps(self) -> list[str]:
        """Names of the swap areas by number."""
        return list(self.cell.machine.swap)


class Servers:
    """Hands out rows of the server table: locks, memory channels, device queues, as many as mechanisms asked for."""

    def __init__(self, record: np.recarray) -> None:
        self.used, self.rows = 0, len(servers(record[0]))

    def take(self, count: int = 1) -> int:
        """The first of `count` new rows; a mechanism that takes more than its `servers(plan)` said is a mistake."""
        first = self.used
        self.used += count
        if self.used > self.rows:
            raise IndexError(f"more servers are taken than the {self.rows} that mechanisms asked for")
        return first
