"""Limits of a machine record: what no variant defines."""

from mmrun.model.core.jit import Hook
from mmrun.model.machine.built import Plan
from mmrun.model.mm.limits.limits import limit_reclaim
from mmrun.model.mm.limits.soft_limit import soft_limit_reclaim
from mmrun.model.mm.limits.state import MOST_REPORTS


def rows(plan: Plan) -> dict[str, int | tuple[int, int]]:
    """How many rows each table has: a kill that is written down, and what there is then."""
    return {
        "ooms": MOST_REPORTS, "oom_tasks": (MOST_REPORTS, len(plan.tasks)), "oom_pages": (MOST_REPORTS, 2 * plan.zones),
        "oom_zones": (MOST_REPORTS, plan.zones),
    }  # fmt: skip


def hooks(plan: Plan) -> tuple[Hook, ...]:
    """Soft limit reclaim, and how limits are kept since 3.9; other variants define their own."""
    return soft_limit_reclaim, limit_reclaim
