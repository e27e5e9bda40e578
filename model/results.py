"""Reading a machine's counters: the metrics of a finished run, and the samples along it.

Each mechanism tells what is beyond counters in its report.py: `metrics` at the end, `sampled` also along the run.
"""

import numpy as np

from mmrun.model.core.codes import RUNNABLE
from mmrun.model.core.record import DECLARED
from mmrun.model.counters import NODE_COUNTERS, TASK_COUNTERS, VM_COUNTERS
from mmrun.model.description import MAX_SAMPLES
from mmrun.model.hung_task import report as hung_task
from mmrun.model.hung_task.state import life
from mmrun.model.life import report as timeline
from mmrun.model.machine.built import Built
from mmrun.model.machine.state import node_count, progress, run_settings
from mmrun.model.mechanisms import parts


def counted(m) -> dict[str, int]:
    """The machine's counters by name, in the order of reports, from the records of all mechanisms."""
    records = [one for one in DECLARED.values() if one.name.endswith("_count") and not one.dimensions]
    found = {name: value for one in records for name, value in zip(one.kind.names or (), one(m).item(), strict=True)}
    return {name: found[name] for name in VM_COUNTERS}


def metrics(built: Built) -> dict[str, int | float | str]:
    """Every metric of the run by name; counters are totals, `_ns` are simulated time."""
    ended = "died" if life(built.memory.m).cause else "oom" if progress(built.memory.m).oom else "ok"
    found: dict[str, int | float | str] = {"outcome": ended}
    found |= counted(built.memory.m)
    for part in parts("report"):
        if tell := getattr(part, "metrics", None):
            found |= tell(built)
    return found | _sampled(built)


def kills(built: Built) -> list[list[str]]:
    """The lines of every report of a kill."""
    return [lines for part in parts("report") if hasattr(part, "kills") for lines in part.kills(built)]


def changes(built: Built) -> list[str]:
    """A line for each write of the cell's timeline."""
    return timeline.changes(built)


def death(built: Built) -> list[str]:
    """The sentences of the report of a machine that died, none of one that lives."""
    return hung_task.death(built)


def _sampled(built: Built) -> dict[str, int]:
    """Gauges of all mechanisms as they are."""
    return {
        name: value
        for part in parts("report")
        if hasattr(part, "sampled")
        for name, value in part.sampled(built).items()
    }


def _along(built: Built) -> dict[str, int]:
    """Gauges that are told along the run only."""
    return {
        name: value for part in parts("report") if hasattr(part, "along") for name, value in part.along(built).items()
    }


class Samples:
    """The series of a run: one row a sample, counters cumulative, gauges as they are."""

    def __init__(self, built: Built) -> None:
        self.built = built
        self.taken = 0
        self.columns = [
            "access",
            "time_ns",
            *VM_COUNTERS,
            *TASK_COUNTERS,
            *NODE_COUNTERS,
            *_sampled(built),
            *_along(built),
        ]
        self.rows = np.empty((16, len(self.columns)), np.int64)

    def take(self) -> None:
        """Add a row and set when the next one is due; ValueError when there are more than a series holds."""
        if self.taken == MAX_SAMPLES:
            raise ValueError(f"more than {MAX_SAMPLES:,} samples: make sampling.accesses or sampling.every larger")
        if self.taken == len(self.rows):
            self.rows = np.concatenate([self.rows, np.empty_like(self.rows)])
        m = self.built.memory.m
        tasks = self.built.memory.table("tasks")
        counters = [*counted(m).values()]
        for rows, names in ((self.built.memory.table("task_count"), TASK_COUNTERS), (node_count(m), NODE_COUNTERS)):
            plain = rows.view(np.ndarray)  # a record array looks names up at every step
            counters += [int(plain[name].sum()) for name in names]
        running = tasks["time"][tasks["state"] == RUNNABLE]
        now = int(running.max()) if running.size else int(m.now)
        if run_settings(m).sample_ns:
            now = int(progress(m).next_sample)
        gauges = [*_sampled(self.built).values(), *_along(self.built).values()]
        self.rows[self.taken] = [int(progress(m).accesses), now, *counters, *gauges]
        self.taken += 1
        progress(m).next_sample += run_settings(m).sample_accesses or run_settings(m).sample_ns

    def series(self) -> dict[str, np.ndarray]:
        """Column -> values over the samples (int64), empty when nothing was sampled."""
        if not self.taken:
            return {}
        return {name: self.rows[: self.taken, i].copy() for i, name in enumerate(self.columns)}
