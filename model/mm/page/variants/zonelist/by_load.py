"""Fallback order to 5.15: nearest node first; a node at a new distance is charged a load that starts at the number of
nodes and counts down, so that equally distant nodes take turns. Orders zones by node or, to 4.13, by zone.
"""

SOURCE = "mm/page_alloc.c: find_next_best_node, build_zonelists, default_zonelist_order, 3.1; the load to 5.15"
ZONE_ORDER = True


def charge(load: list[int], chosen: int, nr_nodes: int, rank: int) -> None:
    """Note that `chosen` opened a new distance class in a list; `rank` is its place in the list, from 0."""
    load[chosen] = nr_nodes - rank


def weight(nr_nodes: int, max_nodes: int) -> int:
    """What a distance is multiplied by before the load is added."""
    return nr_nodes * max_nodes
