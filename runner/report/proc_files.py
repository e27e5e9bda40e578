"""A snapshot of a machine as files shaped as the kernel's: /proc/{vmstat,meminfo,zoneinfo,buddyinfo}, nodes, groups.

Items are in the kernel's order; what the model does not have is left out, but for what `free` reads of meminfo.
"""

from pathlib import Path
from typing import Any

from mmrun.model.core.timeline import before
from mmrun.model.proc import Snapshot
from mmrun.runner.report.cgroup_files import LISTS, group, lines

KIB = 4  # of a page
NODE = "sys/devices/system/node/node"
MANAGED_SINCE = "3.9"  # mm: use zone->present_pages instead of zone->managed_pages where appropriate
BY_NODE = "4.8"  # mm, vmscan: move LRU lists to node; lists of zones have names of their own since
NUMA = {"numa_hit": "numa_hit", "numa_miss": "numa_miss", "numa_foreign": "numa_foreign",
        "interleave_hit": "numa_interleave", "local_node": "numa_local", "other_node": "numa_other"}  # fmt: skip
CACHE = ("nr_mapped", "nr_file_pages", "nr_dirty", "nr_writeback")
VMSTAT = (  # in the order of 6.18, items of older versions in their place
    "nr_free_pages", "nr_zone_write_pending", "nr_free_cma", *NUMA.values(), *(f"nr_{name}" for name in LISTS),
    "workingset_refault", "workingset_refault_anon", "workingset_refault_file", "workingset_activate",
    "workingset_activate_anon", "workingset_activate_file", "workingset_restore_anon", "workingset_restore_file",
    "workingset_nodereclaim", "nr_anon_pages", *CACHE, "nr_vmscan_write", "nr_vmscan_immediate_reclaim", "nr_dirtied",
    "nr_written", "nr_page_table_pages", "nr_swapcached", "pgpromote_success", "pgpromote_candidate", "pgdemote_kswapd",
    "pgdemote_direct", "nr_dirty_threshold", "nr_dirty_background_threshold", "pgpgin", "pgpgout", "pswpin", "pswpout",
    "pgalloc_dma", "pgalloc_dma32", "pgalloc_normal", "pgalloc_movable", "allocstall", "pgfree", "pgactivate",
    "pgdeactivate", "pgfault", "pgmajfault", "pgrefill", "pgsteal_kswapd", "pgsteal_direct", "pgsteal_proactive",
    "pgscan_kswapd", "pgscan_direct", "pgscan_proactive", "pgscan_direct_throttle", "pgscan_anon", "pgscan_file",
    "pgsteal_anon", "pgsteal_file", "zone_reclaim_success", "zone_reclaim_failed", "pginodesteal", "slabs_scanned",
    "kswapd_inodesteal", "kswapd_low_wmark_hit_quickly", "kswapd_high_wmark_hit_quickly", "pageoutrun", "pgrotated",
    "oom_kill", "numa_pte_updates", "numa_huge_pte_updates", "numa_hint_faults", "numa_hint_faults_local",
    "numa_pages_migrated", "pgmigrate_success", "pgmigrate_fail", "compact_migrate_scanned", "compact_free_scanned",
    "compact_isolated", "compact_stall", "compact_fail", "compact_success", "compact_daemon_wake",
    "cma_alloc_success", "cma_alloc_fail", "thp_fault_alloc", "thp_fault_fallback", "thp_collapse_alloc",
    "thp_split_page", "thp_deferred_split_page", "thp_split_pmd", "thp_swpout", "thp_swpout_fallback", "swap_ra",
    "swap_ra_hit", "zswpin", "zswpout", "zswpwb",
)  # fmt: skip


def files(left: Snapshot) -> dict[str, str]:
    """Text of each file by its path below the root of the dump."""
    found = {"proc/vmstat": vmstat(left), "proc/meminfo": meminfo(left)}
    found |= {"proc/zoneinfo": zoneinfo(left), "proc/buddyinfo": buddyinfo(left)}
    for nid in range(len(left.nodes)):
        found[f"{NODE}{nid}/meminfo"] = node_meminfo(left, nid)
        found[f"{NODE}{nid}/vmstat"], found[f"{NODE}{nid}/numastat"] = node_vmstat(left, nid), numastat(left, nid)
    for name in left.groups:
        path = f"sys/fs/cgroup/{name}/" if name else "sys/fs/cgroup/"
        found |= {f"{path}{file}": text for file, text in group(name, left).items()}
    return found


def write(left: Snapshot, directory: Path) -> None:
    """Write all files below `directory`."""
    for name, text in files(left).items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text, encoding="utf-8")


def _sum(rows: list[dict[str, Any]], name: str) -> int:
    return sum(int(row[name]) for row in rows)


def _by_node(left: Snapshot) -> bool:
    return not before(left.version, BY_NODE)


def _of_zones(zones: list[dict[str, Any]], by_node: bool) -> dict[str, int]:
    """What vmstat has of zones: free pages; since 4.8 lists and dirty pages under names of their own."""
    items = {"nr_free_pages": _sum(zones, "free")}
    if by_node:
        items |= {f"nr_zone_{name}": _sum(zones, name) for name in LISTS}
        items |= {"nr_zone_write_pending": _sum(zones, "writepending")}
    return items | {"nr_free_cma": _sum(zones, "free_cma")}


def _of_node(node: dict[str, int]) -> dict[str, int]:
    return {f"nr_{name}": node[name] for name in LISTS} | {name: node[name] for name in CACHE}


def vmstat(left: Snapshot) -> str:
    """/proc/vmstat; free pages without those on per-CPU lists, as the kernel has them."""
    items = _of_zones(left.zones, _by_node(left)) | left.gauges
    nodes = [_of_node(node) for node in left.nodes]
    items |= {name: _sum(nodes, name) for name in nodes[0]}
    items |= {name: _sum(left.nodes, field) for field, name in NUMA.items()}
    counted = left.counters
    items |= {"pgpgin": (counted["pgpgin"] + counted["pswpin"]) * KIB}  # of all block devices
    items |= {"pgpgout": (counted["nr_written"] + counted["pswpout"]) * KIB}
    items = counted | items
    zoned = {name: items[name] for name in items if name.startswith("nr_zone_") and name not in VMSTAT}
    order = [VMSTAT[0], *zoned, *VMSTAT[1:]]
    return lines({name: items[name] for name in order if name in items})


def node_vmstat(left: Snapshot, nid: int) -> str:
    """A node's vmstat in sysfs: its gauges, without events."""
    zones, node = [zone for zone in left.zones if zone["node"] == nid], left.nodes[nid]
    numa = {name: node[field] for field, name in NUMA.items()}
    return lines(_of_zones(zones, _by_node(left)) | numa | _of_node(node))


def numastat(left: Snapshot, nid: int) -> str:
    """A node's numastat in sysfs: where pages were wanted and where they came from."""
    return lines({field: left.nodes[nid][field] for field in NUMA})


def _kib(items: dict[str, int], before: str = "") -> str:
    return "".join(f"{before}{name + ':':<15} {pages * KIB:>8} kB\n" for name, pages in items.items())


def _of_lists(zones: list[dict[str, Any]]) -> dict[str, int]:
    found = {name: _sum(zones, name) for name in LISTS}
    both = {"Active": found["active_anon"] + found["active_file"]}
    both |= {"Inactive": found["inactive_anon"] + found["inactive_file"]}
    order = ("active_anon", "inactive_anon", "active_file", "inactive_file")
    return both | {f"{name[:-5].capitalize()}({name[-4:]})": found[name] for name in order}


def meminfo(left: Snapshot) -> str:
    """/proc/meminfo; zero where the model has nothing that a reader of it needs."""
    items = {"MemTotal": _sum(left.zones, "managed"), "MemFree": _sum(left.zones, "free")}
    if left.available is not None:
        items["MemAvailable"] = left.available
    items |= {"Buffers": 0, "Cached": _sum(left.nodes, "nr_file_pages"), "SwapCached": left.swap_cached}
    items |= _of_lists(left.zones) | {"SwapTotal": left.swap_total, "SwapFree": left.swap_free}
    items |= {"Dirty": _sum(left.nodes, "nr_dirty"), "Writeback": _sum(left.nodes, "nr_writeback")}
    return _kib(items | {"Mapped": _sum(left.nodes, "nr_mapped"), "Shmem": 0, "SReclaimable": 0})


def node_meminfo(left: Snapshot, nid: int) -> str:
    """A node's meminfo in sysfs."""
    zones = [zone for zone in left.zones if zone["node"] == nid]
    total, free = _sum(zones, "managed"), _sum(zones, "free")
    items = {"MemTotal": total, "MemFree": free, "MemUsed": total - free} | _of_lists(zones)
    items |= {"Dirty": left.nodes[nid]["nr_dirty"], "Writeback": left.nodes[nid]["nr_writeback"]}
    return _kib(items | {"FilePages": left.nodes[nid]["nr_file_pages"]}, f"Node {nid} ")


def buddyinfo(left: Snapshot) -> str:
    """/proc/buddyinfo: free blocks of each order."""
    return "".join(
        f"Node {zone['node']}, zone {zone['zone']:>8} {''.join(f'{blocks:>6} ' for blocks in zone['free_blocks'])}\n"
        for zone in left.zones
        if isinstance(zone["free_blocks"], list)
    )


def zoneinfo(left: Snapshot) -> str:
    """/proc/zoneinfo; since 4.8 a node's gauges stand before its first zone, before every zone has its own."""
    found, seen = [], set[int]()
    for zone in left.zones:
        found.append(_zone(zone, left, zone["node"] not in seen))
        seen.add(zone["node"])
    return "".join(found)


def _zone(zone: dict[str, Any], left: Snapshot, first: bool) -> str:
    by_node, node = _by_node(left), left.nodes[zone["node"]]
    text = [f"Node {zone['node']}, zone {zone['zone']:>8}"]
    if by_node and first:
        text += ["  per-node stats", *(f"      {name:<12} {value}" for name, value in _of_node(node).items())]
    text += [f"  pages free     {zone['free']}"]
    text += [f"        boost    {zone['boost']}"] * (not before(left.version, "5.0"))
    text += [f"        {name:<8} {zone[name]}" for name in ("min", "low", "high")]
    text += [f"        scanned  {zone['scanned']}"] * (not by_node)
    text += [f"        {name:<8} {zone[key]}" for name, key in (("spanned", "present"), ("present", "present"))]
    text += [f"        managed  {zone['managed']}"] * (not before(left.version, MANAGED_SINCE))
    protection = f"        protection: ({', '.join(map(str, zone['lowmem_reserve']))})"
    gauges = _of_zones([zone], by_node) | ({} if by_node else _of_node(zone))
    rows = [f"{'      ' if by_node else '    '}{name:<12} {value}" for name, value in gauges.items()]
    text += [protection, *rows] if by_node else [*rows, protection]
    return "\n".join([*text, *_pagesets(zone), *_ends(zone, node, by_node)]) + "\n"


def _pagesets(zone: dict[str, Any]) -> list[str]:
    found = ["  pagesets"]
    for cpu, count in enumerate(zone["pcp"]):
        found += [f"    cpu: {cpu}", f"              count: {count}", f"              high:  {zone['high_min']}"]
        found += [f"              batch: {zone['batch']}"]
    return found


def _ends(zone: dict[str, Any], node: dict[str, int], by_node: bool) -> list[str]:
    if by_node:
        return [f"  node_unreclaimable:  {node['unreclaimable']}", f"  start_pfn:           {zone['start']}"]
    return [f"  start_pfn:         {zone['start']}"]
