"""A machine record with names for its rows, and the numbers of the things in it that can be contended."""

from dataclasses import dataclass, field

import numpy as np

from mmrun.model.core.memory import Memory
from mmrun.model.core.stacks import Stacks
from mmrun.model.description import Cell
from mmrun.model.machine.state import servers

SECTION_SHIFT = 10  # nodes are multiples of 4 MiB apart


@dataclass
class Built:
    """A machine record with the names of what its rows stand for."""

    memory: Memory
    cell: Cell
    tasks: list[str] = field(default_factory=list)
    cgroups: list[str] = field(default_factory=list)
    disks: list[str] = field(default_factory=list)
    swaps: list[str] = field(default_factory=list)
    stacks: Stacks | None = None


class Servers:
    """Hands out rows of the server table: locks, memory channels, device queues."""

    def __init__(self, record: np.recarray) -> None:
        self.used, self.rows = 0, len(servers(record[0]))

    def take(self, count: int = 1) -> int:
        """The first of `count` new rows; ValueError when the table is full."""
        first = self.used
        self.used += count
        if self.used > self.rows:
            raise ValueError(f"the machine has more than {self.rows} locks, channels and device queues")
        return first
