"""What in a cell draws random numbers. Where nothing does, all replicates are alike and one run is all there is.

Streams of tasks say so by `draws` of their workload, variants by `DRAWS` of their file: `always`, or `with cgroups`.
"""

from mmrun.model import registry, workloads
from mmrun.model.description import Cell


def draws(cell: Cell) -> list[str]:
    """Everything in the cell that takes random numbers: tasks and variants in words; empty where nothing does."""
    tasks = [f"task {name}" for name, task in cell.tasks.items() if workloads.draws(task.stream)]
    chosen = registry.chosen(cell)
    if "YARDSTICK" in chosen["lru"].constants:
        chosen = {"lru": chosen["lru"]}
    when = {"always", "with cgroups"} if cell.cgroups else {"always"}
    return tasks + [f"{axis}: {info.name}" for axis, info in chosen.items() if info.draws in when]
