"""Memory cgroups of a machine record: numbered in pre-order, so that a subtree is a run of numbers."""

from collections.abc import Iterator

from mmrun.model.core.lehmer import first_of
from mmrun.model.core.record import NONE
from mmrun.model.description import Cell, Cgroup, Task
from mmrun.model.eras import era
from mmrun.model.machine.built import Built, Plan
from mmrun.model.machine.state import costs, geometry
from mmrun.model.mm.lru.state import lru_settings
from mmrun.model.mm.memcg.state import PRIORITIES, SIZES, memcg_settings, memcg_state
from mmrun.model.units import PAGE

UNLIMITED = 1 << 62
LIMITS = {  # of a row, and what the description calls them
    "memory_min": "min", "memory_low": "low", "memory_high": "high", "limit": "max", "soft_limit": "soft_limit",
    "swap_limit": "swap_max",
}  # fmt: skip


def copies(name: str, count: int) -> list[str]:
    """What the `count` groups described as `name` are called."""
    return [name] if count == 1 else [f"{name}.{i}" for i in range(count)]


def group_names(cell: Cell) -> list[str]:
    """The cell's groups in pre-order, the root (called "") first."""
    return ["", *_below(cell, None)]


def _below(cell: Cell, parent: str | None) -> Iterator[str]:
    for name, group in cell.cgroups.items():
        if group.parent == parent:
            for copy in copies(name, group.count):
                yield copy
                yield from _below(cell, name)


def described(cell: Cell) -> dict[str, Cgroup]:
    """Every group by the name it runs under, with the description it shares with its copies."""
    return {copy: group for name, group in cell.cgroups.items() for copy in copies(name, group.count)}


def created(cell: Cell) -> list[str]:
    """The cell's groups in the order they are made and get css ids: as described, a parent before its children."""
    made: dict[str, None] = {}

    def make(name: str) -> None:
        group = cell.cgroups[name]
        if group.parent is not None:
            make(group.parent)
        made.update(dict.fromkeys(copies(name, group.count)))

    for name in cell.cgroups:
        make(name)
    return list(made)


def has_soft_limit(cell: Cell) -> bool:
    """Whether any group of the cell has a soft limit, now or later."""
    later = (each for entry in cell.timeline if entry.set is not None for each in entry.set.cgroups.values())
    return any(each.soft_limit is not None for each in cell.cgroups.values()) or any(
        each.soft_limit is not None for each in later
    )


def memcg_lru(plan: Plan) -> bool:
    """Whether global reclaim goes by an LRU of groups; it takes the place of the tree of soft limits."""
    return getattr(plan.modules["memcg"], "MEMCG_LRU", False)


def double_lru(plan: Plan) -> bool:
    """Whether pages are on two lists: the controller is of that kind, and there is a group (else it is off at boot)."""
    return bool(plan.cell.cgroups) and getattr(plan.modules["memcg"], "DOUBLE_LRU", False)


def rows(plan: Plan) -> dict[str, int]:
    """How many rows each table has; some only certain controllers need."""
    cell, groups = plan.cell, len(plan.groups)
    soft, zones = has_soft_limit(cell), plan.modules["lru"].SCOPE == "zone"
    events = soft or (zones and len(cell.cgroups) and plan.nodes > 1)
    return {
        "memcgs": groups, "stat_pending": groups * plan.cpus,
        "size_pending": plan.cpus * plan.lruvecs * SIZES * (not era(cell.kernel).flags["folds"]),
        "iters": plan.lruvecs * PRIORITIES,
        "page_cgroup": plan.frames * double_lru(plan), "soft_nodes": plan.lruvecs * (soft and not memcg_lru(plan)),
        "page_events": groups * plan.cpus * bool(events),
    }  # fmt: skip


def page_cgroup_pages(cell: Cell, pages: int) -> int:
    """Pages that the page_cgroups of `pages` frames take at boot; none in a cell without groups."""
    size = int(cell.policy["memcg"].params.get("page_cgroup_bytes", 0))
    return -(-pages * size // PAGE) if cell.cgroups else 0


def place(built: Built) -> None:
    """Fill the rows of memory cgroups; the root group has no limit."""
    _kind(built)
    rows, known = built.memory.table("memcgs"), described(built.cell)
    number = {name: i for i, name in enumerate(built.cgroups)}
    groups = [Cgroup(), *(known[name] for name in built.cgroups[1:])]
    parents, ends = [number[group.parent or ""] for group in groups], list(range(1, len(groups) + 1))
    for i in range(len(groups) - 1, 0, -1):
        ends[parents[i]] = max(ends[parents[i]], ends[i])
    rows["parent"], rows["end"] = parents, ends
    for field, setting in LIMITS.items():
        given = [getattr(group, setting) for group in groups]
        rows[field] = [UNLIMITED if size is None else size // PAGE for size in given]
    rows["swappiness"] = [-1 if group.swappiness is None else group.swappiness for group in groups]
    rows["oom_group"] = [int(group.oom_group) for group in groups]
    rows["stat_every"] = [group.stat_read_every or 0 for group in groups]
    rows["accesses"] = [-group.stat_read_phase for group in groups]
    rows["protects"] = (rows["memory_min"] > 0) | (rows["memory_low"] > 0)
    rows["by_css"] = [number[name] for name in ("", *created(built.cell))]
    rows["last_scanned_node"] = geometry(built.memory.m).nr_nodes - 1
    memcg_settings(built.memory.m).protection = int(rows["protects"].any())
    _tasks(built)


def _kind(built: Built) -> None:
    """Which kind of controller it is, and what that costs."""
    m, plan = built.memory.m, built.plan
    own = memcg_settings(m)
    lru_settings(m).double_lru, own.memcg_lru = int(double_lru(plan)), int(memcg_lru(plan))
    own.fold_beyond = plan.cpus * (own.charge_batch if own.folds_by_group else 1)  # whole batches until 6.7
    own.soft_limits = int(has_soft_limit(plan.cell) and not own.memcg_lru)
    if lru_settings(m).double_lru:
        costs(m).lru_lock *= 2
    memcg_state(m).memcg_rng = first_of(plan.cell, "memcg-lru")


def _tasks(built: Built) -> None:
    """Link the tasks of each group in the order of their numbers: the group's address spaces (lru_gen_mm_list)."""
    rows, groups = built.memory.table("tasks"), built.memory.table("memcgs")
    first, after = [NONE] * len(groups), [NONE] * len(rows)
    for t, group in reversed(list(enumerate(rows["memcg"].tolist()))):
        after[t], first[group] = first[group], t
    groups["first_task"], rows["next_of_group"] = first, after


class GroupOfTask:
    """Which group each task runs in: the copies of a task go to the copies of its group in turn."""

    def __init__(self, built: Built) -> None:
        self.number = {name: i for i, name in enumerate(built.cgroups)}
        self.groups = built.cell.cgroups
        self.placed: dict[str, int] = {}

    def of(self, name: str, task: Task) -> int:
        """Number of the group of the expanded task `name`."""
        if task.cgroup is None:
            return 0
        if task.cgroup in self.number:
            return self.number[task.cgroup]
        turn = self.placed.get(task.cgroup, 0)
        self.placed[task.cgroup] = turn + 1
        return self.number[f"{task.cgroup}.{turn % self.groups[task.cgroup].count}"]
