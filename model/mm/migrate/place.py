"""Migration in a machine record: calls and lists of every actor, requests of tasks."""

from mmrun.model.core.jit import Hook
from mmrun.model.core.record import NONE
from mmrun.model.machine.built import Built, Plan
from mmrun.model.mm.migrate.state import CALLS, LISTS
from mmrun.model.mm.migrate.syscalls import mbind, mbind_policy, migrate_task, migration_range, move_pages


def rows(plan: Plan) -> dict[str, int]:
    """How many rows each table has."""
    actors = sum(plan.actors.values())
    return {"movers": actors, "migrations": actors * CALLS, "isolated": actors * LISTS}


def hooks(plan: Plan) -> tuple[Hook, ...]:
    """System calls of tasks."""
    return migration_range, move_pages, migrate_task, mbind_policy, mbind


def place(built: Built) -> None:
    """Lists are empty."""
    lists = built.memory.table("isolated")
    lists["head"] = lists["tail"] = NONE
