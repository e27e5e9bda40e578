"""From a resolved cell to a machine record ready to run: sizes, tables, parameters, hooks."""

from collections.abc import Mapping
from hashlib import sha256
from types import ModuleType

from mmrun.model import engine, registry
from mmrun.model.block.place import place_devices, place_wbs
from mmrun.model.block.state import MAX_IO
from mmrun.model.core import sleep
from mmrun.model.core.hooks import HOOKS
from mmrun.model.core.jit import Hook, bind
from mmrun.model.core.memory import Memory
from mmrun.model.description import Cell, Task, Variant
from mmrun.model.eras import era
from mmrun.model.machine import numa
from mmrun.model.machine.actors import place_actors
from mmrun.model.machine.built import SECTION_SHIFT, Built, Servers
from mmrun.model.machine.state import CHUNK, MANY_TASKS, SMALL_CHUNK, costs, geometry, progress, run_settings
from mmrun.model.mechanisms import parts
from mmrun.model.mm.alloc import page_alloc
from mmrun.model.mm.fault import fault
from mmrun.model.mm.generations.state import BLOOM_BYTES, generation_settings
from mmrun.model.mm.idle.state import damon, idle_costs, idle_settings, watch
from mmrun.model.mm.limits import limits, soft_limit
from mmrun.model.mm.lru import rmap, two_lists
from mmrun.model.mm.lru.state import ONE_TOUCH, TWO_TOUCH, lru_settings
from mmrun.model.mm.memcg.memcg_lru import online_all
from mmrun.model.mm.memcg.place import double_lru, group_names, has_soft_limit, memcg_lru, memcg_rows, place_cgroups
from mmrun.model.mm.memcg.state import PRIORITIES, memcg_settings, memcg_state
from mmrun.model.mm.page.buddy import PAGEBLOCK_ORDER
from mmrun.model.mm.page.place import place_lruvecs, place_nodes
from mmrun.model.mm.page.state import alloc_settings
from mmrun.model.mm.reclaim import kswapd, shrink_list
from mmrun.model.mm.reclaim.state import reclaim_settings
from mmrun.model.mm.slab import slab_lookup
from mmrun.model.mm.slab.place import place_slab, slab_rows, space_table
from mmrun.model.mm.slab.state import slab_settings
from mmrun.model.mm.swap.state import swap_settings
from mmrun.model.mm.task.place import File, expand, file_table, place_tasks, region_pages
from mmrun.model.mm.task.state import fault_settings
from mmrun.model.mm.writeback import page_io, writeback
from mmrun.model.mm.writeback.extents import EXTENT_PAGES
from mmrun.model.mm.writeback.page_wait import PAGE_WAIT_TABLE_SIZE
from mmrun.model.mm.writeback.place import place_writeback, wb_count
from mmrun.model.mm.writeback.state import writeback_settings
from mmrun.model.units import PAGE, S

parts("state")  # declares every table
__all__ = ["CORE_HOOKS", "DEFAULT_HOOKS", "Built", "build", "expand", "region_pages"]

OTHER_SERVERS = 1024  # channels, device queues, links; lru locks come on top
QUANTUM_NS = 20_000  # how far an actor may run ahead of the next one
CORE_HOOKS = (
    shrink_list.shrink_inactive,
    shrink_list.shrink_active,
    shrink_list.shrink_batch,
    page_alloc.charged_frame,
    page_alloc.kernel_frame,
    fault.access,
    soft_limit.soft_limit_reclaim,
    page_io.finish_writes,
    sleep.actor_life,
    engine.task_turn,
    engine.scanner,
    engine.controller,
    kswapd.kswapd,
    writeback.flusher,
)
# For lruvecs with an active and an inactive list, and for limits since 3.9; other variants define their own.
DEFAULT_HOOKS = (
    two_lists.lruvec_begin, two_lists.lruvec_round, two_lists.lruvec_end, rmap.page_referenced, limits.limit_reclaim,
)  # fmt: skip
SLAB_HOOKS = (page_alloc.slab_frame, slab_lookup.slab_access)  # bound, and so compiled, where there are slab caches
COSTS = {  # of the machine's costs, those that a mechanism's settings hold under the same name
    costs: ("syscall", "copy_page", "io_path", "kswapd_wake", "lru_lock"),
    alloc_settings: ("buddy",),
    reclaim_settings: ("scan_page", "reclaim_page"),
    swap_settings: ("swap_path",),
    memcg_settings: ("lruvec_visit",),
    generation_settings: ("walk_pte",),
    idle_costs: ("rmap_check", "pfn_walk", "damon_sample"),
    slab_settings: ("slab_lookup", "slab_object_alloc", "slab_object_scan", "slab_object_free"),
}
ERA = {  # the same of the kernel's era
    reclaim_settings: ("tlb_batched", "mapped_counts_twice", "plug_requests"),
    lru_settings: ("activates_in_batch", "writes_activate"),
    memcg_settings: ("charge_batch", "stocks", "charge_retries", "kmem_accounting", "shares_overcommitted"),
    fault_settings: ("recency_by_advice", "anon_exclusive", "swapin_writable", "readahead_by_order"),
    writeback_settings: (
        "start_all",
        "fixed_chunk",
        "counts_unstable",
        "commits_visits",
        "writeback_bump",
        "one_commit",
    ),
}


def build(cell: Cell, footprints: Mapping[str, int], record_misses: int = 0) -> Built:
    """A machine for `cell` (already resolved by `registry.resolve`).

    `footprints`: pages each expanded task's stream touches; `record_misses`: accesses to keep miss bits for (0: none).
    """
    tasks = expand(cell)
    pages = {name: region_pages(task, footprints[name]) for name, task in tasks.items()}
    files, spaces = file_table(tasks, pages), space_table(cell, tasks, pages)
    groups = group_names(cell)
    modules = {axis: registry.load(axis, cell.policy[axis]) for axis in registry.AXES}
    if not cell.slab:
        modules["shrinker"] = registry.load("shrinker", Variant(variant="none"))
    rows = table_rows(cell, tasks, pages, files, len(groups), record_misses)
    memory = Memory(
        **rows,
        **machine_rows(cell, len(tasks)),
        **memcg_rows(cell, modules, rows),
        **slab_rows(cell, spaces, len(groups)),
    )
    built = Built(memory, cell, list(tasks), groups, list(cell.machine.disks), list(cell.machine.swap))
    place_wbs(built)
    _config(built, modules, record_misses)
    servers = Servers(memory.record)
    place_nodes(built, modules, servers)
    place_lruvecs(built, servers)
    place_devices(built, servers)
    place_cgroups(built)
    if memcg_settings(built.memory.m).memcg_lru:
        online_all(built.memory.m)
    place_slab(built, modules["shrinker"], spaces)
    place_tasks(built, tasks, pages, files, spaces)
    place_writeback(built, modules["dirty_throttling"])
    hooks = _hooks(built, modules)
    place_actors(built, hooks, _scanners(built, modules), modules["proactive"].CONTROLLERS)
    return built


def table_rows(
    cell: Cell, tasks: Mapping[str, Task], pages: Mapping[str, list[int]], files: Mapping[str, File], groups: int,
    record_misses: int,
) -> dict[str, int]:  # fmt: skip
    """How many rows each big table of the cell's machine has."""
    ptes = sum(-(-sum(sizes) // 512) * 512 for sizes in pages.values())
    cache = sum(-(-file.pages // 64) * 64 for file in files.values())
    slots = sum(target.size // PAGE for target in cell.machine.swap.values())
    frames = sum(node.memory for node in cell.machine.nodes) // PAGE
    cpus, lruvecs = sum(node.cpus for node in cell.machine.nodes), groups * len(numa.zones_of(cell.machine))
    actors = actor_count(cell, tasks, groups)
    watched = int(bool(registry.load("idle", cell.policy["idle"]).SCANNERS))
    generations = lruvecs if generational(cell) else 0
    return {
        "frames": frames, "section": (frames >> SECTION_SHIFT) + 1, "pte": ptes, "ptpage": ptes // 512 + 1,
        "cache": cache, "xanode": cache // 64 + 1, "dirty_tags": cache // 64 + 1,
        "extents": (cache // EXTENT_PAGES + 1) * any(d.allocation != "fixed" for d in cell.machine.disks.values()),
        "on_disk": (cache // 64 + 1) * any(file.sparse for file in files.values()),
        "wbs": wb_count(cell, groups), "wb_domains": groups, "latencies": len(tasks),
        "actors": actors, "spare_stacks": actors, "batches": actors, "plugs": actors, "jobs": actors,
        "scans": 2 * actors, "dtcs": 2 * actors, "page_waits": PAGE_WAIT_TABLE_SIZE,
        "pageblocks": (frames >> PAGEBLOCK_ORDER) + 1,
        "swapcache": slots, "swapmap": slots, "io": MAX_IO,
        "requests": MAX_IO,
        "lruvecs": lruvecs, "memcgs": groups, "stat_pending": groups * cpus, "servers": OTHER_SERVERS + lruvecs,
        "iters": lruvecs * PRIORITIES,
        "tasks": len(tasks), "regions": sum(len(task.memory) for task in tasks.values()),
        "files": sum(file.count for file in files.values()),
        "idle_age": frames * watched, "last_touch": frames * watched,
        "slot_used": slots * watched, "tried": frames * watched, "far": groups * watched, "stalled_before": len(tasks),
        "damon_regions": 2 * _most_regions(cell, len(tasks)),
        "idle_stats": groups * len(cell.machine.nodes) * watched,
        "stream": len(tasks) * _chunk(tasks), "missed": record_misses, "runqueue": 2 * power_of_two(actors),
        "lrugens": generations, "bloom": generations * BLOOM_BYTES,
        "tlb": ptes if cell.machine.tlb_flush is not None else 0,
    }  # fmt: skip


def actor_count(cell: Cell, tasks: Mapping[str, Task], groups: int) -> int:
    """Tasks and daemons of the cell's machine; see `place_actors`."""
    return len(tasks) + 2 * len(cell.machine.nodes) + wb_count(cell, groups) + 2


def machine_rows(cell: Cell, tasks: int) -> dict[str, int | tuple[int, int]]:
    """The same for tables that go with the machine's nodes, CPUs, zones and devices, and with its tasks."""
    machine, zones = cell.machine, len(numa.zones_of(cell.machine))
    nodes, cpus, disks = len(machine.nodes), sum(node.cpus for node in machine.nodes), len(machine.disks)
    return {
        "nodes": nodes, "cpus": cpus, "zones": zones, "pcps": (cpus, zones), "scanners": nodes, "node_count": nodes,
        "task_count": tasks, "disks": disks, "bdis": disks, "links": len(machine.links),
        "swaps": len(machine.swap), "ahead": 4,
    }  # fmt: skip


def generational(cell: Cell) -> int:
    """What `lru_gen` is for the cell's lists: 0, ONE_TOUCH or TWO_TOUCH."""
    variant = cell.policy["lru"]
    if not getattr(registry.load("lru", variant), "GENERATIONS", False):
        return 0
    return TWO_TOUCH if variant.params["two_touch"] else ONE_TOUCH


def _most_regions(cell: Cell, tasks: int) -> int:
    """Rows for DAMON's regions: twice the bound, because a quota may cut some before the next merge."""
    params = cell.policy["idle"].params
    if "max_regions" not in params:
        return 0
    return 2 * max(int(params["max_regions"]), int(params["min_regions"]) * tasks) + 16


def _chunk(tasks: Mapping[str, Task]) -> int:
    """Events of each task's stream that the machine holds."""
    return CHUNK if len(tasks) <= MANY_TASKS else SMALL_CHUNK


def power_of_two(n: int) -> int:
    """The smallest power of two that is at least `n`."""
    return 1 << max(0, n - 1).bit_length()


def _config(built: Built, modules: Mapping[str, ModuleType], record_misses: int) -> None:
    cell, m = built.cell, built.memory.m
    vm = cell.vm
    machine = cell.machine
    geometry(m).nr_frames = len(built.memory.table("frames"))
    geometry(m).nr_nodes, geometry(m).nr_cpus = len(machine.nodes), sum(node.cpus for node in machine.nodes)
    geometry(m).nr_memcgs, geometry(m).nr_tasks = len(built.cgroups), len(built.tasks)
    geometry(m).online_cpus = geometry(m).nr_cpus
    lru_settings(m).zone_lruvecs = 1 if modules["lru"].SCOPE == "zone" else 0
    lru_settings(m).lru_gen = generational(cell)
    reclaim_settings(m).swappiness = vm.swappiness if vm.swappiness is not None else 60
    swap_settings(m).page_cluster = vm.page_cluster if vm.page_cluster is not None else 3
    reclaim_settings(m).min_unmapped_ratio = vm.min_unmapped_ratio if vm.min_unmapped_ratio is not None else 1
    far = max(max(row) for row in numa.distances(machine)) > 30
    alloc_settings(m).zone_reclaim_mode = vm.zone_reclaim_mode if vm.zone_reclaim_mode is not None else int(far)
    lru_settings(m).lru_batch = modules["pcp"].LRU_BATCH
    swap_settings(m).swap_by_vma = 1 if modules["swap_readahead"].BY_VMA else 0
    run_settings(m).quantum, geometry(m).section_shift, geometry(m).hz = QUANTUM_NS, SECTION_SHIFT, machine.hz
    run_settings(m).duration = cell.duration if cell.duration is not None else 1 << 62
    run_settings(m).tlb_flush = machine.tlb_flush if machine.tlb_flush is not None else 0
    run_settings(m).sample_accesses, run_settings(m).sample_ns = cell.sampling.accesses or 0, cell.sampling.every or 0
    run_settings(m).record_misses = 1 if record_misses else 0
    run_settings(m).chunk = len(built.memory.table("stream")) // max(1, len(built.tasks))
    damon(m).rng, memcg_state(m).memcg_rng = _seed(cell, "damon"), _seed(cell, "memcg-lru")
    watch(m).idle_tracking, idle_settings(m).cold_after = int(_scanners(built, modules) > 0), cell.sampling.cold_after
    if configure := getattr(modules["idle"], "configure", None):
        configure(m, cell.policy["idle"].params)
    progress(m).next_sample = run_settings(m).sample_accesses or run_settings(m).sample_ns
    progress(m).next_flush = 2 * S
    for source, homes in ((vars(machine.costs), COSTS), (era(cell.kernel).flags, ERA)):
        for home, names in homes.items():
            for name in names:
                setattr(home(m), name, int(source[name]))
    lru_settings(m).double_lru, memcg_settings(m).memcg_lru = int(double_lru(cell, modules)), int(memcg_lru(modules))
    memcg_settings(m).soft_limits = int(has_soft_limit(cell) and not memcg_settings(m).memcg_lru)
    costs(m).lru_lock *= 2 if lru_settings(m).double_lru else 1
    fault_settings(m).minor_anon = machine.costs.minor_fault_anon
    fault_settings(m).minor_file = machine.costs.minor_fault_file
    reclaim_settings(m).tlb = machine.costs.tlb_shootdown


def _seed(cell: Cell, stream: str) -> int:
    """Where the random numbers of a named stream begin, in a kernel's generator."""
    return 1 + int.from_bytes(sha256(f"{cell.seed}\0{stream}\0{cell.replicate}".encode()).digest()[:4]) % (2**31 - 2)


def _scanners(built: Built, modules: Mapping[str, ModuleType]) -> int:
    """How many scanners of accessed bits there are."""
    return {"": 0, "node": int(geometry(built.memory.m).nr_nodes), "machine": 1}[modules["idle"].SCANNERS]


def _hooks(built: Built, modules: Mapping[str, ModuleType]) -> list[Hook]:
    """Enter every hook an axis' variant defines, and give them; one that nobody defines is the registry's mistake."""
    slab = SLAB_HOOKS if built.cell.slab else ()
    found = {hook.name: hook for hook in (*CORE_HOOKS, *DEFAULT_HOOKS, *slab)}
    for axis, module in modules.items():
        for index, param in enumerate(built.cell.policy[axis].params.values()):
            built.memory.m.params[list(registry.AXES).index(axis), index] = param
        found |= {name: value for name in HOOKS if isinstance(value := getattr(module, name, None), Hook)}
    missing = sorted(set(HOOKS) - set(found) - {hook.name for hook in SLAB_HOOKS})
    if missing:
        raise ValueError(f"no variant of this cell defines the hooks {', '.join(missing)}")
    for implementation in found.values():
        bind(built.memory.record, implementation)
    return list(found.values())
