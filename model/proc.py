"""The raw facts of a built machine as it is: zones, gauges, groups; for files shaped as those of /proc and sysfs."""

from typing import Any

from mmrun.model import results
from mmrun.model.build import Built
from mmrun.model.core.frozen import frozen
from mmrun.model.core.timeline import before
from mmrun.model.machine.state import geometry
from mmrun.model.mm.memcg.report import memory_stat
from mmrun.model.mm.page.report import node_info, zone_info
from mmrun.model.mm.page.state import zones
from mmrun.model.mm.swap.state import swaps
from mmrun.model.units import PAGE


@frozen
class Snapshot:
    """A machine at the end of a run, in pages of 4 KiB.

    `zones`: rows of `zone_info`; `nodes`: gauges of each node; `counters`: of the machine, since its start;
    `groups`: memory.stat and `usage` by path, the root's path is "". `available`: si_mem_available, None
    before 3.14; `v1`: files of groups have the names of version 1; `version`: of Linux.
    """

    zones: list[dict[str, Any]]
    nodes: list[dict[str, int]]
    counters: dict[str, int]
    groups: dict[str, dict[str, int]]
    swap_total: int
    swap_free: int
    swap_cached: int
    available: int | None
    v1: bool
    version: str


def snapshot(built: Built) -> Snapshot:
    """What `built` is now."""
    usage = built.memory.table("memcgs")["usage"]
    groups = {
        name: memory_stat(built, name) | {"usage": int(usage[number])} for number, name in enumerate(built.cgroups)
    }
    nodes = [node_info(built, nid) for nid in range(int(geometry(built.memory.m).nr_nodes))]
    total = sum(target.size for target in built.cell.machine.swap.values()) // PAGE
    used = int(swaps(built.memory.m)["used"].sum())
    version = built.cell.kernel.partition("+")[0]
    old = before(version, "3.14")
    return Snapshot(
        zone_info(built), nodes, results.counted(built.memory.m), groups, total, total - used,
        groups[""]["swapcached"], None if old else available(built), built.cell.cgroup_version == "v1", version,
    )  # fmt: skip


def available(built: Built) -> int:
    """Pages that can be had without swapping (si_mem_available), less slab that could be given back."""
    rows = zones(built.memory.m)
    low = int(rows["wmark_low"].sum())
    cache = int(rows["nr_lru"][:, 2:].sum())
    return max(0, int(rows["nr_free"].sum() - rows["totalreserve"].sum()) + cache - min(cache // 2, low))
