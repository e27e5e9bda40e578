"""Fallback order since 5.16: nearest node first; each time a node opens a new distance class its load grows by one, so
equally distant nodes take turns. Zones always in node order.
"""

SOURCE = "mm/page_alloc.c: find_next_best_node, build_zonelists, 6.18"
ZONE_ORDER = False


def charge(load: list[int], chosen: int, nr_nodes: int, rank: int) -> None:
    """Note that `chosen` opened a new distance class in a list; `rank` is its place in the list, from 0."""
    load[chosen] += 1


def weight(nr_nodes: int, max_nodes: int) -> int:
    """What a distance is multiplied by before the load is added."""
    return max_nodes
