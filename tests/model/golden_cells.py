"""Resolved cells of the kernels that were eras by name before versions had dates: what `golden/eras.json` holds.

`python -m tests.model.golden_cells` prints it anew; `test_golden_eras.py` compares, and lists what was wrong then.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

from mmrun.model import eras as versions
from mmrun.model import registry
from mmrun.model.description import Cell, Cgroup, Machine, Mempolicy, Node, Stream, Sysctl, Task, Variant
from mmrun.model.units import GiB, MiB

KERNELS = (
    "3.0", "3.1", "3.2", "3.3", "3.15", "4.19", "5.8", "5.15", "6.1", "6.1+mglru", "6.18", "6.18+mglru",
)  # fmt: skip
FLAGS = (
    "kmem_accounting", "slab_by_bytes", "tlb_batched", "fault_around", "recency_by_advice", "anon_exclusive",
    "swapin_writable", "readahead_by_order", "mapped_counts_twice", "activates_in_batch", "lruvec_lock",
    "charge_retries", "blk_mq", "wbt", "max_sectors_kib", "start_all", "fixed_chunk", "plug_requests",
    "counts_unstable", "commits_visits",
)  # fmt: skip
SYSCTLS = {
    "swappiness": (0, 1, 100, 101, 200, 201), "zone_reclaim_mode": (0, 1, 7), "min_free_kbytes": (4096,),
    "watermark_scale_factor": (10, 1000), "page_cluster": (0, 5), "min_unmapped_ratio": (0, 10),
    "vfs_cache_pressure": (0, 1000), "dirty_ratio": (40,), "dirty_background_ratio": (5,), "dirty_bytes": (MiB,),
    "dirty_background_bytes": (MiB,), "dirty_writeback_centisecs": (0,), "dirty_expire_centisecs": (100,),
    "numa_zonelist_order": ("default", "node", "zone"),
}  # fmt: skip
GROUP: dict[str, Any] = {
    "max": 64 * MiB, "min": MiB, "low": MiB, "high": MiB, "soft_limit": MiB, "swap_max": MiB, "swappiness": 10,
}  # fmt: skip
MODES = ("local", "bind", "preferred", "preferred-many", "interleave", "weighted-interleave")
PARAMS = {  # one that differs from the default, where the axis' variant of the era has it
    "kswapd": {"in_shares": True}, "lru": {"stop_at_zero": True}, "memcg": {"page_cgroup_bytes": 8},
    "reclaim_writeback": {"priority": 3}, "reclaim_throttle": {"as_posted": True}, "shrinker": {"floor": False},
    "idle": {"scan_ms": 1000}, "proactive": {"ratio_ppm": 7},
}  # fmt: skip


LATER = (  # axes, variants, parameters and settings that there were none of when the file was made
    "sched", "migration", "compaction", "vm.extfrag_threshold", "vm.compaction_proactiveness",
    "cgroups.stat_read_phase", "vm.transparent_hugepage", "vm.transparent_hugepage_defrag", "vm.max_ptes_none",
    *(f"vm.hugepages_{4 << order}kb" for order in range(2, 10)), "pcp: batch-31-vectors-15", "pcp: batch-63-high-6",
    "pcp: batch-15-tuned", "pcp/batch-15.list_by_list", "pcp/batch-63.half_of_high", "vm.percpu_pagelist_fraction",
    "vm.percpu_pagelist_high_fraction", "fallback", "fallback/cma-in-table.rest_if_claimed",
    "fallback/compatible-pages.smallest_for_movable", "vm.watermark_boost_factor", "vm.defrag_mode",
    "kswapd/any-zone.age_by_root", "kswapd/any-zone.gives_up", "kswapd/any-zone.one_will_do",
    "reclaim_throttle/node-flags.own_mark", "reclaim_throttle/node-flags.waits_to_retry",
    "dirty_throttling/position-control.exceeded_in_loop",
    "direct_reclaim/per-zone.sixteen_rounds", "direct_reclaim/per-zone.again_below_low",
    "direct_reclaim/per-node.to_4_11", "direct_reclaim/per-node.wakes_flushers",
    "reclaim_writeback/kswapd-only.waits", "reclaim_writeback/second-visit.waits_nofs",
    "watermarks/scale-factor.ceiling_kb",
    "lru/zone-workingset.forced_last", "lru/zone-workingset.by_group", "lru/zone-workingset.sqrt_rule",
    "lru/workingset.forced", "lru/workingset.opened_by_refaults", "lru/workingset.anon_in_plenty",
    "lru/mglru.go_by_priority", "lru/mglru.walk_small",
    "lru/mglru.queued_off_lru",
    "swap_readahead/aligned.over_holes",
    "vm.nr_hugepages", "vm.nr_overcommit_hugepages", "vm.zero_page", "vm.max_ptes_swap", "vm.khugepaged_pages_to_scan",
    "vm.khugepaged_scan_sleep_millisecs", "vm.khugepaged_alloc_sleep_millisecs", "vm.khugepaged_defrag",
    "contiguous", "contiguous/cma.rule", "compaction/fast-search.searches", "numa_balancing", "tiering",
    "tiering/latency.adjusts", "tiering/latency.limits_rate",
    "vm.numa_balancing", "vm.numa_balancing_scan_delay_ms",
    "vm.numa_balancing_scan_period_min_ms", "vm.numa_balancing_scan_period_max_ms", "vm.numa_balancing_scan_size_mb",
    "vm.demotion_enabled", "vm.numa_balancing_promote_rate_limit_MBps", "vm.numa_balancing_hot_threshold_ms",
    "vm.tcp_limit_output_bytes", "swap_reserves",
    "tcp_accounting", *(f"tcp_accounting/unified.{name}" for name in ("false_sharing", "exchanges", "batch")),
    *(f"vm.tcp_mem_{name}" for name in ("min", "pressure", "max")), "vm.mem_pcpu_rsv", "cgroups.kmem_tcp_limit",
    *(f"vm.tcp_{way}mem_{name}" for way in "rw" for name in ("default", "max")),
    "vm.zswap", *(f"vm.zswap_{name}" for name in ("max_pool_percent", "accept_threshold_percent", "shrinker_enabled",
                                                  "zpool")), "cgroups.zswap_max", "cgroups.zswap_writeback",
    "cgroups.oom_group", "elevator",
    "dma_ops", "iommu", "iova", *(f"iova/magazines.{name}" for name in ("anchored", "depot", "entries", "flush_depots",
                                                                       "max32", "retry")),
)  # fmt: skip


def plain(kernel: str, **more: Any) -> Cell:
    """A cell of a kernel with nothing else chosen."""
    task = Task(stream=Stream(kind="loop"), mempolicy=more.pop("mempolicy", Mempolicy()))
    host = Machine(nodes=(Node(cpus=2, memory=GiB), Node(cpus=2, memory=GiB)))
    return Cell(kernel=kernel, machine=host, tasks={"t": task}, **more)


def variations(kernel: str) -> Iterator[tuple[str, Cell]]:
    """Cells with one thing chosen: a variant, a parameter, a sysctl, a setting of a group, a placement mode."""
    for axis in (axis for axis in registry.axes() if axis not in LATER):
        for name, info in registry.variants(axis).items():
            if f"{axis}: {name}" in LATER:
                continue
            yield f"{axis}: {name}", plain(kernel, policy={axis: Variant(variant=name)})
            for param, value in PARAMS.get(axis, {}).items():
                if param in info.params:
                    chosen = {axis: Variant(variant=name, params={param: value})}
                    yield f"{axis}: {name}.{param}", plain(kernel, policy=chosen)
    for key, values in SYSCTLS.items():
        for value in values:
            yield f"vm.{key}: {value}", plain(kernel, vm=replace(Sysctl(), **{key: value}))
    for key, value in GROUP.items():
        yield f"cgroups.g.{key}", plain(kernel, cgroups={"g": Cgroup(**{key: value})})
    for mode in MODES:
        nodes = () if mode == "local" else (0,)
        yield f"mempolicy: {mode}", plain(kernel, mempolicy=Mempolicy(mode=mode, nodes=nodes))  # type: ignore[arg-type]


def facts(cell: Cell) -> dict[str, Any]:
    """What a cell resolves to, by name, or in which words it is refused."""
    try:
        found = registry.resolve(cell)
    except ValueError as error:
        return {"refused": str(error)}
    policy = {f"{axis}": variant.variant for axis, variant in found.policy.items() if axis not in LATER}
    params = {
        key: value
        for axis, variant in found.policy.items() for name, value in variant.params.items()
        if (key := f"{axis}/{variant.variant}.{name}") not in LATER
    }  # fmt: skip
    groups = {
        f"cgroups.{name}": {key: value for key, value in asdict(group).items() if f"cgroups.{key}" not in LATER}
        for name, group in found.cgroups.items()
    }
    modes = {f"tasks.{name}": asdict(task.mempolicy) for name, task in found.tasks.items()}
    vm = {key: value for name, value in vars(found.vm).items() if (key := f"vm.{name}") not in LATER}
    return policy | params | vm | groups | modes


def observed(kernel: str) -> dict[str, Any]:
    """A kernel's flags, defaults and words, its plain cell, and what every variation changes in that."""
    era = versions.era(kernel)
    base = json.loads(json.dumps(facts(plain(kernel))))
    varied = {}
    for name, cell in variations(kernel):
        found = json.loads(json.dumps(facts(cell)))
        left = {key: None for key in base if key not in found and "refused" not in found}
        varied[name] = left | {key: value for key, value in found.items() if key not in base or base[key] != value}
    sysctls = {name: default for name, default in era.sysctl.items() if f"vm.{name}" not in LATER}
    return {
        "flags": {name: era.flags[name] for name in FLAGS},
        "sysctl": sysctls | {"swappiness_max": era.ranges["swappiness"][1]},
        "missing": {name: why for name, why in era.missing.items() if f"vm.{name}" not in LATER},
        "cgroup_missing": {name: why for name, why in era.cgroup_missing.items() if f"cgroups.{name}" not in LATER},
        "mempolicies": list(era.mempolicies), "cell": base, "varied": varied,
    }  # fmt: skip


def text(found: dict[str, dict[str, Any]]) -> str:
    """The file's text: a line a fact of a kernel, a line a variation."""
    kernels = []
    for kernel, parts in found.items():
        lines = [f"  {json.dumps(part)}: {_lines(value)}" for part, value in parts.items()]
        kernels.append(f" {json.dumps(kernel)}: {{\n" + ",\n".join(lines) + "\n }")
    return "{\n" + ",\n".join(kernels) + "\n}\n"


def _lines(value: Any) -> str:
    if not isinstance(value, dict) or not value:
        return json.dumps(value)
    return "{\n" + ",\n".join(f"   {json.dumps(key)}: {json.dumps(each)}" for key, each in value.items()) + "\n  }"


if __name__ == "__main__":
    print(text({kernel: observed(kernel) for kernel in KERNELS}), end="")
