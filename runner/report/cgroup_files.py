"""A group of a snapshot as the files of its directory: memory.stat, memory.events and the like; the root's, too."""

from mmrun.model.core.timeline import FIRST, before
from mmrun.model.proc import Snapshot

PAGE, UNLIMITED = 4096, 1 << 62
KINDS = ("anon", "file")
LISTS = tuple(f"{which}_{kind}" for kind in KINDS for which in ("inactive", "active"))
SIZES = ("anon", "file", "kernel", "pagetables", "file_mapped", "file_dirty", "file_writeback", "swapcached", *LISTS)
REFAULTS = tuple(f"workingset_{what}_{kind}" for what in ("refault", "activate", "restore") for kind in KINDS)
SCANS = tuple(f"{what}_{who}" for what in ("pgscan", "pgsteal") for who in ("kswapd", "direct", "proactive"))
EVENTS = ("pgfault", "pgmajfault", "pgrefill", "pgactivate", "pgdeactivate", "pswpin", "pswpout")
STAT = (*SIZES, *REFAULTS, "pgscan", "pgsteal", *SCANS, *EVENTS)  # in the kernel's order
V1 = {"file": "cache", "anon": "rss", "file_mapped": "mapped_file", "file_dirty": "dirty",
      "file_writeback": "writeback", "pgpgin": "pgpgin", "pgpgout": "pgpgout", "pgfault": "pgfault",
      "pgmajfault": "pgmajfault"} | {name: name for name in LISTS}  # fmt: skip
V1_SINCE = {"dirty": "4.2", "writeback": "3.12"}  # memcg: add per cgroup dirty page accounting; ... writeback pages
LIMITS = {"max": "limit", "high": "memory_high", "low": "memory_low", "min": "memory_min", "swap.max": "swap_limit"}
NOT_LIMITED = {"low": 0, "min": 0}


def lines(items: dict[str, int]) -> str:
    """An item a line."""
    return "".join(f"{name} {value}\n" for name, value in items.items())


def group(name: str, left: Snapshot) -> dict[str, str]:
    """Text of each file of a group by its name; the root ("") has a memory.stat, and no limits."""
    stat = left.groups[name]
    if left.v1:
        return {"memory.stat": _stat_v1(stat, left.version)} | _files_v1(stat)
    found = {"memory.stat": _stat(stat)}
    return found | _files(stat) if name else found


def _sized(stat: dict[str, int]) -> dict[str, int]:
    """Sizes in bytes, events as counted."""
    return {name: value * PAGE if name in SIZES else value for name, value in stat.items()}


def _stat(stat: dict[str, int]) -> str:
    sums = {what: sum(stat[name] for name in SCANS if name.startswith(what)) for what in ("pgscan", "pgsteal")}
    size = _sized(stat | sums | {"kernel": stat["kmem"]})
    return lines({name: size[name] for name in STAT})


def _files(stat: dict[str, int]) -> dict[str, str]:
    found = {"memory.current": f"{stat['usage'] * PAGE}\n", "memory.swap.current": f"{stat['swap_pages'] * PAGE}\n"}
    for file, field in LIMITS.items():
        found[f"memory.{file}"] = "max\n" if stat[field] >= UNLIMITED else f"{stat[field] * PAGE}\n"
    events = {name: stat[f"events_{name}"] for name in ("low", "high", "max", "oom")}
    found["memory.events"] = lines(events | {"oom_kill": stat["oom_kill"], "oom_group_kill": 0})
    swap = {"high": 0, "max": stat["events_swap_max"], "fail": stat["events_swap_fail"]}
    return found | {"memory.swap.events": lines(swap)}


def _stat_v1(stat: dict[str, int], version: str) -> str:
    size = _sized(stat)
    own = {V1[name]: size[name] for name in V1}
    return lines({name: value for name, value in own.items() if not before(version, V1_SINCE.get(name, FIRST))})


def _files_v1(stat: dict[str, int]) -> dict[str, str]:
    sizes = {"usage_in_bytes": "usage", "limit_in_bytes": "limit", "soft_limit_in_bytes": "soft_limit"}
    found = {f"memory.{file}": f"{min(stat[field] * PAGE, (1 << 63) - PAGE)}\n" for file, field in sizes.items()}
    return found | {"memory.failcnt": f"{stat['failcnt']}\n"}
