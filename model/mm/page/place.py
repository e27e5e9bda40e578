"""Nodes, CPUs and zones of a machine record: watermarks, zonelists, free memory."""

from collections.abc import Mapping
from types import ModuleType

import numpy as np

from mmrun.model.core.record import NONE
from mmrun.model.machine import numa
from mmrun.model.machine.built import SECTION_SHIFT, Built, Plan
from mmrun.model.machine.state import cpus, geometry
from mmrun.model.machine.state import nodes as nodes_of
from mmrun.model.mm.memcg.place import page_cgroup_pages
from mmrun.model.mm.memcg.state import memcg_count
from mmrun.model.mm.page import buddy, watermarks
from mmrun.model.mm.page.flags import BOOT_PAGE, KERNEL, MOVABLE
from mmrun.model.mm.page.state import MAX_ORDER, alloc_settings, pcps
from mmrun.model.mm.page.state import zones as zones_of
from mmrun.model.units import PAGE

RECLAIM_DISTANCE = 30


def rows(plan: Plan) -> dict[str, int | tuple[int, int]]:
    """How many rows each table has."""
    return {
        "frames": plan.frames, "pageblocks": (plan.frames >> buddy.PAGEBLOCK_ORDER) + 1, "zones": plan.zones,
        "pcps": (plan.cpus, plan.zones),
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
    _zones(built, modules, zones)


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


def _zones(built: Built, modules: Mapping[str, ModuleType], zones: list[numa.Zone]) -> None:
    m, vm, variant = built.memory.m, built.cell.vm, modules["watermarks"]
    managed, kinds = [zone.pages for zone in zones], [zone.kind for zone in zones]
    ceiling = int(built.cell.policy["watermarks"].params.get("ceiling_kb", variant.MIN_FREE_CEILING_KB))
    floor, scale = vm.min_free_kbytes or watermarks.min_free_kbytes(managed, ceiling), vm.watermark_scale_factor or 10
    if vm.min_free_kbytes is None and vm.transparent_hugepage in ("always", "madvise"):
        high = [marks[2] for marks in watermarks.levels(managed, kinds, floor, scale, variant)]
        floor = max(floor, watermarks.for_huge_pages(managed, kinds, high))
    reserved = _page_cgroups(built, zones)
    marks = watermarks.levels(managed, kinds, floor, scale, variant)
    for z, zone in enumerate(zones):
        row = zones_of(m)[z]
        row.node, row.kind, row.start, row.span, row.managed = zone.node, zone.kind, zone.start, zone.pages, zone.pages
        row.wmark_min, row.wmark_low, row.wmark_high = marks[z]
        row.alloc_batch = row.wmark_high - row.wmark_low
        siblings = {other.kind: other.pages for other in zones if other.node == zone.node}
        row.reserve[:] = watermarks.lowmem_reserves(siblings)[zone.kind]
        row.totalreserve = watermarks.total_reserve(zone.pages, marks[z][2], row.reserve)
        batch, high = modules["pcp"].sizes(zone.pages, marks[z][1], built.cell.machine.nodes[zone.node].cpus)
        for cpu in range(int(geometry(m).nr_cpus)):
            pcp = pcps(m)[cpu, z]
            pcp.head = pcp.tail = NONE
            pcp.batch, pcp.high = batch, high
        row.areas["head"] = row.areas["tail"] = NONE
        _fill(built, z, reserved[z])


def _fill(built: Built, z: int, reserved: int) -> None:
    """Give the zone's frames to the buddy lists in the largest aligned blocks, lowest addresses first in line.

    The first `reserved` are the kernel's: allocated after the zone was sized, so that its watermarks include them.
    """
    m, zone = built.memory.m, zones_of(built.memory.m)[z]
    start, end = int(zone.start) + reserved, int(zone.start + zone.span)
    own = built.memory.table("frames")[int(zone.start) : start]
    own["state"], own["zone"], own["node"], own["kind"] = KERNEL, z, zone.node, BOOT_PAGE
    blocks = []
    while start < end:
        order = MAX_ORDER - 1
        while start & ((1 << order) - 1) or start + (1 << order) > end:
            order -= 1
        blocks.append((start, order))
        start += 1 << order
    buddy.free_blocks(m, z, np.array(blocks[::-1], dtype=np.int64))
