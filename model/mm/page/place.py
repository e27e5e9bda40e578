"""Nodes, CPUs and zones of a machine record: watermarks, zonelists, free memory."""

from collections.abc import Iterator, Mapping, Set
from types import ModuleType

import numpy as np

from mmrun.model.core.record import NONE
from mmrun.model.dma.swiotlb.boot import set_aside
from mmrun.model.machine import numa
from mmrun.model.machine.built import SECTION_SHIFT, Built, Plan
from mmrun.model.machine.state import cpus
from mmrun.model.machine.state import nodes as nodes_of
from mmrun.model.mm.cma.areas import areas_of, between, kept
from mmrun.model.mm.memcg.place import page_cgroup_pages
from mmrun.model.mm.memcg.state import memcg_count
from mmrun.model.mm.page import buddy, highatomic, pcp, vmstat, watermarks
from mmrun.model.mm.page.ageing import age
from mmrun.model.mm.page.flags import BOOT_PAGE, KERNEL, MOVABLE
from mmrun.model.mm.page.gfp import ZONE_NORMAL
from mmrun.model.mm.page.state import EXTFRAG_EVENTS, MAX_ORDER, alloc_settings, pcp_settings, pcp_state, pcps
from mmrun.model.mm.page.state import zones as zones_of
from mmrun.model.units import PAGE, PAGE_SHIFT

RECLAIM_DISTANCE = 30
OF_ZONES = {  # settings from which watermarks or sizes of per-CPU lists follow
    "min_free_kbytes", "watermark_scale_factor", "percpu_pagelist_fraction", "percpu_pagelist_high_fraction",
}  # fmt: skip


def rows(plan: Plan) -> dict[str, int | tuple[int, int]]:
    """How many rows each table has."""
    return {
        "frames": plan.frames, "pageblocks": (plan.frames >> buddy.PAGEBLOCK_ORDER) + 1, "zones": plan.zones,
        "pcps": (plan.cpus, plan.zones), "extfrag": EXTFRAG_EVENTS,
    }  # fmt: skip


def servers(plan: Plan) -> int:
    """Memory channels: one a node."""
    return plan.nodes


def place(built: Built) -> None:
    """Fill the rows of nodes, CPUs and zones; every frame starts free."""
    machine, m, modules, servers = built.cell.machine, built.memory.m, built.modules, built.servers
    far = max(max(row) for row in numa.distances(machine)) > RECLAIM_DISTANCE
    if built.cell.vm.zone_reclaim_mode is None:
        alloc_settings(m).zone_reclaim_mode = int(far)
    built.memory.table("pageblocks")[:] = MOVABLE
    zones, distance, latency = numa.zones_of(machine), numa.distances(machine), numa.latencies(machine)
    orders = numa.fallback_nodes(machine, modules["zonelist"])
    by_zone = modules["zonelist"].ZONE_ORDER and numa.zone_order_wanted(machine, built.cell.vm.numa_zonelist_order)
    cpu = 0
    for nid, node in enumerate(machine.nodes):
        row, own = nodes_of(m)[nid], [z for z, zone in enumerate(zones) if zone.node == nid]
        row.first_zone, row.nr_zones, row.cpus = own[0], len(own), node.cpus
        row.present, row.channel = node.memory // PAGE, servers.take()
        row.line_ps = 64 * 10**12 // node.bandwidth
        row.daemon_cpu = cpu if node.cpus else 0
        order = numa.zonelist(machine, orders[nid], by_zone)
        row.nr_zonelist = len(order)
        row.zonelist[: len(order)] = order
        row.distance[: len(distance)], row.cost[: len(distance)] = distance[nid], latency[nid]
        for _ in range(node.cpus):
            cpus(m)[cpu].node = nid
            cpu += 1
        first = zones[own[0]].start
        built.memory.table("section")[first >> SECTION_SHIFT : (first + row.present - 1 >> SECTION_SHIFT) + 1] = nid
    _per_cpu_lists(built)
    if all(zone.kind != ZONE_NORMAL for zone in zones):
        alloc_settings(m).nofragment = 0  # it is about Normal zones only
    _zones(built, modules, zones)


def start(built: Built) -> None:
    """Age the memory of nodes that begin so."""
    age(built)


def _page_cgroups(built: Built, zones: list[numa.Zone]) -> list[int]:
    """Pages of each zone that hold the page_cgroups of its node's frames; the highest zones give first."""
    taken = [0] * len(zones)
    for nid, node in enumerate(built.cell.machine.nodes):
        rest = page_cgroup_pages(built.cell, node.memory // PAGE)
        for z in reversed([z for z, zone in enumerate(zones) if zone.node == nid]):
            taken[z] = min(rest, zones[z].pages)
            rest -= taken[z]
    memcg_count(built.memory.m).page_cgroup_pages = sum(taken)
    return taken


def _per_cpu_lists(built: Built) -> None:
    """What per-CPU lists of this version and variant hold, and when CPUs look at them for the first time."""
    own, variant = pcp_settings(built.memory.m), built.modules["pcp"]
    own.high_orders, own.tuned = int(variant.HIGH_ORDERS), int(hasattr(variant, "high_max"))
    pcp_state(built.memory.m).next_update = vmstat.INTERVAL


def per_cpu_sizes(built: Built, zone: numa.Zone, low: int) -> tuple[int, int, int]:
    """(batch, least high, most high) of a zone's per-CPU lists in pages; `low` is its watermark.

    A node without CPUs shares its own among all. In the kernel: zone_set_pageset_high_and_batch, zone_highsize.
    """
    vm, variant = built.cell.vm, built.modules["pcp"]
    sharers = built.cell.machine.nodes[zone.node].cpus or built.plan.cpus
    batch, high = variant.sizes(zone.pages, low, sharers)
    if fraction := vm.percpu_pagelist_fraction:  # pageset_set_high
        high = zone.pages // fraction
        return max(1, min(high // 4, 8 * PAGE_SHIFT)), high, high
    if fraction := vm.percpu_pagelist_high_fraction:
        high = max(zone.pages // fraction // sharers, 4 * batch)
        return batch, high, high
    return batch, high, variant.high_max(zone.pages, batch, sharers) if pcp_settings(built.memory.m).tuned else high


def _levels(built: Built, managed: list[int], kinds: list[int]) -> list[tuple[int, int, int]]:
    """Watermarks of zones with so many pages and of these kinds, by the cell's settings."""
    vm, variant = built.cell.vm, built.modules["watermarks"]
    ceiling = int(built.cell.policy["watermarks"].params.get("ceiling_kb", variant.MIN_FREE_CEILING_KB))
    floor, scale = vm.min_free_kbytes or watermarks.min_free_kbytes(managed, ceiling), vm.watermark_scale_factor or 10
    if vm.min_free_kbytes is None and vm.transparent_hugepage in ("always", "madvise"):
        high = [marks[2] for marks in watermarks.levels(managed, kinds, floor, scale, variant)]
        floor = max(floor, watermarks.for_huge_pages(managed, kinds, high))
    return watermarks.levels(managed, kinds, floor, scale, variant)


def changed(built: Built, names: Set[str]) -> None:
    """Watermarks, the reserve and sizes of per-CPU lists follow from new settings (setup_per_zone_wmarks).

    A boost goes with the old watermarks.
    """
    if not names & OF_ZONES:
        return
    m, rows = built.memory.m, zones_of(built.memory.m)
    marks = _levels(built, rows["managed"].tolist(), rows["kind"].tolist())
    for z, zone in enumerate(numa.zones_of(built.cell.machine)):
        row = rows[z]
        row.wmark_min, row.wmark_low, row.wmark_high = marks[z]
        row.boost = row.boosted = 0
        row.alloc_batch = row.wmark_high - row.wmark_low
        row.totalreserve = watermarks.total_reserve(zone.pages, marks[z][2], row.reserve)
        sizes, before = per_cpu_sizes(built, zone, marks[z][1]), (row.pcp_batch, row.pcp_high_min, row.pcp_high_max)
        if sizes != before:
            row.pcp_batch, row.pcp_high_min, row.pcp_high_max = sizes
            pcp.zone_pcp_enable(m, z)


def _zones(built: Built, modules: Mapping[str, ModuleType], zones: list[numa.Zone]) -> None:
    m = built.memory.m
    managed = [zone.pages - kept(built.cell, modules, z) for z, zone in enumerate(zones)]
    for area in set_aside(built.cell, modules):
        managed[area.zone] -= area.pages
    reserved = _page_cgroups(built, zones)
    marks = _levels(built, managed, [zone.kind for zone in zones])
    for z, zone in enumerate(zones):
        row = zones_of(m)[z]
        row.node, row.kind, row.start, row.span, row.managed = zone.node, zone.kind, zone.start, zone.pages, managed[z]
        row.wmark_min, row.wmark_low, row.wmark_high = marks[z]
        row.alloc_batch = row.wmark_high - row.wmark_low
        siblings = {other.kind: other.pages for other in zones if other.node == zone.node}
        row.reserve[:] = watermarks.lowmem_reserves(siblings)[zone.kind]
        row.totalreserve = watermarks.total_reserve(zone.pages, marks[z][2], row.reserve)
        row.pcp_batch, row.pcp_high_min, row.pcp_high_max = per_cpu_sizes(built, zone, marks[z][1])
        pcps(m)["lists"]["head"][:, z] = pcps(m)["lists"]["tail"][:, z] = NONE
        pcp.zone_pcp_enable(m, z)
        row.areas["head"] = row.areas["tail"] = NONE
        _fill(built, z, reserved[z])


def _fill(built: Built, z: int, reserved: int) -> None:
    """Give the zone's frames to the buddy lists in the largest aligned blocks, in the order of addresses.

    The first `reserved` are the kernel's: allocated after the zone was sized, so that its watermarks include them.
    Contiguous memory areas are set aside.
    """
    m, zone = built.memory.m, zones_of(built.memory.m)[z]
    start, end = int(zone.start) + reserved, int(zone.start + zone.span)
    of_boot = [*areas_of(built.cell, built.modules), *set_aside(built.cell, built.modules)]
    areas = [area for area in of_boot if area.zone == z]
    for first, last in ((int(zone.start), start), *((area.first, area.first + area.pages) for area in areas)):
        own = built.memory.table("frames")[first:last]
        own["state"], own["zone"], own["node"], own["kind"] = KERNEL, z, zone.node, BOOT_PAGE
    blocks = [block for piece in between(start, end, areas) for block in _blocks(*piece)]
    buddy.free_blocks(m, z, np.array(blocks, dtype=np.int64).reshape(-1, 2))
    if alloc_settings(m).reserve_cap == 0:
        highatomic.setup_zone_migrate_reserve(m, z)


def _blocks(start: int, end: int) -> Iterator[tuple[int, int]]:
    """The largest aligned blocks that make up frames [start, end): first frame and order of each."""
    while start < end:
        order = MAX_ORDER - 1
        while start & ((1 << order) - 1) or start + (1 << order) > end:
            order -= 1
        yield start, order
        start += 1 << order
