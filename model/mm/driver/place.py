"""Drivers of a machine record: rows for the buffers of every task."""

from mmrun.model import workloads
from mmrun.model.core.jit import Hook
from mmrun.model.description import Stream
from mmrun.model.machine.built import Built, Plan
from mmrun.model.mm.driver.buffers import alloc_buffer, free_buffer
from mmrun.model.mm.driver.requests import dontneed, pin, pin_longterm, release_pins, sleep_until_ns, unpin
from mmrun.model.mm.driver.state import LOGGED

GIVEN = 4096  # buffers of a task whose events come from no generator


def buffers_of(stream: Stream) -> int:
    """Buffers that a stream numbers."""
    if stream.kind not in workloads.kinds():
        return GIVEN
    return workloads.buffers_of(stream.kind, stream.params)


def _each(plan: Plan) -> list[int]:
    own = {name: buffers_of(task.stream) for name, task in plan.cell.tasks.items()}
    return [own[name] for name, task in plan.cell.tasks.items() for _ in range(task.count)]


def rows(plan: Plan) -> dict[str, int]:
    """How many rows each table has."""
    return {
        "buffers": sum(_each(plan)), "buffer_results": LOGGED, "drivers": len(plan.tasks), "pinned": plan.ptes,
    }  # fmt: skip


def hooks(plan: Plan) -> tuple[Hook, ...]:
    """What streams may ask for, and what a task's end lets go."""
    return (alloc_buffer, free_buffer, dontneed, pin, pin_longterm, unpin, sleep_until_ns, release_pins)


def place(built: Built) -> None:
    """Give every task its rows of buffers."""
    first, table = 0, built.memory.table("drivers")
    for t, (count, task) in enumerate(zip(_each(built.plan), built.plan.tasks.values(), strict=True)):
        table[t].first, table[t].buffers, table[t].began = first, count, task.start
        first += count
