"""Memory tiers in a machine record: which nodes are of which tier, where each demotes to, what is kept free."""

from mmrun.model.core.jit import Hook
from mmrun.model.core.lehmer import first_of
from mmrun.model.description import Machine
from mmrun.model.machine import numa
from mmrun.model.machine.built import Built, Plan
from mmrun.model.machine.state import nodes
from mmrun.model.mm.numa_balancing.settings import MEMORY_TIERING
from mmrun.model.mm.page.state import zones
from mmrun.model.mm.tiering.demotion import demote
from mmrun.model.mm.tiering.state import tier_settings, tiers

DRAM, CHUNK_SHIFT = 576, 7  # MEMTIER_ADISTANCE_DRAM, MEMTIER_CHUNK_BITS


def tiers_of(machine: Machine) -> list[int]:
    """The tier of each node, 0 the fastest: as given, else by abstract distance for those without CPUs.

    In the kernel: mt_perf_to_adistance; nodes with CPUs are of the tier of their memory, DRAM's.
    """
    dram = next(node for node in machine.nodes if node.cpus)
    found = []
    for node in machine.nodes:
        if node.tier is not None or node.cpus:
            found.append(node.tier or 0)
            continue
        distance = DRAM * node.latency // max(1, dram.latency) * dram.bandwidth // node.bandwidth
        found.append(max(1, (distance >> CHUNK_SHIFT) - (DRAM >> CHUNK_SHIFT)))
    return found


def targets_of(machine: Machine, node: int) -> int:
    """Mask of the nearest nodes of the next lower tier (establish_demotion_targets)."""
    tier, distance = tiers_of(machine), numa.distances(machine)[node]
    lower = [other for other in range(len(tier)) if tier[other] > tier[node]]
    following = [other for other in lower if tier[other] == min(tier[each] for each in lower)]
    nearest = [other for other in following if distance[other] == min(distance[each] for each in following)]
    return sum(1 << other for other in nearest)


def _active(plan: Plan) -> bool:
    return bool(plan.cell.vm.demotion_enabled or plan.cell.vm.numa_balancing)


def rows(plan: Plan) -> dict[str, int]:
    """How many rows each table has."""
    return {"tiers": plan.nodes, "moved": (plan.ptes + plan.cache) * int(_active(plan))}


def hooks(plan: Plan) -> tuple[Hook, ...]:
    """What reclaim calls where it may demote."""
    return (demote,) if plan.cell.vm.demotion_enabled else ()


def place(built: Built) -> None:
    """Fill the rows of nodes."""
    cell, m, table = built.cell, built.memory.m, built.memory.table("tiers")
    found = tiers_of(cell.machine)
    slowest_top = max(tier for tier, node in zip(found, cell.machine.nodes, strict=True) if node.cpus)
    variant = built.modules["tiering"]
    tier_settings(m).ping_pong = cell.sampling.ping_pong
    tier_settings(m).demotes_ahead = int(getattr(variant, "DEMOTES_AHEAD", 0) and bool(cell.vm.demotion_enabled))
    for nid, tier in enumerate(found):
        row = table[nid]
        row.tier, row.top, row.rng = tier, int(tier <= slowest_top), first_of(cell, f"demotion {nid}")
        if cell.vm.demotion_enabled:
            row.targets = targets_of(cell.machine, nid)
        row.rest = sum(1 << other for other, each in enumerate(found) if each >= tier)
        if row.top and (cell.vm.numa_balancing or 0) & MEMORY_TIERING:
            _keep_room(built, nid)


def _keep_room(built: Built, nid: int) -> None:
    """Kswapd of a fast node works up to the promo mark, a gap above high (WMARK_PROMO); further ahead with TPP."""
    m, node = built.memory.m, nodes(built.memory.m)[nid]
    scale = built.cell.policy["tiering"].params.get("demote_scale", 0) if tier_settings(m).demotes_ahead else 0
    for i in range(int(node.nr_zones)):
        zone = zones(m)[int(node.first_zone) + i]
        tiers(m)[nid].promo[i] = zone.wmark_low - zone.wmark_min + zone.managed * int(scale) // 10_000
