"""Generations of a machine record: every lruvec starts with two, every group stands in line on its node."""

from mmrun.model.core.record import NONE
from mmrun.model.machine.built import Built, Plan
from mmrun.model.mm.generations.state import BLOOM_BYTES, TABLE_SHIFT, generation_settings
from mmrun.model.mm.lru.gens import MIN_GENS
from mmrun.model.mm.lru.place import generational
from mmrun.model.mm.memcg.memcg_lru import online_all
from mmrun.model.mm.memcg.state import memcg_settings


def rows(plan: Plan) -> dict[str, int]:
    """How many rows each table has."""
    generations = plan.lruvecs if generational(plan) else 0
    tables = (plan.ptes >> TABLE_SHIFT) + 1 if generations else 0
    return {"lrugens": generations, "bloom": generations * BLOOM_BYTES, "leaf_young": tables}


def place(built: Built) -> None:
    """Fill the rows of generations."""
    generations = built.memory.table("lrugens")
    generations["lists"]["head"] = generations["lists"]["tail"] = NONE
    generations["max_seq"] = MIN_GENS + 1
    if generational(built.plan):
        params, own = built.cell.policy["lru"].params, generation_settings(built.memory.m)
        for name in ("walk_small", "go_by_priority", "queued_off_lru"):
            setattr(own, name, int(params[name]))
    if memcg_settings(built.memory.m).memcg_lru:
        online_all(built.memory.m)
