"""Actors of a machine record: their rows, and what keeps their order."""

from mmrun.model.core.jit import Hook
from mmrun.model.core.sleep import actor_life
from mmrun.model.machine.built import Plan


def rows(plan: Plan) -> dict[str, int]:
    """How many rows each table has."""
    actors = sum(plan.actors.values())
    return {"actors": actors, "spare_stacks": actors, "runqueue": 2 * power_of_two(actors)}


def hooks(plan: Plan) -> tuple[Hook, ...]:
    """The hooks that no variant defines."""
    return (actor_life,)


def power_of_two(n: int) -> int:
    """The smallest power of two that is at least `n`."""
    return 1 << max(0, n - 1).bit_length()
