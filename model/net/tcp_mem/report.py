"""What is told of socket memory."""

import numpy as np

from mmrun.model.machine.built import Built
from mmrun.model.mm.memcg.place import copies
from mmrun.model.mm.memcg.report import with_descendants
from mmrun.model.net.tcp.state import tcp_count
from mmrun.model.net.tcp_mem.settings import has_sockets
from mmrun.model.net.tcp_mem.state import tcp_mem, tcp_mem_count


def sampled(built: Built) -> dict[str, int | float]:
    """Pages on the shared counter, and what sockets are charged for."""
    state = tcp_mem(built.memory.m)
    if not has_sockets(built.cell):
        return {}
    kept = int(built.memory.table("tcp_reserves").sum())
    return {"tcp_mem_pages": int(state.allocated), "tcp_mem_charged": int(state.allocated) + kept}


def _rates(built: Built) -> dict[str, int | float]:
    """What came of it a second, and what a buffer's accounting took."""
    m, count = built.memory.m, tcp_mem_count(built.memory.m)
    return {
        "tcp_mbit_s": int(tcp_count(m).tcp_bytes_received) * 8000 / max(int(m.now), 1),
        "skmem_per_packet_ns": int(count.skmem_lines_ns + count.skmem_wait_ns) / max(int(tcp_count(m).InSegs), 1),
    }


def metrics(built: Built) -> dict[str, int | float | str]:
    """The same at the end, and of each group its sockets' pages."""
    found: dict[str, int | float | str] = {**sampled(built)}
    table = built.memory.table("sock_groups")
    if has_sockets(built.cell):
        found |= _rates(built)
    if not len(table):
        return found
    first, socks = {name: i for i, name in enumerate(built.cgroups)}, built.memory.table("socks")
    here = socks[socks["here"] > 0]
    read = np.bincount(here["memcg"], weights=here["bytes_received"], minlength=len(table))
    told = {
        "sock": with_descendants(built, table["sock"].astype(np.int64)), "kmem_tcp_failcnt": table["failcnt"],
        "tcp_received": read,
    }  # fmt: skip
    for name, group in built.cell.cgroups.items():
        numbers = [first[copy] for copy in copies(name, group.count)]
        for metric, column in told.items():
            if value := int(column[numbers].sum()):
                found[f"cgroup.{name}.{metric}"] = value
    return found
