"""The raw facts of a built machine as it is: zones, gauges, groups; for files shaped as those of /proc and sysfs."""

from typing import Any

from mmrun.model import results
from mmrun.model.build import Built
from mmrun.model.core.frozen import frozen
from mmrun.model.core.timeline import before
from mmrun.model.machine.state import geometry, node_count
from mmrun.model.machine.state import nodes as nodes_of
from mmrun.model.mm.memcg.report import memory_stat
from mmrun.model.mm.page.report import LISTS, node_info, zone_info
from mmrun.model.mm.page.state import zones
from mmrun.model.mm.page.zones import MAX_RECLAIM_RETRIES
from mmrun.model.mm.swap.state import swaps
from mmrun.model.mm.writeback.state import writeback_count
from mmrun.model.units import PAGE

NUMASTAT = ("numa_hit", "numa_miss", "numa_foreign", "interleave_hit", "local_node", "other_node")
# Fields of a group's row: pages, bytes (slab_bytes), how often something happened.
OF_GROUP = (
    "usage", "limit", "memory_high", "memory_low", "memory_min", "soft_limit", "swap_pages", "swap_limit", "kmem",
    "slab_bytes", "failcnt", "events_low", "events_high", "events_max", "events_oom", "oom_kill", "events_swap_max",
    "events_swap_fail",
)  # fmt: skip


@frozen
class Snapshot:
    """A machine at the end of a run, in pages of 4 KiB.

    `zones`: rows of `zone_info`; `nodes`: gauges and counters of each node; `counters`: of the machine, since its
    start; `gauges`: of the machine that are no sum over nodes; `groups`: memory.stat, limits and what else is in
    `OF_GROUP` by path, the root's path is "". `available`: si_mem_available, None before 3.14; `v1`: files of
    groups have the names of version 1; `version`: of Linux.
    """

    zones: list[dict[str, Any]]
    nodes: list[dict[str, int]]
    counters: dict[str, int]
    gauges: dict[str, int]
    groups: dict[str, dict[str, int]]
    swap_total: int
    swap_free: int
    swap_cached: int
    available: int | None
    v1: bool
    version: str


def snapshot(built: Built) -> Snapshot:
    """What `built` is now."""
    groups = {name: _group(built, number, name) for number, name in enumerate(built.cgroups)}
    nodes = [_node(built, nid) for nid in range(int(geometry(built.memory.m).nr_nodes))]
    total = sum(target.size for target in built.cell.machine.swap.values()) // PAGE
    used = int(swaps(built.memory.m)["used"].sum())
    version = built.cell.kernel.partition("+")[0]
    old = before(version, "3.14")
    counters, gauges = results.counted(built.memory.m), _gauges(built, groups[""])
    return Snapshot(
        zone_info(built), nodes, counters, gauges, groups, total, total - used,
        groups[""]["swapcached"], None if old else available(built), built.cell.cgroup_version == "v1", version,
    )  # fmt: skip


def _group(built: Built, number: int, name: str) -> dict[str, int]:
    """memory.stat of a group, in pages, and its row's fields in `OF_GROUP`; the root has no limits."""
    row = built.memory.table("memcgs")[number]
    return memory_stat(built, name) | {field: int(row[field]) for field in OF_GROUP}


def _node(built: Built, nid: int) -> dict[str, int]:
    """Gauges of a node, its lists, and numastat."""
    m = built.memory.m
    first, last = int(nodes_of(m)[nid].first_zone), int(nodes_of(m)[nid].first_zone + nodes_of(m)[nid].nr_zones)
    lists = zones(m)["nr_lru"][first:last].sum(axis=0).tolist()
    found = node_info(built, nid) | dict(zip(LISTS, lists, strict=True))
    found |= {name: int(node_count(m)[nid][name]) for name in NUMASTAT}
    return found | {"unreclaimable": int(nodes_of(m)[nid].kswapd_failures >= MAX_RECLAIM_RETRIES)}


def _gauges(built: Built, root: dict[str, int]) -> dict[str, int]:
    """Items of vmstat that no node and no counter has."""
    count = writeback_count(built.memory.m)
    limits = ("nr_dirty_threshold", "nr_dirty_background_threshold")
    return {name: int(count[name]) for name in limits} | {
        "nr_anon_pages": root["anon"], "nr_page_table_pages": root["pagetables"], "nr_swapcached": root["swapcached"],
    }  # fmt: skip


def available(built: Built) -> int:
    """Pages that can be had without swapping (si_mem_available), less slab that could be given back."""
    rows = zones(built.memory.m)
    low = int(rows["wmark_low"].sum())
    cache = int(rows["nr_lru"][:, 2:].sum())
    return max(0, int(rows["nr_free"].sum() - rows["totalreserve"].sum()) + cache - min(cache // 2, low))
