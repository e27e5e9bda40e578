"""Lruvecs of a machine record: empty lists, the locks they share, what kind of lists they are."""

import numpy as np

from mmrun.model.core.jit import Hook
from mmrun.model.core.record import NONE
from mmrun.model.eras import era
from mmrun.model.machine.built import Built, Plan
from mmrun.model.machine.state import geometry
from mmrun.model.mm.lru.rmap import page_referenced
from mmrun.model.mm.lru.state import ONE_TOUCH, TWO_TOUCH, lru_settings
from mmrun.model.mm.lru.two_lists import lruvec_begin, lruvec_end, lruvec_round
from mmrun.model.mm.page.state import zones as zones_of


def rows(plan: Plan) -> dict[str, int]:
    """How many rows each table has."""
    return {"lruvecs": plan.lruvecs, "ahead": 4}


def servers(plan: Plan) -> int:
    """Locks: at most one a lruvec."""
    return plan.lruvecs


def hooks(plan: Plan) -> tuple[Hook, ...]:
    """The hooks of lruvecs with an active and an inactive list; other variants define their own."""
    return lruvec_begin, lruvec_round, lruvec_end, page_referenced


def generational(plan: Plan) -> int:
    """What `lru_gen` is for the cell's lists: 0, ONE_TOUCH or TWO_TOUCH."""
    if not getattr(plan.modules["lru"], "GENERATIONS", False):
        return 0
    return TWO_TOUCH if plan.cell.policy["lru"].params["two_touch"] else ONE_TOUCH


def place(built: Built) -> None:
    """Fill the LRU rows: empty lists, each with the lock it shares."""
    m, one_each = built.memory.m, int(era(built.cell.kernel).flags["lruvec_lock"])
    own = lru_settings(m)
    own.zone_lruvecs, own.lru_gen = int(built.modules["lru"].SCOPE == "zone"), generational(built.plan)
    own.lru_batch = built.modules["pcp"].LRU_BATCH
    groups, zones = len(built.cgroups), int(geometry(m).nr_zones)
    nodes = zones_of(m)["node"][:zones]
    table = built.memory.table("lruvecs").reshape(groups, zones)
    table["lists"]["head"] = table["lists"]["tail"] = NONE
    table["memcg"], table["node"], table["zone"] = np.arange(groups)[:, None], nodes, np.arange(zones)
    place = np.arange(zones) if own.zone_lruvecs else nodes
    each = int(place.max()) + 1
    first = built.servers.take(each * (groups if one_each else 1))
    table["lock"] = first + one_each * np.arange(groups)[:, None] * each + place
