"""A snapshot of a machine as files shaped as the kernel's: /proc/{vmstat,meminfo,zoneinfo,buddyinfo}, memory cgroups.

Items are in the kernel's order; what the model does not have is left out, but for what `free` reads of meminfo.
"""

from pathlib import Path
from typing import Any

from mmrun.model.core.timeline import FIRST, before
from mmrun.model.proc import Snapshot

KIB = 4  # of a page
LISTS = ("inactive_anon", "active_anon", "inactive_file", "active_file")
PAGES = ("anon", "file", "file_mapped", "file_dirty", "file_writeback", "swapcached", "pagetables", *LISTS)
V1 = {"file": "cache", "anon": "rss", "file_mapped": "mapped_file", "file_dirty": "dirty",
      "file_writeback": "writeback", "pgpgin": "pgpgin", "pgpgout": "pgpgout", "pgfault": "pgfault",
      "pgmajfault": "pgmajfault"} | {name: name for name in LISTS}  # fmt: skip
V1_SINCE = {"dirty": "4.2", "writeback": "3.12"}  # memcg: add per cgroup dirty page accounting; ... writeback pages
MANAGED_SINCE = "3.9"  # mm: use zone->present_pages instead of zone->managed_pages where appropriate
EVENTS = (
    "pswpin", "pswpout", "pgalloc_dma", "pgalloc_dma32", "pgalloc_normal", "pgalloc_movable", "allocstall", "pgfree",
    "pgactivate", "pgdeactivate", "pgfault", "pgmajfault", "pgrefill", "pgsteal_kswapd", "pgsteal_direct",
    "pgscan_kswapd", "pgscan_direct", "zone_reclaim_failed", "pginodesteal", "slabs_scanned", "kswapd_inodesteal",
    "kswapd_low_wmark_hit_quickly", "kswapd_high_wmark_hit_quickly", "pageoutrun", "pgrotated", "pgmigrate_success",
    "pgmigrate_fail", "compact_stall", "compact_fail", "compact_success", "oom_kill",
)  # fmt: skip


def files(left: Snapshot) -> dict[str, str]:
    """Text of each file by its path below the root of the dump."""
    found = {"proc/vmstat": vmstat(left), "proc/meminfo": meminfo(left)}
    found |= {"proc/zoneinfo": zoneinfo(left), "proc/buddyinfo": buddyinfo(left)}
    for nid in range(len(left.nodes)):
        found[f"sys/devices/system/node/node{nid}/meminfo"] = node_meminfo(left, nid)
    for name, stat in left.groups.items():
        if name:
            found |= {f"sys/fs/cgroup/{name}/{file}": text for file, text in group(stat, left).items()}
    return found


def write(left: Snapshot, directory: Path) -> None:
    """Write all files below `directory`."""
    for name, text in files(left).items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text, encoding="utf-8")


def _sum(rows: list[dict[str, Any]], name: str) -> int:
    return sum(int(row[name]) for row in rows)


def _lines(items: dict[str, int]) -> str:
    return "".join(f"{name} {value}\n" for name, value in items.items())


def vmstat(left: Snapshot) -> str:
    """/proc/vmstat; free pages without those on per-CPU lists, as the kernel has them."""
    items = {"nr_free_pages": _sum(left.zones, "free")}
    items |= {f"nr_{name}": _sum(left.zones, name) for name in LISTS}
    items |= {name: _sum(left.nodes, name) for name in ("nr_mapped", "nr_file_pages", "nr_dirty", "nr_writeback")}
    return _lines(items | {name: left.counters[name] for name in EVENTS if name in left.counters})


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
    """/proc/zoneinfo: free pages, watermarks, size, reserve for lower zones and lists."""
    return "".join(_zone(zone, not before(left.version, MANAGED_SINCE)) for zone in left.zones)


def _zone(zone: dict[str, Any], managed: bool) -> str:
    lines = [f"Node {zone['node']}, zone {zone['zone']:>8}", f"  pages free     {zone['free']}"]
    lines += [f"        {name:<8} {zone[name]}" for name in ("min", "low", "high")]
    lines += [f"        {name:<8} {zone[key]}" for name, key in (("spanned", "present"), ("present", "present"))]
    lines += [f"        managed  {zone['managed']}"] * managed
    lines += [f"        protection: ({', '.join(map(str, zone['lowmem_reserve']))})"]
    lines += [f"    nr_free_pages {zone['free']}", *(f"    nr_{name} {zone[name]}" for name in LISTS)]
    return "\n".join(lines) + "\n"


def group(stat: dict[str, int], left: Snapshot) -> dict[str, str]:
    """Files of a memory cgroup; sizes in bytes, events as counted."""
    size = {name: value * KIB * 1024 if name in PAGES else value for name, value in stat.items() if name != "usage"}
    if left.v1:
        own = {V1[name]: size[name] for name in V1 if name in size}
        own = {name: value for name, value in own.items() if not before(left.version, V1_SINCE.get(name, FIRST))}
        return {"memory.stat": _lines(own), "memory.usage_in_bytes": f"{stat['usage'] * KIB * 1024}\n"}
    size = {name: value for name, value in size.items() if name not in ("pgpgin", "pgpgout")}
    return {"memory.stat": _lines(size), "memory.current": f"{stat['usage'] * KIB * 1024}\n"}
