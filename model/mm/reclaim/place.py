"""Reclaimers of a machine record: scan controls and plugs, a kswapd a node."""

from mmrun.model.core.jit import Hook
from mmrun.model.core.record import NONE
from mmrun.model.machine.built import Built, Plan
from mmrun.model.mm.reclaim.kswapd import kswapd
from mmrun.model.mm.reclaim.shrink_list import shrink_active, shrink_inactive
from mmrun.model.mm.reclaim.shrink_page_list import shrink_batch


def rows(plan: Plan) -> dict[str, int]:
    """How many rows each table has; two scan controls an actor."""
    actors = sum(plan.actors.values())
    return {"scans": 2 * actors, "plugs": actors, "pfmemalloc_wait": plan.nodes}


def actors(plan: Plan) -> dict[str, int]:
    """Kswapds."""
    return {"node": plan.nodes}


def place(built: Built) -> None:
    """Nothing is on its way through a scan control."""
    for chained in ("tails", "kept"):
        built.memory.table("scans")[chained]["head"] = built.memory.table("scans")[chained]["tail"] = NONE


def hooks(plan: Plan) -> tuple[Hook, ...]:
    """The hooks that no variant defines."""
    return shrink_inactive, shrink_active, shrink_batch, kswapd
