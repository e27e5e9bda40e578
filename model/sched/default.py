"""Whether a cell's actors share CPUs where it does not say."""

from mmrun.model.description import Cell


def default_sched(cell: Cell) -> str:
    """The variant of axis `sched`: `fair` where a node has more tasks than CPUs, else `own-cpu`.

    Daemons do not count. One of them beside as many tasks as CPUs would take time from a task now and then; a model in
    which it does not is the one that recorded and published figures were compared with, see docs/sched.md.
    """
    tasks = [0] * len(cell.machine.nodes)
    for task in cell.tasks.values():
        tasks[task.node] += task.count
    return "fair" if any(n > node.cpus for n, node in zip(tasks, cell.machine.nodes, strict=True)) else "own-cpu"
