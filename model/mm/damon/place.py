"""DAMON on a machine record: rows for its regions, where its random numbers begin."""

from mmrun.model.core.lehmer import first_of
from mmrun.model.machine.built import Built, Plan
from mmrun.model.mm.idle.state import damon


def rows(plan: Plan) -> dict[str, int]:
    """Rows for regions: twice the bound, as a quota may cut some before the next merge, and twice that to merge."""
    params = plan.cell.policy["idle"].params
    if "max_regions" not in params:
        return {"damon_regions": 0}
    most = 2 * max(int(params["max_regions"]), int(params["min_regions"]) * len(plan.tasks)) + 16
    return {"damon_regions": 2 * most}


def place(built: Built) -> None:
    """Set where its random numbers begin."""
    damon(built.memory.m).rng = first_of(built.cell, "damon")
