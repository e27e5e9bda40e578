"""Reading a machine's counters: the metrics of a finished run, and the samples along it."""

from collections.abc import Iterable

import numpy as np

from mmrun.model import registry
from mmrun.model.block.state import DISK_GENERIC, disks
from mmrun.model.build import Built
from mmrun.model.core.codes import RUNNABLE
from mmrun.model.core.record import DECLARED
from mmrun.model.counters import (
    CGROUP_COUNTERS,
    DISK_COUNTERS,
    NODE_COUNTERS,
    SLAB_COUNTERS,
    TASK_COUNTERS,
    VM_COUNTERS,
    WB_COUNTERS,
)
from mmrun.model.machine.state import geometry, node_count, progress, run_settings
from mmrun.model.machine.state import nodes as nodes_of
from mmrun.model.mm.idle.idle_stats import BOUNDS, CLASSES, idle_name
from mmrun.model.mm.memcg.place import copies
from mmrun.model.mm.page.state import pcps
from mmrun.model.mm.page.state import zones as zones_of
from mmrun.model.mm.slab.place import ordered
from mmrun.model.mm.swap.state import swaps
from mmrun.model.mm.task.latency import call_latencies
from mmrun.model.mm.task.place import task_rows
from mmrun.model.mm.writeback.state import bdis
from mmrun.model.units import PAGE

SAMPLED = (
    "nr_inactive_anon", "nr_active_anon", "nr_inactive_file", "nr_active_file", "nr_free_pages", "nr_swap_used",
    "nr_slab_reclaimable", "nr_slab_unreclaimable", "nr_deferred",
)  # fmt: skip
SLAB_METRICS = {name: f"nr_{name}" if name in ("objects", "pages", "unused") else name for name in SLAB_COUNTERS}
SLAB_SAMPLED = ("objects", "pages", "unused")


EACH_TASKS = ("misses", "accesses", "stall_dirty_ns")
OF_ALL_DISKS = ("seeks", "seek_ns", "write_errors")  # reported of the machine, too
EACH_TASK = 256  # more tasks than this are reported in sum only


def list_sizes(built: Built) -> list[int]:
    """Pages on the inactive anon, active anon, inactive file and active file lists of all lruvecs."""
    return [int(size) for size in zones_of(built.memory.m)["nr_lru"].sum(axis=0)]


def swap_used(built: Built) -> int:
    """Swap slots in use."""
    return int(swaps(built.memory.m)["used"].sum())


def free_pages(built: Built) -> int:
    """Free pages, those on per-CPU lists included."""
    m = built.memory.m
    return int(zones_of(m)["nr_free"].sum()) + int(pcps(m)["n"].sum())


NODE_GAUGES = {"nr_dirty": "nr_file_dirty", "nr_writeback": "nr_writeback"}


def of_nodes(built: Built) -> dict[str, int]:
    """`node<n>.<gauge>` of every node: the sums over its zones."""
    zones, nodes = zones_of(built.memory.m), nodes_of(built.memory.m)
    return {
        f"node{nid}.{name}": int(zones[field][first : first + int(nodes[nid].nr_zones)].sum())
        for nid in range(int(geometry(built.memory.m).nr_nodes))
        for first in [int(nodes[nid].first_zone)]
        for name, field in NODE_GAUGES.items()
    }


def slab(built: Built, wanted: Iterable[str] = tuple(SLAB_METRICS)) -> dict[str, int]:
    """`slab.<cache>.<metric>` of every slab cache."""
    rows = built.memory.table("slab_caches")
    return {
        f"slab.{name}.{metric}": int(rows[c][SLAB_METRICS[metric]])
        for c, name in enumerate(ordered(built.cell))
        for metric in wanted
    }


def counted(m) -> dict[str, int]:
    """The machine's counters by name, in the order of reports, from the records of all mechanisms."""
    records = [one for one in DECLARED.values() if one.name.endswith("_count") and not one.dimensions]
    homes = {name: one for one in records for name in one.kind.names or ()}
    return {name: int(homes[name](m)[name]) for name in VM_COUNTERS}


def metrics(built: Built) -> dict[str, int | float | str]:
    """Every metric of the run by name; counters are totals, `_ns` are simulated time."""
    m = built.memory.m
    found: dict[str, int | float | str] = {"outcome": "oom" if progress(m).oom else "ok"}
    found |= counted(m)
    tasks, counts = built.memory.table("tasks"), built.memory.table("task_count")
    for name in TASK_COUNTERS:
        found[name] = int(counts[name].sum())
    ends = tasks["time"].tolist()
    found["elapsed_ns"] = max(ends)
    found["mean_task_elapsed_ns"] = sum(ends) / len(ends)
    for index, name in enumerate(built.tasks if len(built.tasks) <= EACH_TASK else []):
        found[f"task.{name}.elapsed_ns"] = ends[index]
        for counter in EACH_TASKS:
            found[f"task.{name}.{counter}"] = int(counts[index][counter])
    for nid in range(int(geometry(m).nr_nodes)):
        for name in NODE_COUNTERS:
            found[f"node{nid}.{name}"] = int(node_count(m)[nid][name])
        found[f"node{nid}.touches"] = int(tasks["touched"][:, nid].sum())
    for name in NODE_COUNTERS:
        found[name] = sum(int(node_count(m)[nid][name]) for nid in range(int(geometry(m).nr_nodes)))
    found["memory_pages"] = sum(int(nodes_of(m)[nid].present) for nid in range(int(geometry(m).nr_nodes)))
    found |= of_nodes(built) | _groups(built) | slab(built) | _idle_page_stats(built) | _disks(built)
    found |= call_latencies(built)
    found |= _fairness(built)
    found |= dict(zip(SAMPLED, _gauges(built), strict=True))
    return found


def _disks(built: Built) -> dict[str, int]:
    """`disk.<name>.<metric>` of every disk; a stripe's are the sums of its members'."""
    rows, servers, found = disks(built.memory.m), built.memory.table("servers"), {}
    for number, name in enumerate(built.disks):
        parts = [int(member) for member in rows[number].members[: int(rows[number].nr_members)]] or [number]
        for metric in DISK_COUNTERS:
            found[f"disk.{name}.{metric}"] = sum(int(rows[part][metric]) for part in parts)
        for part in parts:
            if rows[part].kind == DISK_GENERIC:
                used = servers[int(rows[part].first_server) : int(rows[part].first_server + rows[part].parallel)]
                found[f"disk.{name}.busy_ns"] += int(used["busy_ns"].sum()) // int(rows[part].parallel)
                found[f"disk.{name}.wait_ns"] += int(used["wait_ns"].sum())
    own = [name for name, disk in built.cell.machine.disks.items() if disk.kind != "stripe"]
    found |= {metric: sum(found[f"disk.{name}.{metric}"] for name in own) for metric in OF_ALL_DISKS}
    return found | _estimates(built)


def _fairness(built: Built) -> dict[str, float]:
    """How unlike the rates are at which the copies of a task go on: (largest - smallest) / mean; the widest of all."""
    tasks, counts, found = built.memory.table("tasks"), built.memory.table("task_count"), dict[str, float]()
    for name, rows in task_rows(built.cell).items():
        task = built.cell.tasks[name]
        if task.count > 1:
            rates = counts[rows]["accesses"] / np.maximum(tasks[rows]["time"] - task.start, 1)
            found[f"task.{name}.rate_spread_ratio"] = float((rates.max() - rates.min()) / max(rates.mean(), 1e-30))
    return found | ({"rate_spread_ratio": max(found.values())} if found else {})


def _estimates(built: Built) -> dict[str, int]:
    """`disk.<name>.<metric>` of dirty throttling: what it takes the device for, with groups of their own in sum."""
    rows, wbs = bdis(built.memory.m), built.memory.table("wbs")
    return {
        f"disk.{name}.{metric}": int(wbs[metric][int(rows[d].first_wb) :][: int(rows[d].nr_wbs)].sum())
        for d, name in enumerate(built.disks)
        for metric in WB_COUNTERS
    }


CGROUP_METRICS = {"usage_pages": "usage", "kmem_pages": "kmem"} | {
    name: name for name in CGROUP_COUNTERS if not name.endswith(("_min", "_max"))
}
OF_SUBTREE = ("pgscan", "pgsteal")  # counted where the page was, reported with those of the descendants
SHARES = {"steal_share_ratio": "pgsteal", "scan_share_ratio": "pgscan", "usage_share_ratio": "usage"}


def _groups(built: Built) -> dict[str, int | float | str]:
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


def _idle_page_stats(built: Built) -> dict[str, int]:
    """memory.idle_page_stats of the machine and of `cgroup.<name>` by the last whole scan, if a scanner keeps ages."""
    chosen = built.cell.policy["idle"]
    if registry.variant_info("idle", chosen.variant, chosen.file).keeps != "ages":
        return {}
    rows, found = built.memory.table("idle_stats")["by_class"], {}
    pages = rows.reshape(len(built.cgroups), -1, len(CLASSES), len(BOUNDS)).sum(axis=1)  # group, class, bucket
    idle = pages[:, :, ::-1].cumsum(axis=2)[:, :, ::-1] * PAGE
    first = {name: i for i, name in enumerate(built.cgroups)}
    groups = {f"cgroup.{name}.": [first[copy] for copy in copies(name, group.count)]
              for name, group in built.cell.cgroups.items()}  # fmt: skip
    for prefix, numbers in {"": list(first.values()), **groups}.items():
        for b, bound in enumerate(BOUNDS):
            for kind, name in enumerate(CLASSES):
                found[prefix + idle_name(bound, name)] = int(idle[numbers, kind, b].sum())
    return found


def _gauges(built: Built) -> list[int]:
    rows = built.memory.table("slab_caches")
    pages = [int(rows["nr_pages"][rows["reclaimable"] == kind].sum()) for kind in (1, 0)]
    put_off = int(built.memory.table("deferred").sum())
    return [*list_sizes(built), free_pages(built), swap_used(built), *pages, put_off]


class Samples:
    """The series of a run: one row a sample, counters cumulative, gauges as they are."""

    def __init__(self, built: Built) -> None:
        self.built = built
        self.rows: list[list[int]] = []
        self.columns = [
            "access",
            "time_ns",
            *VM_COUNTERS,
            *TASK_COUNTERS,
            *NODE_COUNTERS,
            *SAMPLED,
            *slab(built, SLAB_SAMPLED),
            *_estimates(built),
            *of_nodes(built),
        ]

    def take(self) -> None:
        """Add a row and set when the next one is due."""
        m = self.built.memory.m
        tasks, counts = self.built.memory.table("tasks"), self.built.memory.table("task_count")
        counters = [*counted(m).values(), *(int(counts[name].sum()) for name in TASK_COUNTERS)]
        counters += [int(node_count(m)[name].sum()) for name in NODE_COUNTERS]
        running = tasks["time"][tasks["state"] == RUNNABLE]
        now = int(running.max()) if running.size else int(m.now)
        if run_settings(m).sample_ns:
            now = int(progress(m).next_sample)
        parts = (slab(self.built, SLAB_SAMPLED), _estimates(self.built), of_nodes(self.built))
        gauges = [*_gauges(self.built), *(value for part in parts for value in part.values())]
        self.rows.append([int(progress(m).accesses), now, *counters, *gauges])
        progress(m).next_sample += run_settings(m).sample_accesses or run_settings(m).sample_ns

    def series(self) -> dict[str, np.ndarray]:
        """Column -> values over the samples (int64), empty when nothing was sampled."""
        if not self.rows:
            return {}
        table = np.array(self.rows, dtype=np.int64)
        return {name: table[:, i] for i, name in enumerate(self.columns)}
