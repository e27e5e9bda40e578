"""What is told of socket memory."""

import numpy as np

from mmrun.model.machine.built import Built
from mmrun.model.mm.memcg.place import copies
from mmrun.model.mm.memcg.report import with_descendants
from mmrun.model.net.tcp_mem.state import tcp_mem


def sampled(built: Built) -> dict[str, int | float]:
    """Pages on the shared counter, and what sockets are charged for."""
    state = tcp_mem(built.memory.m)
    if not state.enabled:
        return {}
    kept = int(built.memory.table("tcp_reserves").sum())
    return {"tcp_mem_pages": int(state.allocated), "tcp_mem_charged": int(state.allocated) + kept}


def metrics(built: Built) -> dict[str, int | float | str]:
    """The same at the end, and of each group its sockets' pages."""
    found: dict[str, int | float | str] = {**sampled(built)}
    table = built.memory.table("sock_groups")
    if not len(table):
        return found
    first = {name: i for i, name in enumerate(built.cgroups)}
    told = {"sock": with_descendants(built, table["sock"].astype(np.int64)), "kmem_tcp_failcnt": table["failcnt"]}
    for name, group in built.cell.cgroups.items():
        numbers = [first[copy] for copy in copies(name, group.count)]
        for metric, column in told.items():
            if value := int(column[numbers].sum()):
                found[f"cgroup.{name}.{metric}"] = value
    return found
