"""Limits of a machine record: what no variant defines."""

from mmrun.model.core.jit import Hook
from mmrun.model.machine.built import Plan
from mmrun.model.mm.limits.limits import limit_reclaim
from mmrun.model.mm.limits.soft_limit import soft_limit_reclaim


def hooks(plan: Plan) -> tuple[Hook, ...]:
    """Soft limit reclaim, and how limits are kept since 3.9; other variants define their own."""
    return soft_limit_reclaim, limit_reclaim
