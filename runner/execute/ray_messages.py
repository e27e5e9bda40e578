"""What the driver and the process that owns Ray tell each other."""

from typing import NamedTuple

from mmrun.runner.execute.batches import Batch
from mmrun.runner.execute.work import Finished


class Sent(NamedTuple):
    """Driver: run this batch; `number` names it from now on."""

    number: int
    batch: Batch


class Size(NamedTuple):
    """Ray: so many nodes and CPUs take cells, with so many bytes of memory in all and on the largest node."""

    nodes: int
    cpus: int
    memory: float
    largest: float


class Group(NamedTuple):
    """Ray: cells of a batch that are finished."""

    number: int
    items: list[Finished]


class Ended(NamedTuple):
    """Ray: no more will come of a batch. `reason`: why some of its cells are lost, if they are.

    `counted`: whether that is an attempt of the cells, Ray having run another task since.
    """

    number: int
    reason: str = ""
    counted: bool = True


class Stranded(NamedTuple):
    """Ray: a batch was not begun, and no node is left that would take it."""

    number: int


class Dead(NamedTuple):
    """Ray: it does not work any more, or never did."""

    text: str
