"""What is told of memory cgroups: limits met, memory.stat, memory.events."""

import numpy as np

from mmrun.model.counters import CGROUP_COUNTERS
from mmrun.model.machine.built import Built
from mmrun.model.machine.state import geometry
from mmrun.model.mm.lru.state import lru_settings
from mmrun.model.mm.memcg.place import copies
from mmrun.model.mm.memcg.settings import LISTS
from mmrun.model.mm.memcg.stats import STATS

OF_COPIES = [f"{name}_{which}" for name in ("usage", "pgsteal") for which in ("min", "max")]  # over them
CGROUP_METRICS = {"usage_pages": "usage", "kmem_pages": "kmem", "swap_pages": "swap_pages", "peak_pages": "peak"} | {
    name: name for name in CGROUP_COUNTERS if name not in OF_COPIES
}
OF_SUBTREE = ("pgscan", "pgsteal", "kmem_pages")  # counted where the page was, reported with those of the descendants
SHARES = {"steal_share_ratio": "pgsteal", "scan_share_ratio": "pgscan", "usage_share_ratio": "usage"}


def with_descendants(built: Built, own: np.ndarray) -> np.ndarray:
    """For each group the sum over it and those below it of what groups count for themselves (a row each)."""
    before = np.concatenate([np.zeros_like(own[:1]), np.cumsum(own, axis=0)])
    return before[built.memory.table("memcgs")["end"]] - before[:-1]


def group_lists(built: Built) -> np.ndarray:
    """Pages on each group's own lists, in the order of `LISTS`."""
    groups, zones = len(built.cgroups), int(geometry(built.memory.m).nr_zones)
    if lru_settings(built.memory.m).lru_gen:
        return _generations(built)
    lists = built.memory.table("lruvecs")["lists"]["n"][:, :4].reshape(groups, zones, 4).sum(axis=1, dtype=np.int64)
    if lru_settings(built.memory.m).double_lru:  # the machine's lists, where everybody's pages are, are the root's
        lists[0] -= lists[1:].sum(axis=0)
    return lists


def _generations(built: Built) -> np.ndarray:
    """The same of a multi-generational LRU: the two youngest generations of a kind count as active."""
    groups, zones = len(built.cgroups), int(geometry(built.memory.m).nr_zones)
    rows = built.memory.table("lrugens")
    pages = rows["pages"].sum(axis=3, dtype=np.int64)  # by lruvec, generation, kind
    newest = rows["max_seq"][:, None]
    gens = np.arange(pages.shape[1])
    active = (gens == newest % len(gens)) | (gens == (newest - 1) % len(gens))
    young = (pages * active[:, :, None]).sum(axis=1)
    return np.stack([pages.sum(axis=1) - young, young], axis=2).reshape(groups, zones, 4).sum(axis=1)


def memory_stat(built: Built, group: str) -> dict[str, int]:
    """memory.stat of one group (by the name it runs under, the root is "") and those below it, exact, in pages.

    All items, also those that are zero.
    """
    number, own = built.cgroups.index(group), built.memory.table("memcgs")["stat"]
    values = [*with_descendants(built, own)[number], *with_descendants(built, group_lists(built))[number]]
    return {name: int(value) for name, value in zip([*STATS, *LISTS], values, strict=True)}


def metrics(built: Built) -> dict[str, int | float | str]:
    """`cgroup.<name>.<metric>`; the copies of a group with `count` are summed, `_min` and `_max` are over them."""
    found: dict[str, int | float | str] = {}
    rows, first = built.memory.table("memcgs"), {name: i for i, name in enumerate(built.cgroups)}
    values = {metric: rows[field].astype(np.int64) for metric, field in CGROUP_METRICS.items()}
    for metric in OF_SUBTREE:
        values[metric] = with_descendants(built, values[metric])
    stats = np.hstack([with_descendants(built, rows["stat"]), with_descendants(built, group_lists(built))])
    for name, group in built.cell.cgroups.items():
        numbers = [first[copy] for copy in copies(name, group.count)]
        for metric, column in values.items():
            found[f"cgroup.{name}.{metric}"] = int(column[numbers].sum())
        for metric, column in (("usage", values["usage_pages"]), ("pgsteal", values["pgsteal"])):
            found[f"cgroup.{name}.{metric}_min"] = int(column[numbers].min())
            found[f"cgroup.{name}.{metric}_max"] = int(column[numbers].max())
        for share, field in SHARES.items():
            if total := int(rows[field][1:].sum()):
                found[f"cgroup.{name}.{share}"] = int(rows[field][numbers].sum()) / total
        told = stats[numbers].sum(axis=0)
        found |= {f"cgroup.{name}.{item}": int(n) for item, n in zip([*STATS, *LISTS], told, strict=True) if n}
    return found
