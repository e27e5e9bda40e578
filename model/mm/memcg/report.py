"""What is told of memory cgroups."""

import numpy as np

from mmrun.model.counters import CGROUP_COUNTERS
from mmrun.model.machine.built import Built
from mmrun.model.mm.memcg.place import copies

OF_COPIES = [f"{name}_{which}" for name in ("usage", "pgsteal") for which in ("min", "max")]  # over them
CGROUP_METRICS = {"usage_pages": "usage", "kmem_pages": "kmem"} | {
    name: name for name in CGROUP_COUNTERS if name not in OF_COPIES
}
OF_SUBTREE = ("pgscan", "pgsteal")  # counted where the page was, reported with those of the descendants
SHARES = {"steal_share_ratio": "pgsteal", "scan_share_ratio": "pgscan", "usage_share_ratio": "usage"}


def metrics(built: Built) -> dict[str, int | float | str]:
    """`cgroup.<name>.<metric>`; the copies of a group with `count` are summed, `_min` and `_max` are over them."""
    found: dict[str, int | float | str] = {}
    rows, first = built.memory.table("memcgs"), {name: i for i, name in enumerate(built.cgroups)}
    values = {metric: rows[field].astype(np.int64) for metric, field in CGROUP_METRICS.items()}
    for metric in OF_SUBTREE:
        before = np.concatenate([[0], np.cumsum(values[metric])])
        values[metric] = before[rows["end"]] - before[:-1]
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
    return found
