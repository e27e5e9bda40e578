"""What is told of LRU lists."""

from mmrun.model.machine.built import Built
from mmrun.model.machine.state import geometry, nodes
from mmrun.model.mm.lru.settings import LIST_GAUGES
from mmrun.model.mm.page.state import zones


def sampled(built: Built) -> dict[str, int]:
    """Pages on the lists of all lruvecs, then of those of each node."""
    m = built.memory.m
    rows, found = zones(m)["nr_lru"], dict[str, int]()
    parts = {"": slice(None)} | {
        f"node{nid}.": slice(int(node.first_zone), int(node.first_zone + node.nr_zones))
        for nid, node in enumerate(nodes(m)[: int(geometry(m).nr_nodes)])
    }
    for prefix, which in parts.items():
        found |= {prefix + name: int(size) for name, size in zip(LIST_GAUGES, rows[which].sum(axis=0), strict=True)}
    return found
