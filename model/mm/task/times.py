"""Where the time of tasks went, and of groups: that of their tasks and of those in groups below them."""

import numpy as np

from mmrun.model.core.codes import DONE
from mmrun.model.machine.built import Built
from mmrun.model.mm.memcg.place import copies
from mmrun.model.mm.task.place import task_rows
from mmrun.model.mm.task.settings import EACH_NAME, SPENT


def clocks(built: Built) -> np.ndarray:
    """The time that each task has come to (ns), up to which its time is counted: also that of its sleep, its wait."""
    tasks, counted = built.memory.table("tasks"), built.memory.table("actors")["counted"][: len(built.tasks)]
    return np.where(tasks["state"] == DONE, tasks["time"], np.maximum(tasks["time"], counted))


def starts(built: Built) -> np.ndarray:
    """When each task starts (ns)."""
    return np.array([task.start for task in built.plan.tasks.values()], np.int64)


def spent(built: Built) -> dict[str, int]:
    """`task.<name>.<part>` over a task's copies, `cgroup.<name>.<part>` over a group's tasks and copies (ns)."""
    counts, found = built.memory.table("task_count"), dict[str, int]()
    if len(built.cell.tasks) <= EACH_NAME:
        before, last = starts(built), built.cell.duration
        before = before if last is None else np.minimum(before, last)
        for name, rows in task_rows(built.cell).items():
            found[f"task.{name}.not_started_ns"] = int(before[rows].sum())
            found |= {f"task.{name}.{part}": int(counts[part][rows].sum()) for part in SPENT}
    return found | (_of_groups(built, counts) if built.cell.cgroups else {})


def of_each(built: Built) -> dict[str, dict[str, int]]:
    """Where the time of each task and copy went (ns): what it did or waited for one at a time, and `not_started_ns`."""
    counts, found = built.memory.table("task_count"), dict[str, dict[str, int]]()
    for index, (name, before) in enumerate(zip(built.tasks, starts(built).tolist(), strict=True)):
        found[name] = {part: int(counts[part][index]) for part in SPENT}
        last = built.cell.duration
        found[name]["not_started_ns"] = before if last is None else min(before, last)
    return found


def _of_groups(built: Built, counts: np.ndarray) -> dict[str, int]:
    """Groups are numbered in pre-order, so that a subtree is a run of them."""
    groups, found = built.memory.table("memcgs"), dict[str, int]()
    first = {name: i for i, name in enumerate(built.cgroups)}
    homes = built.memory.table("tasks")["memcg"]
    numbers = {name: [first[copy] for copy in copies(name, group.count)] for name, group in built.cell.cgroups.items()}
    for part in SPENT:
        own = np.zeros(len(groups) + 1, np.int64)
        np.add.at(own, homes + 1, counts[part])
        before = np.cumsum(own)
        whole = before[groups["end"]] - before[:-1]
        found |= {f"cgroup.{name}.{part}": int(whole[chosen].sum()) for name, chosen in numbers.items()}
    return found
