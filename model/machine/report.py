"""What is told of nodes."""

from mmrun.model.counters import NODE_COUNTERS
from mmrun.model.machine.built import Built
from mmrun.model.machine.state import geometry, node_count, nodes


def metrics(built: Built) -> dict[str, int]:
    """`node<n>.<counter>` of every node, and their sums."""
    m, tasks, found = built.memory.m, built.memory.table("tasks"), dict[str, int]()
    for nid in range(int(geometry(m).nr_nodes)):
        for name in NODE_COUNTERS:
            found[f"node{nid}.{name}"] = int(node_count(m)[nid][name])
        found[f"node{nid}.touches"] = int(tasks["touched"][:, nid].sum())
    found |= {name: int(node_count(m)[name].sum()) for name in NODE_COUNTERS}
    return found | {"memory_pages": int(nodes(m)["present"].sum())}
