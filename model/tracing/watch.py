"""What somebody wants to see of a run, and what was seen."""

from dataclasses import field

import numpy as np

from mmrun.model.core.frozen import frozen

FIRST_PID = 1000  # of tasks
PRIO = 120  # at nice level 0
HEADER = 2  # words before an event's fields
BUFFER = 128 << 20  # bytes
MOST_BUFFER = 8 << 30


@frozen
class Watch:
    """Which events to keep: those of `points` (numbers of tracepoints), of `tasks` (names; none: of everybody).

    Between `begin` and `end` (ns of simulated time; None: to the end), in `buffer` bytes. `nodes`: of actors on a CPU
    of these, `groups`: of tasks in these, each without those below it; none: wherever they are.
    """

    points: frozenset[int]
    tasks: frozenset[str] = frozenset()
    begin: int = 0
    end: int | None = None
    buffer: int = BUFFER
    nodes: frozenset[int] = frozenset()
    groups: frozenset[str] = frozenset()


@frozen
class Who:
    """An actor as a trace names it: `comm`, `pid`, `prio`; its node; its group and the task it is by name, "": none."""

    comm: str
    pid: int
    node: int
    group: str = ""
    task: str = ""
    prio: int = PRIO


@frozen
class Seen:
    """The events of a run: `words` as they stand in the ring (int64, one after the other), how many were `lost`.

    `actors`: who an event's actor is, by row.
    """

    words: np.ndarray
    lost: int
    actors: list[Who] = field(default_factory=list)
