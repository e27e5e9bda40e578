"""A scrubber a node, and a row a frame."""

from mmrun.model.core.jit import Hook
from mmrun.model.machine.built import Plan
from mmrun.model.mm.scrub.scrubd import scrubd


def rows(plan: Plan) -> dict[str, int]:
    """How many rows each table has."""
    return {"scrubbed": plan.frames}


def actors(plan: Plan) -> dict[str, int]:
    """Scrubbers."""
    return {"scrubber": plan.nodes}


def hooks(plan: Plan) -> tuple[Hook, ...]:
    """The hooks that no variant defines."""
    return (scrubd,)
