"""What `mmrun run` was asked to watch, and the file it leaves."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mmrun.model.core.frozen import frozen
from mmrun.model.description import Cell
from mmrun.model.tracepoints import selected
from mmrun.model.tracing.watch import MOST_BUFFER, Seen, Watch
from mmrun.runner.config.units import UnitError, parse
from mmrun.runner.events import chrome, damo, ftrace

LEAST_BUFFER = 4096
FORMATS = (*ftrace.DIALECTS, "chrome")


@frozen
class Asked:
    """The options of `mmrun run` that say what to watch, as they were typed."""

    events: list[str]
    out: Path | None
    dialect: str
    begin: str
    end: str
    tasks: list[str]
    nodes: list[int]
    groups: list[str]
    buffer: str
    damon: Path | None = None

    def watch(self, cell: Cell) -> Watch | None:
        """What to watch; None where no events were asked for. ValueError says which option is wrong, and why."""
        if not self.events and self.out is not None:
            raise ValueError("--trace-out: nothing to write without --events (for example --events 'vmscan:*')")
        if self.events and self.out is None:
            raise ValueError("--events: name a file with --trace-out (/dev/stdout prints)")
        if not self.events and self.damon is None:
            return None
        if self.damon is not None and not damo.watched(cell):
            raise ValueError("--damon-out: DAMON does not run in this cell (policy: {idle: {variant: damon}})")
        if self.damon is not None and (self.tasks or self.nodes or self.groups):
            raise ValueError("--damon-out: DAMON is no task; leave --trace-task, --trace-node, --trace-cgroup out")
        if self.dialect not in FORMATS:
            raise ValueError(f"--trace-format: `{self.dialect}` is none; choose {', '.join(FORMATS)}")
        for task in self.tasks:
            if task not in cell.tasks:
                raise ValueError(f"--trace-task: the cell has no task `{task}`; it has {', '.join(cell.tasks)}")
        for group in self.groups:
            if group not in cell.cgroups:
                raise ValueError(f"--trace-cgroup: the cell has no group `{group}`{_those(cell.cgroups)}")
        for node in self.nodes:
            if not 0 <= node < len(cell.machine.nodes):
                raise ValueError(f"--trace-node: the machine has nodes 0 to {len(cell.machine.nodes) - 1}, not {node}")
        begin, end = self._quantity("begin", "ns", "--trace-from"), self._quantity("end", "ns", "--trace-to")
        if end is not None and end <= (begin or 0):
            raise ValueError(f"--trace-to: {self.end} is not after {self.begin or '0s'}")
        buffer = self._quantity("buffer", "bytes", "--trace-buffer") or 0
        if not LEAST_BUFFER <= buffer <= MOST_BUFFER:
            raise ValueError(f"--trace-buffer: {self.buffer} is not between 4KiB and 8GiB")
        try:
            points = selected(self.events)
        except ValueError as error:
            raise ValueError(f"--events: {error}") from None
        points |= damo.POINTS if self.damon else frozenset()
        return Watch(
            points, frozenset(self.tasks), begin or 0, end, buffer, frozenset(self.nodes), frozenset(self.groups)
        )

    def _quantity(self, field: str, unit: str, option: str) -> int | None:
        typed = getattr(self, field)
        try:
            return parse(typed, unit) if typed else None
        except UnitError as error:
            raise ValueError(f"{option}: {error}; {error.fix}") from None

    def write(self, seen: Seen, cell: Any, series: Mapping[str, np.ndarray]) -> str:
        """Write the files asked for; what was written, in sentences. ValueError where there is nothing to write."""
        said = [damo.write(seen, cell, self.damon)] if self.damon else []
        said += [self._text(self.out, seen, cell, series)] if self.out else []
        if seen.lost:
            said.append(f"{seen.lost:,} events found no room (--trace-buffer, --trace-from, fewer --events)")
        return "; ".join(said)

    def _text(self, out: Path, seen: Seen, cell: Any, series: Mapping[str, np.ndarray]) -> str:
        """Write the events, and the cell's series where the format has counters."""
        if self.dialect == "chrome":
            text = chrome.lines(seen, cell.kernel, series)
        else:
            text = ftrace.lines(seen, cell.kernel, self.dialect)
        written = 0
        with open(out, "w", encoding="ascii") as file:
            for line in text:
                file.write(line + "\n")
                written += 1
        return f"{written:,} lines in {out}"


def _those(names: Mapping[str, Any]) -> str:
    return f"; it has {', '.join(names)}" if names else ""
