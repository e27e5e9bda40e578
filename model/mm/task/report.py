"""What is told of tasks: how long they took, what they stalled over, how alike copies went on."""

import numpy as np

from mmrun.model.counters import TASK_COUNTERS
from mmrun.model.machine.built import Built
from mmrun.model.mm.task.latency import call_latencies
from mmrun.model.mm.task.place import task_rows
from mmrun.model.mm.task.settings import EACH_TASK, EACH_TASKS
from mmrun.model.mm.task.times import spent


def metrics(built: Built) -> dict[str, int | float]:
    """Counters in sum, `task.<name>.<counter>` of some, latencies of calls, fairness among copies."""
    counts = built.memory.table("task_count")
    found: dict[str, int | float] = {name: int(counts[name].sum()) for name in TASK_COUNTERS}
    ends = _ends(built)
    found["elapsed_ns"] = max(ends)
    found["mean_task_elapsed_ns"] = sum(ends) / len(ends)
    for index, name in enumerate(built.tasks if len(built.tasks) <= EACH_TASK else []):
        found[f"task.{name}.elapsed_ns"] = ends[index]
        for counter in EACH_TASKS:
            found[f"task.{name}.{counter}"] = int(counts[index][counter])
    return found | spent(built) | call_latencies(built) | _fairness(built)


def _ends(built: Built) -> list[int]:
    """When each task ended, the run's end at the latest for one that never started."""
    starts, last = (task.start for task in built.plan.tasks.values()), built.cell.duration
    ends = built.memory.table("tasks")["time"].tolist()
    return [end if last is None or start < last else last for end, start in zip(ends, starts, strict=True)]


def _fairness(built: Built) -> dict[str, float]:
    """How unlike the rates are at which the copies of a task go on: (largest - smallest) / mean; the widest of all."""
    tasks, counts, found = built.memory.table("tasks"), built.memory.table("task_count"), dict[str, float]()
    for name, rows in task_rows(built.cell).items():
        task = built.cell.tasks[name]
        if task.count > 1:
            rates = counts[rows]["accesses"] / np.maximum(tasks[rows]["time"] - task.start, 1)
            found[f"task.{name}.rate_spread_ratio"] = float((rates.max() - rates.min()) / max(rates.mean(), 1e-30))
    return found | ({"rate_spread_ratio": max(found.values())} if found else {})
