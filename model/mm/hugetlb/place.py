"""Pools of a machine record: pages taken at boot, while all memory is free."""

from collections.abc import Set

from mmrun.model.core.jit import Hook
from mmrun.model.core.record import NONE
from mmrun.model.machine.built import Built, Plan
from mmrun.model.machine.state import nodes
from mmrun.model.mm.hugetlb.fault import hugetlb_fault, hugetlb_unmap
from mmrun.model.mm.hugetlb.pool import boot_page
from mmrun.model.mm.hugetlb.requests import set_nr_hugepages, set_nr_overcommit
from mmrun.model.mm.hugetlb.settings import SMALL_PAGES, has_pools
from mmrun.model.mm.hugetlb.state import GIB1, MIB2, ORDERS, POOLS, hugetlb_settings, pools
from mmrun.model.mm.page.buddy import rmqueue_smallest, take_free_block
from mmrun.model.mm.page.flags import FREE, KERNEL, MOVABLE, TAIL_PAGE
from mmrun.model.mm.page.state import zones
from mmrun.model.rules.record import Fault, Unsound

LARGEST = 10  # order of the largest free blocks


def _wanted(plan: Plan) -> bool:
    from mmrun.model.core.mechanism import Case

    return has_pools(Case(plan.cell, {}, {}))


def rows(plan: Plan) -> dict[str, int]:
    """How many rows each table has; mappings only where there are pools."""
    regions = sum(len(task.memory) for task in plan.tasks.values())
    return {"pools": POOLS, "mappings": regions * _wanted(plan)}


def hooks(plan: Plan) -> tuple[Hook, ...]:
    """Faults on memory of pools, its end, and writes to the sysctls."""
    return (hugetlb_fault, hugetlb_unmap, set_nr_hugepages, set_nr_overcommit)


def changed(built: Built, names: Set[str]) -> None:
    """How many surplus pages the pool may take."""
    if "nr_overcommit_hugepages" in names and _wanted(built.plan):
        pools(built.memory.m)[MIB2].overcommit = built.cell.vm.nr_overcommit_hugepages or 0


def place(built: Built) -> None:
    """Take what was asked for at boot and by vm.nr_hugepages; `Unsound` where memory has no room for it."""
    m, cell = built.memory.m, built.cell
    for pool in pools(m):
        pool.lists["head"] = pool.lists["tail"] = NONE
    if not _wanted(built.plan):
        return
    hugetlb_settings(m).hugetlb_charged = int(cell.memory_hugetlb_accounting)
    pools(m)[MIB2].overcommit = cell.vm.nr_overcommit_hugepages or 0
    for nid, node in enumerate(cell.machine.nodes):
        for _ in range(node.gigantic_pages):
            _boot(built, GIB1, nid, f"machine.nodes.{nid}.gigantic_pages")
    for nid, node in enumerate(cell.machine.nodes):
        for _ in range(node.hugepages):
            _boot(built, MIB2, nid, f"machine.nodes.{nid}.hugepages")
    _by_sysctl(built, cell.vm.nr_hugepages or 0)
    number = 0
    for task in built.plan.tasks.values():
        for region in task.memory:
            if region.hugetlb:
                row = built.memory.table("mappings")[number]
                row.pool, row.noreserve = list(SMALL_PAGES).index(region.hugetlb) + 1, int(region.noreserve)
            number += 1


def _by_sysctl(built: Built, count: int) -> None:
    """Persistent pages up to `count`, from the nodes in turn."""
    m, full = built.memory.m, 0
    pool = pools(m)[MIB2]
    while pool.nr < count and full < built.plan.nodes:
        nid = int(pool.next_alloc)
        pool.next_alloc = (nid + 1) % built.plan.nodes
        pfn = _block(built, MIB2, nid)
        full = 0 if pfn != NONE else full + 1
        if pfn != NONE:
            boot_page(m, MIB2, pfn, nid)
    if pool.nr < count:
        raise Unsound([Fault(("vm", "nr_hugepages"), f"memory has room for {pool.nr} huge pages", "ask for less")])


def _boot(built: Built, size: int, nid: int, where: str) -> None:
    pfn = _block(built, size, nid)
    if pfn == NONE:
        raise Unsound([Fault(tuple(where.split(".")), "the node has no room for so many huge pages", "ask for less")])
    boot_page(built.memory.m, size, pfn, nid)


def _block(built: Built, size: int, nid: int) -> int:
    """The first frame of a block for a page on the node, from its highest zone that has one; NONE: none has."""
    m, node = built.memory.m, nodes(built.memory.m)[nid]
    for z in range(int(node.first_zone + node.nr_zones) - 1, int(node.first_zone) - 1, -1):
        pfn = int(rmqueue_smallest(m, z, ORDERS[MIB2], MOVABLE)) if size == MIB2 else _adjacent(built, z)
        if pfn != NONE:
            return _compound(built, pfn, ORDERS[size], z, nid)
    return NONE


def _adjacent(built: Built, z: int) -> int:
    """Free blocks of the largest order that make up an aligned 1 GiB, the highest in the zone; NONE: there are none."""
    m, frames, zone = built.memory.m, built.memory.table("frames"), zones(built.memory.m)[z]
    span, step = 1 << ORDERS[GIB1], 1 << LARGEST
    last = int(zone.start + zone.span) // span * span - span
    for first in range(last, int(zone.start) - 1, -span):
        own = frames[first : first + span : step]
        if (own["state"] == FREE).all() and (own["order"] == LARGEST).all():
            for pfn in range(first, first + span, step):
                take_free_block(m, z, pfn)
            return first
    return NONE


def _compound(built: Built, pfn: int, order: int, z: int, nid: int) -> int:
    own = built.memory.table("frames")[pfn : pfn + (1 << order)]
    own["zone"], own["node"], own["state"], own["order"] = z, nid, 0, 0
    own["kind"], own["owner"] = TAIL_PAGE, pfn
    own["state"][0], own["order"][0] = KERNEL, order
    return pfn
