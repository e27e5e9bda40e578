"""NUMA balancing in a machine record: rows only where it is on."""

from mmrun.model.core.jit import Hook
from mmrun.model.machine.built import Built, Plan
from mmrun.model.mm.numa_balancing.address_space import new_mm
from mmrun.model.mm.numa_balancing.numa_fault import hint_fault
from mmrun.model.mm.numa_balancing.numa_work import numa_tick
from mmrun.model.mm.numa_balancing.policy import set_mempolicy
from mmrun.model.mm.numa_balancing.state import UNSET


def balances(plan: Plan) -> bool:
    """Whether page-table words are made to fault."""
    return bool(plan.cell.vm.numa_balancing)


def rows(plan: Plan) -> dict[str, int]:
    """How many rows each table has."""
    on = int(balances(plan))
    regions = sum(len(task.memory) for task in plan.tasks.values())
    return {"numa_tasks": on * len(plan.tasks), "last_cpupid": on * plan.frames, "numab": on * regions}


def hooks(plan: Plan) -> tuple[Hook, ...]:
    """Ticks and faults where there are any; the system call always."""
    return (set_mempolicy, numa_tick, hint_fault) if balances(plan) else (set_mempolicy,)


def place(built: Built) -> None:
    """Nothing is known of any page or task."""
    if balances(built.plan):
        built.memory.table("last_cpupid")[:] = UNSET
        for t in range(len(built.plan.tasks)):
            new_mm(built.memory.m, t)
