"""A cell whose lru axis is a yardstick: the tasks' merged accesses over as many frames as the cell would have.

The frames are the common cgroup's limit, or the machine's when no task is in a group. A miss is an access the kernel
would have to read for; the first touch of an anonymous page reads nothing and is counted apart, as a minor fault.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from mmrun.model.build import expand, region_pages
from mmrun.model.description import Cell, Task
from mmrun.model.rules.policies import limit
from mmrun.model.units import PAGE
from mmrun.model.yardstick import run
from mmrun.model.yardstick.merge import Source, Touches, merged

if TYPE_CHECKING:
    from mmrun.model.workloads import Opened

LOAD_NS = 90  # spacing of one task's accesses when several are merged


def capacity(cell: Cell) -> int:
    """Frames the yardstick has: those of the limit, or of the machine if that is smaller."""
    memory = sum(node.memory for node in cell.machine.nodes)
    return min(memory, limit(cell) or memory) // PAGE


def metrics(
    cell: Cell, name: str, streams: "Mapping[str, Opened]", rng: np.random.Generator, record: bool
) -> tuple[dict, np.ndarray | None]:
    """(metrics, miss bits or None) of yardstick `name` on the cell's accesses; `streams` by expanded task name."""
    sources, anonymous = _sources(cell, streams)
    cold = _Cold(merged(sources), anonymous)
    result = run(name, cold.chunks(), capacity(cell), rng, record)
    first = int(cold.seen[anonymous].sum())
    bits = None
    if record and result.miss_bits is not None:
        bits = result.miss_bits & ~np.concatenate(cold.first or [np.zeros(0, dtype=bool)])
    found: dict[str, int | float | str] = {
        "outcome": "ok", "accesses": result.accesses, "misses": result.misses - first, "minor_faults": first,
        "first_touches": first,
        "major_faults": result.misses - first, "pgmajfault": result.misses - first,
        "writebacks_pages": result.writebacks,
    }  # fmt: skip
    return found, bits


def _sources(cell: Cell, streams: "Mapping[str, Opened]") -> tuple[list[Source], np.ndarray]:
    """The tasks as sources of one page numbering, and for every page of it whether it is anonymous."""
    sources, files, kinds, total = [], {}, [], 0
    for name, task in expand(cell).items():
        first, base, start = [], [], 0
        for i, (region, size) in enumerate(zip(task.memory, region_pages(task, streams[name].footprint), strict=True)):
            key = (region.file or f"{name}/{i}") if region.kind == "file" else None
            if key is None or key not in files:
                kinds.append(np.full(size, region.kind == "anon"))
                if key is not None:
                    files[key] = total
                base.append(total)
                total += size
            else:
                base.append(files[key])
            first.append(start)
            start += size
        sources.append(Source(streams[name].events, first, base, task.start, _period(task)))
    return sources, np.concatenate(kinds)


def _period(task: Task) -> int:
    return LOAD_NS + task.think


class _Cold:
    """Passes touches through and notes which anonymous pages were touched for the first time, and where."""

    def __init__(self, touches: Iterator[Touches], anonymous: np.ndarray) -> None:
        self.touches, self.anonymous = touches, anonymous
        self.seen = np.zeros(len(anonymous), dtype=bool)
        self.first: list[np.ndarray] = []

    def chunks(self) -> Iterator[Touches]:
        """The touches, unchanged."""
        for page, write in self.touches:
            fresh = np.zeros(len(page), dtype=bool)
            distinct, where = np.unique(page, return_index=True)
            new = ~self.seen[distinct]
            fresh[where[new]] = True
            self.seen[distinct] = True
            self.first.append(fresh & self.anonymous[page])
            yield page, write
