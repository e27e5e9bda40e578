"""Faults in a machine record: what no variant defines."""

from mmrun.model.core.jit import Hook
from mmrun.model.machine.built import Plan
from mmrun.model.mm.fault.fault import access


def hooks(plan: Plan) -> tuple[Hook, ...]:
    """Touches that the page table cannot serve."""
    return (access,)
