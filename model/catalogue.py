"""What a cell's run will tell, by name, from the mechanisms' declarations alone: before it runs, and without numpy.

Counters of the machine, of nodes and of tasks are told by themselves; `TOLD` in the mechanisms' settings.py has the
rest. A test compares with what runs tell.
"""

from collections.abc import Iterator

from mmrun.model import registry
from mmrun.model.core.mechanism import Case, Cause, Told
from mmrun.model.counters import NODE_COUNTERS, TASK_COUNTERS, VM_COUNTERS
from mmrun.model.description import Cell
from mmrun.model.mechanisms import parts
from mmrun.model.mm.page.settings import map_parts
from mmrun.model.yardstick import TOLD as YARDSTICK_TOLD

TOLD: tuple[Told, ...] = (
    Told("machine", VM_COUNTERS, sampled=True, total=True),
    Told("machine", NODE_COUNTERS, sampled=True, total=True),
    Told("machine", TASK_COUNTERS, sampled=True, total=True),
    Told("node", NODE_COUNTERS),
    *(told for part in parts("settings") for told in getattr(part, "TOLD", ())),
)
OUTCOME, POSITION = "outcome", ("access", "time_ns")


def metrics(cell: Cell) -> dict[str, bool]:
    """Every metric that a run of the resolved cell will tell; whether it is sure to, or only if there is something."""
    case = registry.case(cell)
    if is_yardstick(case):
        return dict.fromkeys((OUTCOME, *YARDSTICK_TOLD), True)
    found = {OUTCOME: True}
    for told in _told(case):
        for prefix in () if told.along else prefixes(cell, told.scope):
            found |= dict.fromkeys((prefix + name for name in told.table), not told.counted)
    return found


def series(cell: Cell) -> list[str]:
    """The columns of the series that the resolved cell will write; none for one that samples nothing."""
    case = registry.case(cell)
    if is_yardstick(case) or (cell.sampling.every is None and cell.sampling.accesses is None):
        return []
    names = (
        prefix + name
        for told in _told(case)
        if told.sampled or told.along
        for prefix in prefixes(cell, told.scope)
        for name in told.table
    )
    return [*POSITION, *dict.fromkeys(names)]


def gauges() -> frozenset[str]:
    """Metrics of series that say how it stands; all others count since the start. `LEVELS`: counters that fall, too."""
    told = {name for told in TOLD if (told.sampled or told.along) and not told.total for name in told.table}
    return frozenset(told.union(*(getattr(part, "LEVELS", ()) for part in parts("settings"))))


def scopes(name: str) -> list[str]:
    """The scopes at which a metric is told, in the order of `SCOPES`."""
    return list(dict.fromkeys(told.scope for told in TOLD if name in told.table))


def causes(name: str) -> list[Cause]:
    """What mechanisms declare to stand behind a metric."""
    return [cause for part in parts("settings") for cause in getattr(part, "CAUSES", ()) if name in cause.of]


def is_yardstick(case: Case) -> bool:
    """Whether the cell's lists are a policy of the textbook, run on page numbers alone."""
    return "YARDSTICK" in case.variants["lru"].constants


def prefixes(cell: Cell, scope: str) -> list[str]:
    """What stands before a metric's name, for each thing of a kind that the cell has."""
    return {"machine": [""]}.get(scope) or list(_prefixes(cell, scope))


def _prefixes(cell: Cell, scope: str) -> Iterator[str]:
    if scope == "node":
        yield from (f"node{nid}." for nid in range(len(cell.machine.nodes)))
    elif scope == "disk":
        yield from (f"disk.{name}." for name in cell.machine.disks)
    elif scope == "map":
        yield from (f"map.{part}." for part in range(map_parts(sum(node.memory for node in cell.machine.nodes))))
    elif scope in ("cgroup", "slab"):
        yield from (f"{scope}.{name}." for name in (cell.cgroups if scope == "cgroup" else cell.slab))
    for name, task in cell.tasks.items():
        if scope == "tasks" or (scope == "task" and task.count == 1) or (scope == "copies" and task.count > 1):
            yield f"task.{name}."
        elif scope == "task":
            yield from (f"task.{name}.{copy}." for copy in range(task.count))


def _told(case: Case) -> Iterator[Told]:
    return (told for told in TOLD if told.when is None or told.when(case))
