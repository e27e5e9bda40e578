"""What is told of physical memory: free pages, and what the pages of a node are."""

from mmrun.model.machine.built import Built
from mmrun.model.machine.state import geometry, nodes
from mmrun.model.mm.page.state import pcps, zones

FIELDS = {"nr_dirty": "nr_file_dirty", "nr_writeback": "nr_writeback"}


def metrics(built: Built) -> dict[str, int]:
    """Watermarks, as sums over zones."""
    rows = zones(built.memory.m)
    return {f"watermark_{mark}": int(rows[f"wmark_{mark}"].sum()) for mark in ("min", "low", "high")}


def sampled(built: Built) -> dict[str, int]:
    """Free pages, those on per-CPU lists included; `node<n>.<gauge>` of every node: the sums over its zones."""
    m, found = built.memory.m, dict[str, int]()
    found["nr_free_pages"] = int(zones(m)["nr_free"].sum()) + int(pcps(m)["n"].sum())
    for nid in range(int(geometry(m).nr_nodes)):
        first, last = int(nodes(m)[nid].first_zone), int(nodes(m)[nid].first_zone + nodes(m)[nid].nr_zones)
        free = int(zones(m)["nr_free"][first:last].sum()) + int(pcps(m)["n"][:, first:last].sum())
        found[f"node{nid}.nr_free_pages"] = free
        for name, field in FIELDS.items():
            found[f"node{nid}.{name}"] = int(zones(m)[field][first:last].sum())
    return found
