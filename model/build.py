"""From a resolved cell to a machine record ready to run: sizes, tables, parameters, hooks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import ModuleType

import numpy as np

from model import layout, numa, registry, watermarks
from model.description import Cell, Machine, Region, Task
from model.jit import HOOKS, Hook, bind
from model.layout import CHUNK, MAX_IO, NONE, Memory
from model.mm import buddy, fault, page_alloc, shrink_list, state
from model.units import PAGE, S

SECTION_SHIFT = 10  # nodes are multiples of 4 MiB apart
QUANTUM_NS = 20_000  # how far an actor may run ahead of the next one
_KINDS = ("partition", "zram", "nbd", "nfs", "iscsi")
_MODES = ("local", "bind", "preferred", "preferred-many", "interleave", "weighted-interleave")
_ADVICE = ("normal", "random", "sequential")
CORE_HOOKS = (
    shrink_list.shrink_inactive, shrink_list.shrink_active, page_alloc.charged_frame, page_alloc.kernel_frame, fault.access
)  # fmt: skip
CLUSTER = {True: 512, False: 256}
PROTOCOL_NS = {"nbd": 10_000, "iscsi": 30_000, "nfs": 100_000}  # SwapTarget.protocol


@dataclass
class Built:
    """A machine record with the names of what its rows stand for."""

    memory: Memory
    cell: Cell
    tasks: list[str] = field(default_factory=list)
    cgroups: list[str] = field(default_factory=list)
    disks: list[str] = field(default_factory=list)
    swaps: list[str] = field(default_factory=list)


def expand(cell: Cell) -> dict[str, Task]:
    """The cell's tasks with `count` unrolled: `name` or `name.0`, `name.1`, ..."""
    tasks = {}
    for name, task in cell.tasks.items():
        for i in range(task.count):
            tasks[name if task.count == 1 else f"{name}.{i}"] = task
    return tasks


def region_pages(task: Task, footprint: int) -> list[int]:
    """Pages of each region; the one without a size gets what the stream's footprint leaves. ValueError if that fails."""
    sizes = [None if region.size is None else -(-region.size // PAGE) for region in task.memory]
    rest = footprint - sum(size or 0 for size in sizes)
    if None not in sizes:
        if rest > 0:
            raise ValueError(f"the stream touches {footprint} pages, its regions have {footprint - rest}")
        return [size for size in sizes if size is not None]
    if sizes.count(None) > 1 or rest <= 0:
        raise ValueError(
            f"the stream touches {footprint} pages: that leaves {rest} for {sizes.count(None)} regions without size"
        )
    return [rest if size is None else size for size in sizes]


def build(cell: Cell, footprints: Mapping[str, int], record_misses: int = 0) -> Built:
    """A machine for `cell` (already resolved by `registry.resolve`).

    `footprints`: pages each expanded task's stream touches; `record_misses`: accesses to keep miss bits for, 0 for none.
    """
    tasks = expand(cell)
    pages = {name: region_pages(task, footprints[name]) for name, task in tasks.items()}
    files = _file_table(tasks, pages)
    ptes = sum(-(-sum(sizes) // 512) * 512 for sizes in pages.values())
    swap_slots = sum(target.size // PAGE for target in cell.machine.swap.values())
    nr_frames = sum(node.memory for node in cell.machine.nodes) // PAGE
    memory = Memory(
        frames=nr_frames, pte=ptes, ptpage=ptes // 512 + 1, cache=(cache := sum(-(-f.pages // 64) * 64 for f in files.values())),
        xanode=cache // 64 + 1, swapcache=swap_slots, swapmap=swap_slots, stream=len(tasks) * CHUNK,
        missed=record_misses, section=(nr_frames >> SECTION_SHIFT) + 1, io=MAX_IO,
    )  # fmt: skip
    built = Built(memory, cell, list(tasks), ["", *cell.cgroups], list(cell.machine.disks), list(cell.machine.swap))
    modules = {axis: registry.load(axis, cell.policy[axis]) for axis in registry.AXES}
    _config(built, modules, record_misses)
    servers = _Servers(memory.record)
    _nodes(built, modules, servers)
    _lruvecs(built, modules, servers)
    _devices(built, servers)
    _cgroups(built)
    _tasks(built, tasks, pages, files)
    _hooks(built, modules)
    return built


@dataclass
class _File:
    number: int
    pages: int
    disk: str | None


def _file_table(tasks: Mapping[str, Task], pages: Mapping[str, list[int]]) -> dict[str, _File]:
    files: dict[str, _File] = {}
    for name, task in tasks.items():
        for i, (region, size) in enumerate(zip(task.memory, pages[name], strict=True)):
            if region.kind == "file":
                key = region.file or f"{name}/{i}"
                known = files.setdefault(key, _File(len(files), 0, region.disk))
                if known.disk != region.disk:
                    raise ValueError(
                        f"file {key!r} is on disk {known.disk!r} in one region and on {region.disk!r} in another"
                    )
                known.pages = max(known.pages, size)
    return files


class _Servers:
    """Hands out numbers of contended things."""

    def __init__(self, record: np.ndarray) -> None:
        self.config, self.used = record.cfg, 0

    def take(self, count: int = 1) -> int:
        first = self.used
        self.used += count
        self.config.nr_servers[0] = self.used
        if self.used > layout.MAX_SERVERS:
            raise ValueError(f"the machine has more than {layout.MAX_SERVERS} locks, channels and device queues")
        return first


def _config(built: Built, modules: Mapping[str, ModuleType], record_misses: int) -> None:
    cell, m = built.cell, built.memory.m
    cfg, vm = m.cfg, cell.vm
    machine = cell.machine
    cfg.nr_frames = len(built.memory.table("frames"))
    cfg.nr_nodes, cfg.nr_cpus = len(machine.nodes), sum(node.cpus for node in machine.nodes)
    cfg.nr_memcgs, cfg.nr_tasks, cfg.online_cpus = len(built.cgroups), len(built.tasks), cfg.nr_cpus
    cfg.zone_lruvecs = 1 if modules["lru"].SCOPE == "zone" else 0
    cfg.swappiness = vm.swappiness if vm.swappiness is not None else 60
    cfg.page_cluster = vm.page_cluster if vm.page_cluster is not None else 3
    cfg.min_unmapped_ratio = vm.min_unmapped_ratio if vm.min_unmapped_ratio is not None else 1
    far = max(max(row) for row in numa.distances(machine)) > 30
    cfg.zone_reclaim_mode = vm.zone_reclaim_mode if vm.zone_reclaim_mode is not None else int(far)
    cfg.lru_batch, cfg.charge_batch = modules["pcp"].LRU_BATCH, modules["pcp"].CHARGE_BATCH
    cfg.swap_by_vma = 1 if modules["swap_readahead"].BY_VMA else 0
    cfg.quantum, cfg.section_shift, cfg.hz = QUANTUM_NS, SECTION_SHIFT, machine.hz
    cfg.duration = cell.duration if cell.duration is not None else 1 << 62
    cfg.sample_accesses, cfg.sample_ns = cell.sampling.accesses or 0, cell.sampling.every or 0
    cfg.record_misses = 1 if record_misses else 0
    cfg.recency_by_advice = int(registry.eras()[cell.kernel].recency_by_advice)
    m.clock.next_sample = cfg.sample_accesses or cfg.sample_ns
    m.clock.next_flush = 2 * S
    costs = machine.costs
    for name in (
        "syscall",
        "copy_page",
        "scan_page",
        "reclaim_page",
        "swap_path",
        "io_path",
        "buddy",
        "kswapd_wake",
        "lru_lock",
    ):
        setattr(cfg, name, getattr(costs, name))
    cfg.minor_anon, cfg.minor_file, cfg.tlb = costs.minor_fault_anon, costs.minor_fault_file, costs.tlb_shootdown


def _nodes(built: Built, modules: Mapping[str, ModuleType], servers: _Servers) -> None:
    machine, m = built.cell.machine, built.memory.m
    zones, distance, latency = numa.zones_of(machine), numa.distances(machine), numa.latencies(machine)
    orders = numa.fallback_nodes(machine, modules["zonelist"])
    by_zone = modules["zonelist"].ZONE_ORDER and numa.zone_order_wanted(machine, built.cell.vm.numa_zonelist_order)
    m.cfg.nr_zones = len(zones)
    cpu = 0
    for nid, node in enumerate(machine.nodes):
        row, own = m.nodes[nid], [z for z, zone in enumerate(zones) if zone.node == nid]
        row.first_zone, row.nr_zones, row.cpus = own[0], len(own), node.cpus
        row.present, row.channel = node.memory // PAGE, servers.take()
        row.line_ps = 64 * 10**12 // node.bandwidth
        row.daemon_cpu = cpu if node.cpus else 0
        order = numa.zonelist(machine, orders[nid], by_zone)
        row.nr_zonelist = len(order)
        row.zonelist[: len(order)] = order
        row.distance[: len(distance)], row.cost[: len(distance)] = distance[nid], latency[nid]
        for _ in range(node.cpus):
            m.cpus[cpu].node = nid
            cpu += 1
        first = zones[own[0]].start
        built.memory.table("section")[first >> SECTION_SHIFT : (first + row.present - 1 >> SECTION_SHIFT) + 1] = nid
    _zones(built, modules, zones)


def _zones(built: Built, modules: Mapping[str, ModuleType], zones: list[numa.Zone]) -> None:
    m, vm, variant = built.memory.m, built.cell.vm, modules["watermarks"]
    managed, kinds = [zone.pages for zone in zones], [zone.kind for zone in zones]
    floor = vm.min_free_kbytes or watermarks.min_free_kbytes(managed, variant.MIN_FREE_CEILING_KB)
    marks = watermarks.levels(managed, kinds, floor, vm.watermark_scale_factor or 10, variant)
    for z, zone in enumerate(zones):
        row = m.zones[z]
        row.node, row.kind, row.start, row.span, row.managed = zone.node, zone.kind, zone.start, zone.pages, zone.pages
        row.wmark_min, row.wmark_low, row.wmark_high = marks[z]
        row.reserve[:] = watermarks.lowmem_reserves({z2.kind: z2.pages for z2 in zones if z2.node == zone.node})[
            zone.kind
        ]
        batch, high = modules["pcp"].sizes(zone.pages, marks[z][1], built.cell.machine.nodes[zone.node].cpus)
        for cpu in range(int(m.cfg.nr_cpus)):
            pcp = m.pcps[cpu, z]
            pcp.head = pcp.tail = NONE
            pcp.batch, pcp.high = batch, high
        row.areas["head"] = NONE
        _fill(built, z)


def _fill(built: Built, z: int) -> None:
    """Give the zone's frames to the buddy lists in the largest aligned blocks, lowest addresses first in line."""
    m, zone = built.memory.m, built.memory.m.zones[z]
    start, end = int(zone.start), int(zone.start + zone.span)
    blocks = []
    while start < end:
        order = layout.MAX_ORDER - 1
        while start & ((1 << order) - 1) or start + (1 << order) > end:
            order -= 1
        blocks.append((start, order))
        start += 1 << order
    buddy.free_blocks(m, z, np.array(blocks[::-1], dtype=np.int64))


def _lruvecs(built: Built, modules: Mapping[str, ModuleType], servers: _Servers) -> None:
    m = built.memory.m
    locks = {}
    for memcg in range(len(built.cgroups)):
        for z in range(int(m.cfg.nr_zones)):
            nid = int(m.zones[z].node)
            vec = m.lruvecs[memcg * int(m.cfg.nr_zones) + z]
            vec.lists["head"] = vec.lists["tail"] = NONE
            vec.memcg, vec.node, vec.zone = memcg, nid, z
            # One lru_lock a zone (node) until 5.10; one a lruvec since. Groups are few here, so both fit.
            if (key := (memcg, z if m.cfg.zone_lruvecs else nid)) not in locks:
                locks[key] = servers.take() if servers.used < layout.MAX_SERVERS // 2 else locks[(0, key[1])]
            vec.lock = locks[key]


def _devices(built: Built, servers: _Servers) -> None:
    machine, m = built.cell.machine, built.memory.m
    for d, disk in enumerate(machine.disks.values()):
        row = m.disks[d]
        row.first_server, row.parallel, row.channel = servers.take(disk.parallel), disk.parallel, servers.take()
        row.read_ns, row.write_ns = disk.read_latency, disk.write_latency
        row.read_page_ps, row.write_page_ps = (
            PAGE * 10**12 // disk.read_bandwidth,
            PAGE * 10**12 // disk.write_bandwidth,
        )
    links = list(machine.links)
    for n, link in enumerate(machine.links.values()):
        row = m.links[n]
        row.server_out, row.server_in, row.rtt = servers.take(), servers.take(), link.rtt
        payload, frame = link.mtu - 52, link.mtu + 38  # TCP/IP headers with timestamps; Ethernet framing and gap
        row.page_ps = PAGE * 10**12 * frame // (link.bandwidth * payload)
    first = 0
    for n, target in enumerate(machine.swap.values()):
        row = m.swaps[n]
        row.first, row.nslots, row.kind, row.priority = (
            first,
            target.size // PAGE,
            _KINDS.index(target.kind),
            target.priority,
        )
        row.lowest = row.cluster_next = row.cluster_end = first
        row.cluster = min(CLUSTER[not m.cfg.zone_lruvecs], max(1, int(row.nslots)))
        row.disk = built.disks.index(target.disk) if target.disk else NONE
        row.link = links.index(target.link) if target.link else NONE
        row.stored_bytes = max(1, min(PAGE, int(PAGE / target.compression_ratio)))
        row.pool, row.pool_node = NONE, 0
        row.out_ns, row.in_ns = _swap_costs(target, machine)
        first += int(row.nslots)
    m.cfg.nr_swaps, m.cfg.total_swap, m.cfg.nr_disks = len(machine.swap), first, len(machine.disks)


def _swap_costs(target, machine: Machine) -> tuple[int, int]:
    """Software time per page out and in: compression for zram, the protocol for network targets."""
    if target.kind == "zram":
        return target.compress, target.decompress
    protocol = target.protocol if target.protocol is not None else PROTOCOL_NS.get(target.kind, 0)
    return protocol, protocol


def _cgroups(built: Built) -> None:
    m = built.memory.m
    m.memcgs[0].limit, m.memcgs[0].swappiness = 1 << 62, -1
    for number, name in enumerate(built.cgroups[1:], start=1):
        group, row = built.cell.cgroups[name], m.memcgs[number]
        row.limit = group.max // PAGE if group.max is not None else 1 << 62
        row.swappiness = group.swappiness if group.swappiness is not None else -1
        row.stat_every = group.stat_read_every or 0


def _tasks(built: Built, tasks: Mapping[str, Task], pages: Mapping[str, list[int]], files: Mapping[str, _File]) -> None:
    m, cell = built.memory.m, built.cell
    start = 0
    for file in files.values():
        row = m.files[file.number]
        row.start, row.npages, row.first_region = start, file.pages, NONE
        row.disk = built.disks.index(file.disk) if file.disk else NONE
        start += -(-file.pages // 64) * 64
    m.cfg.nr_files = len(files)
    next_cpu = dict.fromkeys(range(len(cell.machine.nodes)), 0)
    region = pte = 0
    for t, (name, task) in enumerate(tasks.items()):
        row = m.tasks[t]
        row.node, row.memcg, row.time, row.think = (
            task.node,
            built.cgroups.index(task.cgroup or ""),
            task.start,
            task.think,
        )
        row.cpu = _cpu_of(cell.machine, task.node, next_cpu)
        row.pte_start, row.first_region, row.nr_regions = pte, region, len(task.memory)
        row.npages, row.state = sum(pages[name]), state.NEED_EVENTS
        _policy(row, task, cell.machine)
        first = 0
        for i, (part, size) in enumerate(zip(task.memory, pages[name], strict=True)):
            _region(m, region, part, pte + first, first, size, files.get(part.file or f"{name}/{i}"))
            if not registry.eras()[cell.kernel].fault_around:
                m.regions[region].fault_around = 1
            region, first = region + 1, first + size
        pte += -(-first // 512) * 512
    m.cfg.nr_regions = region


def _cpu_of(machine: Machine, node: int, next_cpu: dict[int, int]) -> int:
    before = sum(other.cpus for other in machine.nodes[:node])
    cpu = before + next_cpu[node] % machine.nodes[node].cpus
    next_cpu[node] += 1
    return cpu


def _policy(row, task: Task, machine: Machine) -> None:
    policy, n = task.mempolicy, len(machine.nodes)
    others = numa.nearest_nodes(machine, task.node)
    wanted = {"remote": others or [task.node], "all": list(range(n))}.get(policy.nodes, policy.nodes)  # type: ignore[arg-type]
    chosen = list(wanted) or list(range(n))
    row.mode, row.home = _MODES.index(policy.mode), chosen[0]
    row.mask = sum(1 << node for node in chosen)
    row.il_node = layout.MAX_NODES - 1
    weights = numa.automatic_weights(machine) if policy.weights == "auto" else policy.weights
    if policy.weights != "auto" and len(weights) != n:
        weights = [weights[chosen.index(node)] if node in chosen else 1 for node in range(n)]
    row.weights[:n] = weights


def _region(m, number: int, region: Region, start: int, first: int, size: int, file: _File | None) -> None:
    row = m.regions[number]
    row.start, row.first, row.npages = start, first, size
    row.kind = (
        state.REGION_ANON
        if region.kind == "anon"
        else state.REGION_MMAP
        if region.access == "mmap"
        else state.REGION_READ
    )
    row.readahead, row.fault_around = region.readahead // PAGE, region.fault_around // PAGE
    row.advice = _ADVICE.index(region.advice)
    row.prev_page = row.swap_prev = NONE
    row.next_of_file = NONE
    if file is not None:
        row.file = file.number
        row.next_of_file = m.files[file.number].first_region
        m.files[file.number].first_region = number


def _hooks(built: Built, modules: Mapping[str, ModuleType]) -> None:
    """Enter every hook an axis' variant defines; a hook nobody defines would be a mistake in the registry."""
    found = {hook.name: hook for hook in CORE_HOOKS}
    for axis, module in modules.items():
        for index, value in enumerate(built.cell.policy[axis].params.values()):
            built.memory.m.params[list(registry.AXES).index(axis), index] = value
        found |= {name: value for name in HOOKS if isinstance(value := getattr(module, name, None), Hook)}
    missing = sorted(set(HOOKS) - set(found))
    if missing:
        raise ValueError(f"no variant of this cell defines the hooks {', '.join(missing)}")
    for implementation in found.values():
        bind(built.memory.record, implementation)
