"""The machine's topology as the kernel derives it: zones of a node, zonelists, latencies, interleave weights."""

from math import gcd
from types import ModuleType

from mmrun.model.core.frozen import frozen
from mmrun.model.description import Machine
from mmrun.model.units import PAGE, GiB, MiB

DMA, DMA32, NORMAL = 0, 1, 2
ZONE_NAMES = ("DMA", "DMA32", "Normal", "Movable")
MAX_NUMNODES = 1024  # CONFIG_NODES_SHIFT = 10, the usual x86-64 distribution setting
_DMA_END, _DMA32_END = 16 * MiB, 4 * GiB


@frozen
class Zone:
    """A run of frames of one node: `kind` is its zone index, `start` its first frame, `pages` its length."""

    node: int
    kind: int
    start: int
    pages: int


def zones_of(machine: Machine) -> list[Zone]:
    """The zones of x86-64: physical memory laid out node after node, cut at 16 MiB and 4 GiB, less the hole there."""
    zones, start = [], 0
    low_end = _DMA_END // PAGE
    high_end = max(low_end, (_DMA32_END - machine.pci_hole) // PAGE)
    for nid, node in enumerate(machine.nodes):
        end = start + node.memory // PAGE
        for kind, low, high in ((DMA, 0, low_end), (DMA32, low_end, high_end), (NORMAL, high_end, end)):
            first, last = max(start, low), min(end, high)
            if first < last:
                zones.append(Zone(nid, kind, first, last - first))
        start = end
    return zones


def distances(machine: Machine) -> list[list[int]]:
    """The SLIT: 10 on the diagonal and 20 elsewhere unless the machine says otherwise."""
    n = len(machine.nodes)
    if machine.distance is not None:
        return [list(row) for row in machine.distance]
    return [[10 if i == j else 20 for j in range(n)] for i in range(n)]


def fallback_nodes(machine: Machine, variant: ModuleType) -> list[list[int]]:
    """For every node, all nodes in the order allocations try them (find_next_best_node).

    Lists are built in node order with one shared load, which makes equally distant nodes take turns. `variant` is a
    module of the axis `zonelist`.
    """
    distance, n = distances(machine), len(machine.nodes)
    load = [0] * n
    orders = []
    for local in range(n):
        order, previous = [local], local
        while len(order) < n:
            rest = [node for node in range(n) if node not in order]
            best = min(rest, key=lambda node: _score(machine, distance, load, variant, local, node))
            if distance[local][best] != distance[local][previous]:
                variant.charge(load, best, n, len(order) - 1)
            order.append(best)
            previous = best
        orders.append(order)
    return orders


def _score(machine: Machine, distance, load, variant: ModuleType, local: int, node: int) -> int:
    penalty = (1 if node < local else 0) + (1 if machine.nodes[node].cpus else 0)
    return (distance[local][node] + penalty) * variant.weight(len(machine.nodes), MAX_NUMNODES) + load[node]


def zone_order_wanted(machine: Machine, setting: str | None) -> bool:
    """Whether 3.1 lists all Normal zones before any DMA32 (default_zonelist_order); `setting`: numa_zonelist_order."""
    if setting != "default":  # None: zone order was removed in 4.14
        return setting == "zone"
    zones = zones_of(machine)
    if len(machine.nodes) == 1:
        return False
    low = sum(zone.pages for zone in zones if zone.kind < NORMAL)
    total = sum(zone.pages for zone in zones)
    if low * 2 > total:
        return False
    for nid in range(len(machine.nodes)):
        own = [zone for zone in zones if zone.node == nid]
        size, own_low = sum(z.pages for z in own), sum(z.pages for z in own if z.kind < NORMAL)
        if size > total // (len(machine.nodes) + 1) and own_low * 100 > size * 70:
            return False
        if not any(zone.kind == NORMAL for zone in own):
            return False
    return True


def zonelist(machine: Machine, nodes: list[int], by_zone: bool) -> list[int]:
    """Indices into `zones_of(machine)` in the order an allocation tries them, for a list of nodes."""
    zones = zones_of(machine)
    rank = {node: place for place, node in enumerate(nodes)}
    found = [index for index, zone in enumerate(zones) if zone.node in rank]
    if by_zone:
        return sorted(found, key=lambda index: (-zones[index].kind, rank[zones[index].node]))
    return sorted(found, key=lambda index: (rank[zones[index].node], -zones[index].kind))


def latencies(machine: Machine) -> list[list[int]]:
    """Load latency in ns from a CPU of node i to memory of node j: the memory's own, plus a step per unit of distance.

    A memory-only node's latency is the one from its nearest CPUs.
    """
    distance, n = distances(machine), len(machine.nodes)
    table = []
    for i in range(n):
        row = []
        for j, node in enumerate(machine.nodes):
            near = 10 if node.cpus else min(distance[c][j] for c in range(n) if machine.nodes[c].cpus)
            row.append(node.latency + machine.costs.distance_step * max(0, distance[i][j] - near))
        table.append(row)
    return table


def automatic_weights(machine: Machine) -> list[int]:
    """Interleave weights from bandwidth: max(1, 32 * share), divided by their greatest common divisor (6.16)."""
    total = sum(node.bandwidth for node in machine.nodes)
    weights = [max(1, 32 * node.bandwidth // total) for node in machine.nodes]
    divisor = gcd(*weights)
    return [weight // divisor for weight in weights]


def nearest_nodes(machine: Machine, node: int) -> list[int]:
    """The other nodes, nearest first (lower id first among equals)."""
    row = distances(machine)[node]
    return sorted((other for other in range(len(row)) if other != node), key=lambda other: (row[other], other))
