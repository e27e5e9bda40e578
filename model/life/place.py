"""A timeline in a machine record: its operations in order, and who does them."""

from collections.abc import Iterator
from typing import NamedTuple

from mmrun.model.core.jit import Hook
from mmrun.model.eras import era
from mmrun.model.life import state
from mmrun.model.life.life import timeline
from mmrun.model.life.timeline import Entry, Limits
from mmrun.model.machine.built import Built, Plan
from mmrun.model.mm.memcg.place import UNLIMITED, copies
from mmrun.model.units import PAGE

ITS_OWN, ANON_ONLY = -1, 201  # swappiness of memory.reclaim


class Operation(NamedTuple):
    """One write: of which entry, what it does, in which group (by the name it runs under), the file's name, pages."""

    entry: int
    at: int
    action: int
    file: str
    group: str = ""
    value: int = 0
    second: int = 0


def operations(plan: Plan) -> list[Operation]:
    """The writes of a cell's timeline in the order in which they are done."""
    settings = {copy: [group.min, group.low] for name, group in plan.cell.cgroups.items()
                for copy in copies(name, group.count)}  # fmt: skip
    return [
        Operation(number, entry.at, *what)
        for number, entry in enumerate(plan.cell.timeline)
        for what in _of_entry(plan, entry, settings)
    ]


def _of_entry(plan: Plan, entry: Entry, settings: dict[str, list[int]]) -> Iterator[tuple]:
    if entry.drop_caches is not None:
        if entry.drop_caches & 1:
            yield state.DROP_PAGECACHE, "drop_caches"
        if entry.drop_caches & 2:
            yield state.DROP_SLAB, "drop_caches"
    if entry.reclaim is not None:
        asked = entry.reclaim.swappiness
        own = ITS_OWN if asked is None else ANON_ONLY if asked == "max" else asked
        for group in _copies(plan, entry.reclaim.cgroup):
            yield state.RECLAIM, "memory.reclaim", group, entry.reclaim.size // PAGE, own
    for name, action, file in (
        ("force_empty", state.FORCE_EMPTY, "memory.force_empty"),
        ("remove", state.REMOVE, "rmdir"),
    ):
        if (group := getattr(entry, name)) is not None:
            yield from ((action, file, copy) for copy in _copies(plan, group))
    if entry.compact is not None:
        yield state.COMPACT, "compact_memory"
    if entry.set is not None:
        if any(value is not None for value in vars(entry.set.vm).values()):
            yield state.SET_VM, "vm", "", int(entry.set.vm.dirty_writeback_centisecs is not None)
        for name, limits in entry.set.cgroups.items():
            for group in copies(name, plan.cell.cgroups[name].count):
                yield from _limits(plan, group, limits, settings[group])


def _copies(plan: Plan, group: str | None) -> list[str]:
    """The names that a group runs under; None: the root."""
    return [""] if group is None else copies(group, plan.cell.cgroups[group].count)


def _limits(plan: Plan, group: str, limits: Limits, protection: list[int]) -> Iterator[tuple]:
    for place, name in enumerate(("min", "low")):
        if (given := getattr(limits, name)) is not None:
            protection[place] = given
            yield state.SET_PROTECTION, f"memory.{name}", group, protection[0] // PAGE, protection[1] // PAGE
    v1 = plan.cell.cgroup_version == "v1"
    new = not v1 and era(plan.cell.kernel).flags["max_write_kills"]
    for name, action, file in (
        ("high", state.SET_HIGH, "memory.high"),
        ("max", state.SET_MAX if new else state.RESIZE, "memory.limit_in_bytes" if v1 else "memory.max"),
        ("soft_limit", state.SET_SOFT_LIMIT, "memory.soft_limit_in_bytes"),
        ("swap_max", state.SET_SWAP_MAX, "memory.swap.max"),
    ):
        if (given := getattr(limits, name)) is not None:
            yield action, file, group, UNLIMITED if given == "max" else given // PAGE
    if limits.oom_group is not None:
        yield state.SET_OOM_GROUP, "memory.oom.group", group, int(limits.oom_group)
    if limits.swappiness is not None:
        yield state.SET_SWAPPINESS, "memory.swappiness", group, limits.swappiness


def rows(plan: Plan) -> dict[str, int]:
    """How many rows each table has."""
    return {"life_ops": len(operations(plan))}


def actors(plan: Plan) -> dict[str, int]:
    """The program that writes."""
    return {"timeline": 1} if plan.cell.timeline else {}


def hooks(plan: Plan) -> tuple[Hook, ...]:
    """The program; where nothing changes it need not be compiled."""
    return (timeline,) if plan.cell.timeline else ()


def place(built: Built) -> None:
    """Fill the rows of operations."""
    number = {name: i for i, name in enumerate(built.cgroups)}
    for row, op in zip(built.memory.table("life_ops"), operations(built.plan), strict=True):
        row.at, row.action, row.entry, row.memcg = op.at, op.action, op.entry, number[op.group]
        row.value, row.second = op.value, op.second
